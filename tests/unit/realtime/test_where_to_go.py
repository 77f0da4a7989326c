"""Where a reader goes next: pure decisions over a log, no I/O, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.realtime import Event, Gap, Position
from syncpatterns.realtime._core import (
    Batch,
    Bounds,
    Part,
    Start,
    Step,
    after_lag,
    join_history,
    lag_gap,
    next_step,
    start,
)
from tests.unit.realtime.test_log import event, filled

LOG = filled(30, ring=10)
TOP = Position("e", 30)


@pytest.mark.parametrize(
    ("origin", "kept", "expected"),
    [
        ("live", None, Start(30, 30)),
        ("live", Bounds(1, 32), Start(32, 32)),
        ("earliest", None, Start(20, 30)),
        ("earliest", Bounds(4, 32), Start(3, 32)),
        ("earliest", Bounds(31, 30), Start(20, 30)),
        (Position("e", 30), None, Start(30, 30, True)),
        (Position("e", 25), None, Start(25, 30, True)),
        (Position("e", 3), Bounds(4, 30), Start(3, 30, True)),
        (Position("e", 31), Bounds(4, 32), Start(31, 32, True)),
    ],
)
def test_where_nothing_is_lost(origin: Any, kept: Any, expected: Start) -> None:
    """The outbox may reach further back, and be ahead of the ring."""
    assert start(LOG, origin, kept) == expected


@pytest.mark.parametrize(
    ("origin", "kept", "reason", "top"),
    [
        (Position("e", 19), None, "trimmed", 30),
        (Position("e", 2), Bounds(4, 32), "trimmed", 32),
        (Position("e", 31), None, "epoch", 30),
        (Position("e", 33), Bounds(4, 32), "epoch", 32),
        (Position("x", 25), None, "epoch", 30),
        (Position("x", 25), Bounds(1, 30), "epoch", 30),
    ],
)
def test_where_something_is_lost(
    origin: Position, kept: Any, reason: Any, top: int
) -> None:
    """The loss is told, and delivery goes on with what the ring holds."""
    gap = Gap("a", origin, Position("e", top), reason)

    assert start(LOG, origin, kept) == Start(20, top, recovered=False, gap=gap)


@pytest.mark.parametrize(
    ("cursor", "buffer", "history", "expected"),
    [
        (30, None, False, Step.WAIT),
        (33, None, True, Step.WAIT),
        (29, None, False, Step.RING),
        (20, None, False, Step.RING),
        (19, None, False, Step.LAGGED),
        (19, None, True, Step.HISTORY),
        (26, 4, False, Step.RING),
        (25, 4, False, Step.LAGGED),
        (25, 4, True, Step.LAGGED),
    ],
)
def test_where_the_next_events_come_from(
    cursor: int, buffer: int | None, history: bool, expected: Step
) -> None:
    """Ring, outbox, a gap, or wait."""
    assert next_step(LOG, cursor, buffer, history=history) is expected


def test_after_a_lag_the_rest_of_the_ring_follows() -> None:
    """The gap says from where, and what is held comes after it."""
    assert lag_gap(LOG, 7) == Gap("a", Position("e", 7), TOP, "lagged")
    assert after_lag(LOG, None) == 20
    assert after_lag(LOG, 4) == 26


STORED = [event(n) for n in range(1, 11)]


def page(*numbers: int) -> list[tuple[int, Event]]:
    """Return a page of history."""
    return [(n, STORED[n - 1]) for n in numbers]


def seen(parts: list[Part]) -> list[Any]:
    """Return what a reader makes of *parts*."""
    return [
        item if isinstance(item, Gap) else (item.position.offset, item.event)
        for item in Batch(parts)
    ]


@pytest.mark.parametrize(
    ("cursor", "rows", "expected", "after"),
    [
        (3, (4, 5), (4, 5), 5),
        (4, (4, 5, 6), (5, 6), 6),
        (30, (), (), 30),
        (20, (), (), 20),
    ],
)
def test_history_joins_by_the_cursor_alone(
    cursor: int, rows: Any, expected: Any, after: int
) -> None:
    """What was read already, and repeats, do not matter."""
    parts, moved = join_history(LOG, cursor, page(*rows))

    assert seen(parts) == page(*expected)
    assert moved == after


def test_a_sweep_in_the_middle_of_history_is_told() -> None:
    """Rows that are gone by the time they are read are a loss like any other."""
    parts, cursor = join_history(LOG, 3, page(4, 6, 7))
    gone, ring = join_history(LOG, 3, [])

    between = Gap("a", Position("e", 4), TOP, "trimmed")
    assert seen(parts) == [*page(4), between, *page(6, 7)]
    assert cursor == 7
    assert seen(gone) == [Gap("a", Position("e", 3), TOP, "trimmed")]
    assert ring == 20
