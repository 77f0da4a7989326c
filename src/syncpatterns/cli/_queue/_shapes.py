"""How an item is shown: what anybody may see, and what only who asks for it."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from syncpatterns.cli._output import age, instant, iso
from syncpatterns.offline_queue._core import LIVE, Item, ItemState, Pause, QueueStats
from syncpatterns.sealing._frames import is_sealed, key_of, unpacked

COLUMNS = ("number", "hash", "operation", "target", "state", "reason", "age", "tried")

#: In the order in which people look for them.
STATES = (*LIVE, ItemState.DEAD)


def row(item: Item, now: float) -> tuple[str, ...]:
    """Return the cells of one line of the list."""
    return (
        str(item.seq),
        item.key_hash,
        item.operation,
        item.target,
        item.state.value,
        item.reason or "-",
        age(now - item.created_at),
        f"{item.deliveries}",
    )


def facts(item: Item, now: float) -> dict[str, Any]:
    """Return what is told of an item in lists: nothing of what it says."""
    return {
        "number": item.seq,
        "key_hash": item.key_hash,
        "operation": item.operation,
        "target": item.target,
        "state": item.state.value,
        "reason": item.reason,
        "priority": item.priority,
        "since": iso(item.created_at),
        "age_seconds": round(max(0.0, now - item.created_at), 3),
        "deliveries": item.deliveries,
        "attempts": item.attempts,
    }


def details(item: Item, now: float) -> dict[str, Any]:
    """Return what is told of one item."""
    return facts(item, now) | {
        "error": item.error,
        "lane": item.lane,
        "entity": item.entity,
        "version": item.version,
        "lapses": item.lapses,
        "waits_for": item.blocked,
        "due": _iso(item.due_at),
        "lease_until": _iso(item.lease_until or None),
        "expires": _iso(item.expires_at),
        "sent": _iso(item.sent_at),
        "payload_bytes": len(item.payload),
        "sealed": sealed_with(item.payload),
    }


def contents(item: Item) -> dict[str, Any]:
    """Return what it says: personal data."""
    return {
        "scope": item.scope,
        "key": item.key,
        "headers": _json(item.headers.encode(errors="surrogatepass")),
        "payload": _said(item.payload),
    }


def sealed_with(payload: bytes) -> str | None:
    """Return the name of the key that *payload* is sealed with; None: of none."""
    return key_of(payload) if is_sealed(payload) else None


def _said(payload: bytes) -> Any:
    if is_sealed(payload):
        return {"sealed": key_of(payload)}
    try:
        return _json(unpacked(payload))
    except ValueError:  # it was compressed, and is damaged
        return _json(payload)


def figures(stats: QueueStats, now: float) -> dict[str, Any]:
    """Return how much there is, for programs."""
    oldest = stats.oldest_ready
    return {
        "live": stats.live,
        "bytes": stats.bytes,
        "states": _by_state(stats.states),
        "targets": {name: _by_state(of) for name, of in sorted(stats.targets.items())},
        "oldest_ready_seconds": (
            None if oldest is None else round(max(0.0, now - oldest), 3)
        ),
        "blocked_lanes": stats.blocked_lanes,
        "paused": [
            {"target": each.target, "until": _iso(each.until), "reason": each.reason}
            for each in stats.pauses
        ],
    }


def pause_line(pause: Pause) -> str:
    """Return the sentence about what is not delivered."""
    what = f"target {pause.target}" if pause.target else "the whole queue"
    until = (
        "until somebody resumes it"
        if math.isinf(pause.until)
        else f"until {instant(pause.until)}"
    )
    return f"Paused: {what}, {until} ({pause.reason or 'no reason given'})."


def _by_state(counts: dict[ItemState, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in STATES}


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None or math.isinf(seconds) else iso(seconds)


def _json(body: bytes) -> Any:
    """Return JSON as such, and anything else as base64: NaN is none."""
    try:
        return json.loads(body, parse_constant=_refused)
    except (ValueError, RecursionError):
        return {"base64": base64.b64encode(body).decode()}


def _refused(constant: str) -> Any:
    raise ValueError(constant)
