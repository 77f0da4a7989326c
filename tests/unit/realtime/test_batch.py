"""What a reader is given at once: a sequence that makes its items when asked."""

from __future__ import annotations

import pytest

from syncpatterns.realtime import Batch, Delivered, Event, Gap, Position
from syncpatterns.realtime._core import Run, take

EVENTS = [Event("a", "t", {"n": n}) for n in range(1, 11)]
GAP = Gap("a", None, Position("e", 30), "lagged")


def batch() -> Batch:
    """Return three events, a gap, and two events."""
    return Batch([Run("e", 1, EVENTS[:3], 2), GAP, Run("e", 7, EVENTS[6:8])])


def test_a_batch_is_a_sequence_of_its_items() -> None:
    """Length, index, slice, order and equality are a list's."""
    items = list(batch())

    assert len(batch()) == 6
    assert items[3] == GAP
    placed = [item for item in items if isinstance(item, Delivered)]
    assert [item.position.offset for item in placed] == [1, 2, 3, 7, 8]
    assert [item.replayed for item in placed] == [True, True, False, False, False]
    assert batch() == items
    assert batch()[1:4] == items[1:4]
    assert batch()[-1] == items[-1]
    assert "Batch([" in repr(batch())
    assert not Batch([])


def test_events_and_gaps_are_there_alone() -> None:
    """For whoever needs no positions."""
    assert batch().events == [*EVENTS[:3], *EVENTS[6:8]]
    assert batch().gaps == [GAP]
    assert Batch([Run("e", 1, EVENTS)]).events is EVENTS


@pytest.mark.parametrize("limit", range(8))
def test_taking_some_leaves_the_rest(limit: int) -> None:
    """Nothing is lost or repeated where a run is cut."""
    head, tail = take(batch().parts, limit)

    assert len(Batch(head)) == min(limit, 6)
    assert [*Batch(head), *Batch(tail)] == list(batch())
