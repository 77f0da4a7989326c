"""P-IDM-1: the memory guard, to the same work written out by hand."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from typing import Any

from benchmarks._harness import Row, paired, row
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency import Idempotency

_ORDER = {"booking_id": "B-1001", "customer": "C-17", "seats": 2}
_RECEIPT = {"booking_id": "B-1001", "status": "confirmed", "version": 3}
_SCOPE = "acme"
_PAIRS = 200


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


def rows() -> list[Row]:
    """Return P-IDM-1.first and P-IDM-1.replay."""
    guard, by_hand = Idempotency(MemoryEngine(max_items=1_000_000)), ByHand()
    ours, theirs = itertools.count(), itertools.count()

    def guarded(key: str) -> object:
        return guard.execute(
            key,
            lambda _: _confirm(_ORDER),
            scope=_SCOPE,
            operation="bookings.confirm",
            payload=_ORDER,
        )

    first = paired(
        lambda: guarded(f"first-{next(ours)}"),
        lambda: by_hand.execute(f"first-{next(theirs)}", _ORDER),
        pairs=_PAIRS,
    )
    guarded("again")
    by_hand.execute("again", _ORDER)
    replay = paired(
        lambda: guarded("again"),
        lambda: by_hand.execute("again", _ORDER),
        pairs=_PAIRS,
    )
    hand = "to the same hashes, lock, dict and json by hand"
    return [
        row("P-IDM-1.first", f"us: memory guard, first call, {hand}", first, 3.0),
        row("P-IDM-1.replay", f"us: memory guard, replay, {hand}", replay, 2.5),
    ]
