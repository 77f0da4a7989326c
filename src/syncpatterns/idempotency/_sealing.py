"""Stored answers and notes, sealed on their way in and opened on their way out.

Each is bound to its storage key: a row that is copied under another key does
not open there. A stored answer that does not open is an outcome that nobody
knows: it is not given, and nothing is run again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Mismatch,
    Notes,
    Owned,
    Record,
    Replay,
    StoredOutcome,
    Unresolved,
    Windows,
)
from syncpatterns.idempotency._ports import (
    AsyncIdempotencyStore,
    IdempotencyStore,
    Stores,
)
from syncpatterns.sealing._errors import NotSealed, SealError
from syncpatterns.sealing._frames import (
    checked_sealer,
    is_sealed,
    opened,
    place,
    sealed,
)
from syncpatterns.sealing._sealer import Sealer

_log = logging.getLogger("syncpatterns.idempotency")

T = TypeVar("T")

#: What neither takes nor gives anything that is sealed. What a store learns later
#: is missing here until somebody has thought about it.
PASSED_ON: Final = frozenset({"abandon", "evict", "name", "release", "renew", "sweep"})


class RecordSeals:
    """Seals and opens what is kept under a key; pure, and for any thread.

    Args:
        sealer: Holds the keys.
        require: What lies open is not taken.
    """

    def __init__(self, sealer: Sealer, *, require: bool) -> None:
        self._sealer: Final = sealer
        self.require: Final = require

    def request_in(self, request: ClaimRequest) -> ClaimRequest:
        """Return *request* as a store sees it.

        A fingerprint is a plain digest: whoever guesses the payload could test
        the guess on it. Equal ones have equal pseudonyms, under one key.
        """
        return request._replace(
            fingerprint=self._asked(request.key, request.fingerprint),
            command=self._asked(request.key, request.command),
            notes=self.notes_in(request.key, request.notes),
        )

    def _asked(self, key: str, print_: bytes) -> bytes:
        if not print_:
            return print_
        return self._sealer.pseudonym(place(b"asked", key.encode(), print_))

    def outcome_in(self, key: str, outcome: StoredOutcome) -> StoredOutcome:
        """Return *outcome* with its body sealed; status and headers stay."""
        if not outcome.body:
            return outcome
        bound = _of_answer(key, outcome)
        try:
            return outcome._replace(body=sealed(self._sealer, outcome.body, bound))
        except SealError as why:
            # It has happened by now: a duplicate has to learn that, and no more.
            _log.error(
                "[%s]: it was done, but its result cannot be sealed: %s", key[:8], why
            )
            return StoredOutcome("tombstone")

    def outcome_out(self, key: str, outcome: StoredOutcome) -> StoredOutcome:
        """Return what `outcome_in` was given.

        Raises:
            SealError: It cannot be opened here.
        """
        if not outcome.body:
            return outcome
        return outcome._replace(body=self._out(outcome.body, _of_answer(key, outcome)))

    def notes_in(self, key: str, notes: Notes) -> Notes:
        """Return *notes*, each sealed under its name."""
        return tuple(
            (name, sealed(self._sealer, data, _of_note(key, name)))
            for name, data in notes
        )

    def notes_out(self, key: str, notes: Notes) -> Notes:
        """Return what `notes_in` was given.

        Raises:
            SealError: One cannot be opened here.
        """
        return tuple(
            (name, self._out(data, _of_note(key, name))) for name, data in notes
        )

    def record_out(self, record: Record) -> Record:
        """Return *record* opened; as it is stored, where that cannot be."""
        outcome = record.outcome
        try:
            if outcome is not None:
                outcome = self.outcome_out(record.key, outcome)
            notes = self.notes_out(record.key, record.notes)
        except SealError:
            return record
        return record._replace(outcome=outcome, notes=notes)

    def _out(self, data: bytes, bound: bytes) -> bytes:
        if is_sealed(data):
            return opened(self._sealer, data, bound)
        if self.require:
            raise NotSealed
        return data


def _of_answer(key: str, outcome: StoredOutcome) -> bytes:
    # A value that was made a refusal would be raised at its caller.
    kind = f"{outcome.kind} {outcome.status}".encode()
    return place(b"answer", key.encode(), kind)


def _of_note(key: str, name: str) -> bytes:
    return place(b"note", key.encode(), name.encode("utf-8", "surrogatepass"))


class _Ask(Effect[Any]):
    """A method of the store, by name."""

    __slots__ = ("args", "method")

    def __init__(self, method: str, *args: Any) -> None:
        self.method = method
        self.args = args


def _claimed(seals: RecordSeals, request: ClaimRequest) -> Flow[_Ask, ClaimAnswer]:
    sealed_request = seals.request_in(request)
    answer: ClaimAnswer = yield from _Ask("claim", sealed_request)
    if isinstance(answer, Mismatch) and not seals.require:
        # It may be known from before there was a seal, by its plain fingerprint.
        plain = request._replace(notes=sealed_request.notes)
        answer = yield from _Ask("claim", plain)
    try:
        if isinstance(answer, Replay):
            outcome = seals.outcome_out(request.key, answer.outcome)
            return answer._replace(outcome=outcome)
        if isinstance(answer, Owned):
            return answer._replace(notes=seals.notes_out(request.key, answer.notes))
    except SealError as why:
        _log.warning(
            "%s [%s]: what is stored under its key cannot be opened (%s), so its "
            "outcome is unknown: %s",
            request.operation,
            request.key[:8],
            why.reason,
            why,
        )
        if isinstance(answer, Owned):  # its steps must not run a second time
            yield from _Ask("abandon", request.key, answer.token)
        return Unresolved()
    return answer


class _Forwards:
    def __init__(self, store: object, seals: RecordSeals) -> None:
        self._store: Any = store
        self._seals = seals

    def __getattr__(self, name: str) -> Any:
        if name not in PASSED_ON:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        found = getattr(self._store, name)
        self.__dict__[name] = found
        return found

    def _call(self, ask: _Ask) -> Any:
        return getattr(self._store, ask.method)(*ask.args)


class OpenRecords(_Forwards):
    """A blocking store that takes and gives what is open, and keeps it sealed."""

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it, with the answer opened."""
        return run(lambda: _claimed(self._seals, request), self._call)

    def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer, sealed."""
        kept = self._seals.outcome_in(key, outcome)
        return bool(self._store.complete(key, token, kept, windows))

    def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes*, sealed."""
        return bool(self._store.note(key, token, self._seals.notes_in(key, notes)))

    def resolve(
        self, key: str, outcome: StoredOutcome | None, windows: Windows, **who: str
    ) -> bool:
        """Settle an unknown record, with the answer sealed."""
        kept = None if outcome is None else self._seals.outcome_in(key, outcome)
        return bool(self._store.resolve(key, kept, windows, **who))

    def inspect(self, key: str) -> Record | None:
        """Return the record, opened."""
        record: Record | None = self._store.inspect(key)
        return None if record is None else self._seals.record_out(record)

    def unresolved(self, limit: int = 100) -> list[Record]:
        """Return records whose outcome is unknown, opened."""
        return [self._seals.record_out(each) for each in self._store.unresolved(limit)]

    def lapsed(self, limit: int = 100) -> list[Record]:
        """Return claims whose owner vanished, opened."""
        return [self._seals.record_out(each) for each in self._store.lapsed(limit)]


