"""Idempotency stores with one thing got wrong each, for checkers to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Notes,
    Owned,
    Record,
    Replay,
    StoredOutcome,
    Windows,
)
from syncpatterns.testing import FakeClock


class Faulty:
    """A memory store in which one method was got wrong."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.store = MemoryEngine(clock=clock).idempotency_store()

    def __getattr__(self, method: str) -> Any:
        return getattr(self.store, method)


class CompletesWithoutToken(Faulty):
    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        record = self.store.inspect(key)
        mine = token if record is None else record.token
        return self.store.complete(key, mine, outcome, windows)


class ReleasesWithoutToken(Faulty):
    def release(self, key: str, token: int) -> bool:
        record = self.store.inspect(key)
        return self.store.release(key, token if record is None else record.token)


class TakesOverForAnotherPayload(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        record = self.store.inspect(request.key)
        if record is not None and record.state == "in_progress":
            request = request._replace(fingerprint=record.fingerprint)
        return self.store.claim(request)


class KeepsOneFingerprint(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        return self.store.claim(request._replace(command=b"", door=b""))


class ForgetsTheDoor(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        door = request.nonce.encode() if request.door else b""
        return self.store.claim(request._replace(door=door))


class ForgetsOnRelease(Faulty):
    def release(self, key: str, token: int) -> bool:
        released = self.store.release(key, token)
        if released:
            self.store.evict(key)
        return released


class SweepsTheLiving(Faulty):
    def sweep(self, limit: int) -> int:
        keys = list(self.store._table._records)[:limit]
        return sum(self.store.evict(key) for key in keys)


class SweepsWithoutLimit(Faulty):
    def sweep(self, limit: int) -> int:
        return self.store.sweep(1_000_000)


class RepeatsTokens(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        answer = self.store.claim(request)
        return answer._replace(token=1) if isinstance(answer, Owned) else answer

    def __getattr__(self, method: str) -> Any:
        def call(key: str, token: Any = None, *rest: Any) -> Any:
            record = self.store.inspect(key)
            if method in ("complete", "release", "abandon", "renew") and record:
                token = record.token
            return getattr(self.store, method)(key, token, *rest)

        needs_token = method in ("complete", "release", "abandon", "renew")
        return call if needs_token else getattr(self.store, method)


class SortsHeaders(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        answer = self.store.claim(request)
        if not isinstance(answer, Replay):
            return answer
        headers = tuple(sorted(answer.outcome.headers))
        return answer._replace(outcome=answer.outcome._replace(headers=headers))


class CountsWindowsFromTheClaim(Faulty):
    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        record = self.store.inspect(key)
        late = 0.0 if record is None else self.clock.time() - record.created
        left = min(max(0.0, windows.replay - late), windows.dedupe)
        return self.store.complete(key, token, outcome, Windows(left, windows.dedupe))


class BusyForItsOwnNonce(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        record = self.store.inspect(request.key)
        if record is not None and record.nonce == request.nonce:
            request = request._replace(nonce="somebody else")
        return self.store.claim(request)


class ForgetsTheProbe(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        answer = self.store.claim(request)
        return answer._replace(probe=False) if isinstance(answer, Owned) else answer


class ListsNothing(Faulty):
    def unresolved(self, limit: int) -> list[Record]:
        return []


class RenewsAnybody(Faulty):
    def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        record = self.store.inspect(key)
        mine = token if record is None else record.token
        return self.store.renew(key, mine, lease, windows)


class NotesForAnybody(Faulty):
    def note(self, key: str, token: int, notes: Notes) -> bool:
        record = self.store.inspect(key)
        return self.store.note(key, token if record is None else record.token, notes)


class KeepsTheFirstNote(Faulty):
    def note(self, key: str, token: int, notes: Notes) -> bool:
        record = self.store.inspect(key)
        names = [] if record is None else [name for name, _ in record.notes]
        new = tuple(each for each in notes if each[0] not in names)
        return self.store.note(key, token, new)


class _OverTheTable(Faulty):
    """Rewrites a record behind the store's back."""

    def rewrite(self, key: str, **changes: Any) -> None:
        table = self.store._table
        with table.lock:
            record = table.get(key)
            if record is not None:
                now = self.store._now()
                table.put(record._replace(**changes), now, new=False)


class LosesNotesOnRelease(_OverTheTable):
    def release(self, key: str, token: int) -> bool:
        released = self.store.release(key, token)
        if released:
            self.rewrite(key, notes=())
        return released


class LosesNotesOnRenewal(_OverTheTable):
    def renew(self, key: str, token: int, lease: float, windows: Windows) -> bool:
        renewed = self.store.renew(key, token, lease, windows)
        if renewed:
            self.rewrite(key, notes=())
        return renewed


class LosesNotesOnTakeover(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        answer = self.store.claim(request)
        if isinstance(answer, Owned) and answer.abandoned:
            return answer._replace(notes=request.notes)
        return answer


class LosesNotesOnAbandonment(_OverTheTable):
    def abandon(self, key: str, token: int) -> bool:
        abandoned = self.store.abandon(key, token)
        if abandoned:
            self.rewrite(key, notes=())
        return abandoned


class KeepsNotesForEver(_OverTheTable):
    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        record = self.store.inspect(key)
        completed = self.store.complete(key, token, outcome, windows)
        if completed and record is not None:
            self.rewrite(key, notes=record.notes)
        return completed


class KeepsAVoidReceipt(_OverTheTable):
    def resolve(self, key: str, *args: Any, **more: Any) -> bool:
        record = self.store.inspect(key)
        resolved = self.store.resolve(key, *args, **more)
        if resolved and record is not None and args[0] is None:
            self.rewrite(key, notes=record.notes)
        return resolved


class SkipsStepsForAnother(Faulty):
    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        record = self.store.inspect(request.key)
        if record is not None and record.state == "free":
            request = request._replace(fingerprint=record.fingerprint)
        return self.store.claim(request)


class ListsTheLiving(Faulty):
    def lapsed(self, limit: int) -> list[Record]:
        records = list(self.store._table._records.values())
        return [each for each in records if each.state == "in_progress"][:limit]


class ListsNoLapse(Faulty):
    def lapsed(self, limit: int) -> list[Record]:
        return []


class ResolvesTheUnknownOnly(Faulty):
    def resolve(self, key: str, *args: Any, **more: Any) -> bool:
        record = self.store.inspect(key)
        if record is None or record.state != "unknown":
            return False
        return self.store.resolve(key, *args, **more)


class ResolvesWithoutFencing(_OverTheTable):
    def resolve(self, key: str, *args: Any, **more: Any) -> bool:
        record = self.store.inspect(key)
        resolved = self.store.resolve(key, *args, **more)
        if resolved and record is not None:
            self.rewrite(key, token=record.token)
        return resolved


class ForgetsWhoResolved(Faulty):
    def resolve(
        self,
        key: str,
        outcome: StoredOutcome | None,
        windows: Windows,
        **who: str,
    ) -> bool:
        return not who and self.store.resolve(key, outcome, windows)


#: Every one of them, as a function of the clock.
FAULTY: list[Callable[[FakeClock], Any]] = [
    each
    for each in (*Faulty.__subclasses__(), *_OverTheTable.__subclasses__())
    if each is not _OverTheTable
]
