"""Whether counters, lanes and children fit the rows.

The only reader that looks at every item; a queue is checked when somebody asks
for it. The triggers keep the counters, and whoever changes a row by hand is the
usual reason for a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import READY, SCHEDULED, WAITING, Desk
from syncpatterns.engines.sqlite._queue._lanes import settle_lane, stand
from syncpatterns.offline_queue._core import Finding


@at_the_desk
def check(desk: Desk, *, repair: bool) -> list[Finding]:
    """Compare what is kept beside the rows with the rows; put it right if asked."""
    found = [
        *_counters(desk),
        *_payloads(desk),
        *_kinds(desk),
        *_kinds_beside(desk),
        *_keys(desk),
    ]
    blocked = desk.all("wrong_blocked", desk.id)
    found += [
        Finding(
            "children",
            f"Item {id_ - desk.base} counts {counted} parents and waits for {open_}. "
            "Check with repair.",
        )
        for id_, counted, open_ in blocked
    ]
    found += _orphans(desk)
    stranded = desk.ids("stranded_alone", desk.id)
    lanes = _lanes(desk)
    found += [_stranded(desk, id_) for id_ in stranded]
    found += [finding for finding, _ in lanes]
    if repair and found:
        _repair(desk, blocked, stranded, [lane for _, lane in lanes])
        found = [finding._replace(repaired=_can_repair(finding)) for finding in found]
    return found


def _can_repair(finding: Finding) -> bool:
    return finding.what not in {"payload", "orphan", "row"}


def _counters(desk: Desk) -> Iterator[Finding]:
    kept = {
        (code, target): (items, size)
        for code, target, items, size in desk.all("kept_counts", desk.id)
    }
    real = {
        (code, target): (items, size)
        for code, target, items, size in desk.all("real_counts", desk.id)
    }
    live = [figures for (code, _), figures in real.items() if code < 5]  # noqa: PLR2004 - live
    total = (sum(items for items, _ in live), sum(size for _, size in live))
    counted = kept.pop((-1, 0), (0, 0))
    kept = {key: figures for key, figures in kept.items() if figures != (0, 0)}
    if kept != real or counted != total:
        yield Finding(
            "counters",
            f"{counted[0]} live items with {counted[1]} bytes are counted, and "
            f"{total[0]} with {total[1]} bytes are there. Check with repair.",
        )


def _payloads(desk: Desk) -> Iterator[Finding]:
    for id_ in desk.ids("no_payload", desk.id):
        yield Finding(
            "payload",
            f"Item {id_ - desk.base} has lost its payload. Discard it, and enqueue it "
            "anew.",
        )


def _kinds(desk: Desk) -> Iterator[Finding]:
    for id_ in desk.ids("wrong_kinds", desk.id):
        yield Finding(
            "row",
            f"The row of item {id_ - desk.base} holds a value of another kind than "
            "was written, so the item cannot be read. Correct the row, or delete it.",
        )


def _kinds_beside(desk: Desk) -> Iterator[Finding]:
    """Find rows beside the items that hold what was not written."""
    for id_ in desk.ids("wrong_outcomes", desk.id):
        yield _wrong(
            f"syncpatterns_queue_outcome of item {id_ - desk.base}",
            "how it ended cannot be told. Correct it, or delete it: then that is "
            "forgotten",
        )
    for id_ in desk.ids("wrong_edges", desk.base, desk.base + (1 << 40)):
        yield _wrong(
            f"syncpatterns_queue_edge of item {id_ - desk.base}",
            "whom the item waits for cannot be told. Correct it, or cancel the item",
        )
    for target in desk.ids("wrong_pauses", desk.id):
        word = desk.one("word", target) if target else None
        of = f"target {word[0]!r}" if word else "the queue"
        yield _wrong(
            f"syncpatterns_queue_pause of {of}",
            "what is paused cannot be told. Delete it, and pause anew",
        )
    if desk.ids("wrong_rules", desk.id):
        yield _wrong(
            "syncpatterns_queue of this queue",
            "its rules cannot be told. The application writes them anew when it next "
            "uses the queue",
        )


def _wrong(row: str, so: str) -> Finding:
    return Finding(
        "row", f"A row in {row} holds a value of another kind than was written: {so}."
    )


def _keys(desk: Desk) -> Iterator[Finding]:
    last, given = _last(desk)
    if type(given) is not int or last > given:
        yield Finding(
            "numbers",
            f"Item {last} is there, and is not below the last number that was noted as "
            "given out. Check with repair.",
        )


def _last(desk: Desk) -> tuple[int, Any]:
    """Return the last number that is there, and the last that was given out."""
    (last,) = desk.one("last_number", desk.id)
    *_, given = desk.one("live", desk.id) or (0, 0, 0)
    return last, given or 0


def _orphans(desk: Desk) -> Iterator[Finding]:
    for child, source in desk.all("orphans", desk.base, desk.base + (1 << 40)):
        yield Finding(
            "orphan",
            f"Item {child - desk.base} waits for item {source - desk.base}, which is "
            "gone. Cancel it, or enqueue it anew.",
        )


def _stranded(desk: Desk, id_: int) -> Finding:
    return Finding(
        "stranded",
        f"Item {id_ - desk.base} waits for nothing, and nothing will wake it. "
        "Check with repair.",
    )


def _lanes(desk: Desk) -> list[tuple[Finding, str]]:
    """Return what is wrong in lanes, and in which."""
    found: list[tuple[Finding, str]] = []
    for (lane,) in desk.all("lanes", desk.id):
        id_, state, blocked, *_ = desk.one("head", desk.id, lane)
        held = desk.one("held", desk.id, lane) is not None
        if state == WAITING and not blocked and not held:
            found.append((_stranded(desk, id_), lane))
        if (active := desk.one("active", desk.id, lane)[0]) > 1:
            finding = Finding(
                "lanes",
                f"{active} items of the lane of item {id_ - desk.base} may all be "
                "delivered. Check with repair.",
            )
            found.append((finding, lane))
    return found


def _repair(
    desk: Desk,
    blocked: list[tuple[int, int, int]],
    stranded: list[int],
    lanes: list[str],
) -> None:
    desk.run("clear_counts", desk.id)
    desk.run("count_anew", desk.id)
    desk.run("count_live", desk.id)
    last, given = _last(desk)
    if type(given) is not int or last > given:
        desk.run("count_from", last, desk.id)
    for id_, _, open_ in blocked:
        desk.run("blocked", open_, id_)
    for id_ in [*stranded, *(id_ for id_, *_ in blocked)]:
        row = desk.row(id_)
        if row is not None and row.state in (READY, WAITING, SCHEDULED):
            stand(desk, row)
    for lane in lanes:
        for id_ in desk.ids("behind", desk.id, lane, -1):
            desk.run("stand", WAITING, None, id_)
        settle_lane(desk, lane)
