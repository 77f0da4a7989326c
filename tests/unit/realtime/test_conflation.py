"""The newest event of each key: what is left out, and when that is a loss."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.realtime import Batch, Event, Gap, Position
from syncpatterns.realtime._core import (
    Limits,
    Log,
    Part,
    Run,
    newest_of_each_key,
    of_types,
)

TOP = Position("e", 30)


def event(n: int = 0, **parts: Any) -> Event:
    """Return an event."""
    return Event("a", "t", {"n": n}, **parts)


def keyed(*keys: str | None, ring: int = 1000) -> Log:
    """Return a log with an event of each of *keys*."""
    log = Log("a", "e", Limits(ring=ring))
    for n, key in enumerate(keys):
        log.publish(event(n, key=key), 0.0)
    return log


def test_the_newest_of_each_key_stays_in_its_place() -> None:
    """Events without a key, and gaps, are not replaced by anything."""
    gap = Gap("a", None, TOP, "lagged")
    events = keyed("x", None, "y", "x", None, "y", "z").after(0, 10)
    parts: list[Part] = [Run("e", 1, events[:3]), gap, Run("e", 4, events[3:])]
    kept = newest_of_each_key(parts)

    shown = [i if isinstance(i, Gap) else i.position.offset for i in Batch(kept)]
    assert shown == [2, gap, 4, 5, 6, 7]


def test_types_are_chosen_and_gaps_stay() -> None:
    """A filter hides events, never a loss."""
    gap = Gap("a", None, TOP, "lagged")
    events = [Event("a", kind, {}) for kind in "xyxz"]
    kept = of_types([Run("e", 1, events[:2]), gap, Run("e", 3, events[2:])], {"x"})

    shown = [i if isinstance(i, Gap) else i.position.offset for i in Batch(kept)]
    assert shown == [1, gap, 3]


@pytest.mark.parametrize(
    ("keys", "cursor", "expected"),
    [
        ("xyz" * 10, 0, False),  # every key is in the last 4 again
        ("xyz" + "w" * 10, 0, True),  # x, y and z are nowhere any more
        ("xyz" + "w" * 10, 3, False),  # it has seen those
        ("xyz" + "w" * 10, 2, True),  # but not z
    ],
)
def test_a_lag_loses_nothing_if_each_key_is_there(
    keys: str, cursor: int, expected: bool
) -> None:
    """For a reader of newest values only what has no newer one is a loss."""
    assert keyed(*keys, ring=4).loses(cursor) is expected


@pytest.mark.parametrize("place", [0, 5, 8])
def test_an_event_without_a_key_is_always_a_loss(place: int) -> None:
    """Whether the ring dropped it just now or long ago."""
    keys: list[str | None] = ["x"] * 13
    keys[place] = None

    assert keyed(*keys, ring=4).loses(place) is True
    assert keyed(*keys, ring=4).loses(place + 1) is False


def test_more_keys_than_can_be_remembered_count_as_lost() -> None:
    """What is not known any more is assumed the worst of."""
    log = Log("a", "e", Limits(ring=2, recent=3))
    for key in "abcdefgh":
        log.publish(event(key=key), 0.0)

    assert log.loses(0) is True
    assert log.loses(log.tail) is False


def test_after_a_skip_everything_before_is_lost() -> None:
    """Nothing is known of what lies elsewhere."""
    log = keyed(*"xyz")
    log.skip_to(9)

    assert log.loses(3) is True
    assert log.loses(9) is False
