"""P-IDM-1: the memory guard, to the same work written out by hand."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

from benchmarks._harness import Row, paired, row
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency import Idempotency

_ORDER = {"booking_id": "B-1001", "customer": "C-17", "seats": 2}
_RECEIPT = {"booking_id": "B-1001", "status": "confirmed", "version": 3}
_SCOPE = "acme"
_PAIRS = 300
_KEYS = 1000


class ByHand:
    """The same hashes, a lock, a dict and json; no lease, no time, no waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[bytes, bytes | None]] = {}

    def execute(self, key: str, payload: Any) -> Any:
        parts = [part.encode() for part in ("", _SCOPE, "bookings.confirm", key)]
        where = hashlib.sha256(
            b"".join([b"%d:%b" % (len(part), part) for part in parts])
        ).hexdigest()
        asked = hashlib.sha256(
            json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
        ).digest()
        with self._lock:
            known = self._answers.get(where)
            if known is None:
                self._answers[where] = (asked, None)
        if known is not None:
            if known[0] != asked or known[1] is None:
                raise RuntimeError("reused or busy")
            return json.loads(known[1])
        result = _confirm(payload)
        body = json.dumps(result, separators=(",", ":")).encode()
        with self._lock:
            self._answers[where] = (asked, body)
        return result


def _confirm(order: dict[str, Any]) -> dict[str, Any]:
    return dict(_RECEIPT, booking_id=order["booking_id"])


class Guarded:
    """Ours, with the interface of `ByHand`."""

    def __init__(self) -> None:
        self._guard = Idempotency(MemoryEngine())

    def execute(self, key: str, payload: Any) -> Any:
        return self._guard.execute(
            key,
            lambda _: _confirm(payload),
            scope=_SCOPE,
            operation="bookings.confirm",
            payload=payload,
        )


def first_calls(make: type[Guarded | ByHand]) -> Callable[[], object]:
    """Return a function that makes a first call each time.

    Both start with an empty memory every `_KEYS` calls: getting ever more of it
    from the system would be measured, on one more than on the other.
    """
    numbers = itertools.count()
    subject = make()

    def call() -> object:
        nonlocal subject
        number = next(numbers) % _KEYS
        if number == 0:
            subject = make()
        return subject.execute(f"first-{number}", _ORDER)

    return call


def replays(make: type[Guarded | ByHand]) -> Callable[[], object]:
    """Return a function that replays one answer."""
    subject = make()
    subject.execute("again", _ORDER)
    return lambda: subject.execute("again", _ORDER)


def rows() -> list[Row]:
    """Return P-IDM-1.first and P-IDM-1.replay."""
    first = paired(first_calls(Guarded), first_calls(ByHand), pairs=_PAIRS)
    replay = paired(replays(Guarded), replays(ByHand), pairs=_PAIRS)
    hand = "to the same hashes, lock, dict and json by hand"
    return [
        row("P-IDM-1.first", f"us: memory guard, first call, {hand}", first, 3.0),
        row("P-IDM-1.replay", f"us: memory guard, replay, {hand}", replay, 2.5),
    ]