class AsyncOpenRecords(_Forwards):
    """Does what `OpenRecords` does, for an event loop."""

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Take the key or say who has it, with the answer opened."""
        call = cast("Callable[[_Ask], Awaitable[Any]]", self._call)
        return await arun(lambda: _claimed(self._seals, request), call)

    async def complete(
        self, key: str, token: int, outcome: StoredOutcome, windows: Windows
    ) -> bool:
        """Store the answer, sealed."""
        kept = self._seals.outcome_in(key, outcome)
        return bool(await self._store.complete(key, token, kept, windows))

    async def note(self, key: str, token: int, notes: Notes) -> bool:
        """Keep *notes*, sealed."""
        kept = self._seals.notes_in(key, notes)
        return bool(await self._store.note(key, token, kept))

    async def resolve(
        self, key: str, outcome: StoredOutcome | None, windows: Windows, **who: str
    ) -> bool:
        """Settle an unknown record, with the answer sealed."""
        kept = None if outcome is None else self._seals.outcome_in(key, outcome)
        return bool(await self._store.resolve(key, kept, windows, **who))

    async def inspect(self, key: str) -> Record | None:
        """Return the record, opened."""
        record: Record | None = await self._store.inspect(key)
        return None if record is None else self._seals.record_out(record)

    async def unresolved(self, limit: int = 100) -> list[Record]:
        """Return records whose outcome is unknown, opened."""
        found: list[Record] = await self._store.unresolved(limit)
        return [self._seals.record_out(each) for each in found]

    async def lapsed(self, limit: int = 100) -> list[Record]:
        """Return claims whose owner vanished, opened."""
        found: list[Record] = await self._store.lapsed(limit)
        return [self._seals.record_out(each) for each in found]


def sealed_stores(stores: Stores, sealer: object, require: object) -> Stores:
    """Return *stores* as a guard with *sealer* sees them; themselves without one.

    Raises:
        ConfigurationError: It is no sealer, or one is required and missing.
    """
    checked = checked_sealer("Idempotency", sealer)
    if not isinstance(require, bool) or (require and checked is None):
        raise ConfigurationError(
            "Idempotency: require_sealed= is True or False; True needs sealer=."
        )
    if checked is None:
        return stores
    seals = RecordSeals(checked, require=require)
    blocking: IdempotencyStore | None = None
    awaiting: AsyncIdempotencyStore | None = None
    if stores.blocking is not None:
        blocking = cast("IdempotencyStore", OpenRecords(stores.blocking, seals))
    if stores.awaiting is not None:
        awaiting = cast(
            "AsyncIdempotencyStore", AsyncOpenRecords(stores.awaiting, seals)
        )
    return stores._replace(blocking=blocking, awaiting=awaiting)
