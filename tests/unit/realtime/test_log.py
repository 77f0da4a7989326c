"""The ring, what it remembers and what it decides: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.realtime import Event, Position, PublishResult
from syncpatterns.realtime._core import (
    Limits,
    Log,
    Run,
    Step,
    columns,
    next_step,
    start,
)
from syncpatterns.realtime._core._recent import Ages, Recent


def event(n: int = 0, **parts: Any) -> Event:
    """Return an event."""
    return Event("a", "t", {"n": n}, **parts)


def filled(count: int, top: int = 0, **limits: Any) -> Log:
    """Return a log with *count* events after *top*."""
    log = Log("a", "e", Limits(**limits), top)
    for n in range(count):
        log.publish(event(top + n + 1), 0.0)
    return log


def publish_all(log: Log, events: list[Event]) -> Sequence[PublishResult]:
    """Publish *events* at once."""
    return log.publish_all(events, columns(events), 0.0)


def offsets(log: Log, cursor: int, limit: int = 10_000) -> list[int]:
    """Return the offsets after *cursor*."""
    run = Run(log.epoch, cursor + 1, log.after(cursor, limit))
    return [item.position.offset for item in run]


# ------------------------------------------------------------------------- ring


def test_offsets_are_dense_from_one() -> None:
    """The first event is 1, the next 2."""
    log = Log("a", "e", Limits())
    results = [log.publish(event(), 0.0) for _ in range(3)]

    assert [r.position for r in results] == [Position("e", n) for n in (1, 2, 3)]
    assert offsets(log, 0) == [1, 2, 3]
    assert (log.tail, log.top) == (0, 3)


@pytest.mark.case("RTM-08")
def test_the_ring_serves_exactly_its_size() -> None:
    """Of 30 events in a ring of 10, 21 to 30 can be read, and 20 resumed from."""
    log = filled(30, ring=10)

    assert log.tail == 20
    assert offsets(log, 20) == list(range(21, 31))
    assert start(log, Position("e", 20)).recovered is True
    assert start(log, Position("e", 19)).recovered is False


@given(ring=st.integers(1, 40), sizes=st.lists(st.integers(1, 60), max_size=12))
def test_the_newest_are_always_readable(ring: int, sizes: list[int]) -> None:
    """However they come in, the newest are there and the rest is bounded."""
    log = Log("a", "e", Limits(ring=ring))
    for size in sizes:
        publish_all(log, [event() for _ in range(size)])
    total = sum(sizes)

    assert log.top == total
    assert log.tail == max(0, total - ring)
    assert offsets(log, log.tail) == list(range(log.tail + 1, total + 1))
    assert len(log._events) <= ring * 5 / 4 + 16 + max(sizes, default=0)


def test_bytes_are_bounded_too() -> None:
    """Large events leave early; the newest stays, however large."""
    big = [Event("a", "t", {"x": "y" * 1000}) for _ in range(50)]
    log = Log("a", "e", Limits(ring_bytes=5 * big[0].size))
    publish_all(log, big)
    tiny = Log("a", "e", Limits(ring_bytes=1))
    publish_all(tiny, big)

    assert offsets(log, log.tail) == [46, 47, 48, 49, 50]
    assert log.held == 5 * big[0].size
    assert offsets(tiny, tiny.tail) == [50]


def test_age_is_bounded() -> None:
    """Old events leave, at the latest when they have their full age."""
    log = Log("a", "e", Limits(ring_age=320.0))
    log.publish(event(), 0.0)
    log.publish(event(), 200.0)
    log.expire(319.0)
    before = log.tail
    log.expire(320.0)
    between = log.tail
    log.publish(event(), 600.0)

    assert (before, between, log.tail) == (0, 1, 2)
    assert offsets(log, 2) == [3]
    assert log.top == 3


def test_clearing_keeps_the_numbers() -> None:
    """An emptied ring goes on counting, and still knows repeats."""
    log = Log("a", "e", Limits())
    same = event()
    log.publish(same, 0.0)
    log.clear()

    assert (log.tail, log.top, log.held) == (1, 1, 0)
    assert log.publish(same, 0.0).duplicate
    assert log.publish(event(), 0.0).position == Position("e", 2)


def test_a_run_has_a_limit() -> None:
    """A reader takes what it can hold."""
    log = filled(10)

    assert offsets(log, 3, 4) == [4, 5, 6, 7]
    assert offsets(log, 10) == []


# --------------------------------------------------------- repeats and versions


@pytest.mark.case("RTM-10")
def test_a_repeat_is_told_where_the_first_stands() -> None:
    """The same id gets the same position, and nothing new is delivered."""
    log = Log("a", "e", Limits())
    same = event()
    first = log.publish(same, 0.0)
    log.publish(event(), 0.0)
    again = log.publish(same, 0.0)

    assert again == PublishResult(first.position, duplicate=True, stage="delivered")
    assert log.top == 2


def test_a_repeat_within_one_batch_is_known() -> None:
    """Publishing the same event twice at once is publishing it once."""
    log = Log("a", "e", Limits())
    one, two = event(), event()
    results = publish_all(log, [one, two, one])

    assert [r.duplicate for r in results] == [False, False, True]
    assert [r.position for r in results] == [Position("e", n) for n in (1, 2, 1)]


@pytest.mark.case("RTM-11")
def test_a_repeat_is_forgotten_after_its_time() -> None:
    """After five minutes the same id is delivered again, as documented."""
    log = Log("a", "e", Limits())
    same = event()
    log.publish(same, 0.0)

    assert log.publish(same, 290.0).duplicate
    assert not log.publish(same, 300.0).duplicate
    assert log.top == 2


def test_repeats_are_known_among_the_last_ones() -> None:
    """Ten thousand ids are remembered, in whatever order they came."""
    log = Log("a", "e", Limits(recent=100))
    events = [event(id=f"id-{n * 7919 % 1000:04}") for n in range(1000)]
    for each in events:
        assert not log.publish(each, 0.0).duplicate
    known = [log.publish(each, 0.0).duplicate for each in events[-100:]]
    forgotten = log.publish(events[-101], 0.0).duplicate

    assert all(known)
    assert not forgotten


@given(
    ids=st.lists(st.sampled_from("abcdefgh"), max_size=60),
    limit=st.integers(1, 12),
    batch=st.integers(1, 7),
)
def test_recent_is_a_bounded_memory(ids: list[str], limit: int, batch: int) -> None:
    """It answers like a list of the newest accepted ids, fast path or not."""
    recent = Recent(limit, 1000.0)
    accepted: list[str] = []
    for begin in range(0, len(ids), batch):
        chunk = ids[begin : begin + batch]
        if recent.all_new(chunk):
            remembered = accepted[-limit:]
            assert not set(chunk) & set(remembered)
            assert len(set(chunk)) == len(chunk)
            recent.add(chunk, chunk[-1], 0.0)
            accepted += chunk
            continue
        for each in chunk:
            remembered = accepted[-limit:]
            found = recent.find(each, 0.0)
            expected = (
                len(accepted) - remembered[::-1].index(each)
                if each in remembered
                else None
            )
            assert found == expected
            if found is None:
                recent.add([each], each, 0.0)
                accepted.append(each)
    assert len(recent._ids) <= limit * 5 / 4 + batch


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 5)), max_size=40))
def test_an_age_is_an_upper_bound(steps: list[tuple[float, int]]) -> None:
    """Nothing outlives its age, and nothing dies before 31/32 of it."""
    ages = Ages(100.0)
    now, offset, born, dead = 0.0, 0, {}, 0
    for pause, count in steps:
        now += pause
        for _ in range(count):
            offset += 1
            born[offset] = now
        ages.add(now, offset)
        assert ages.due(now) == (ages._marks[0][0] <= now - 100.0)
        dead = max(dead, ages.expired(now))
        assert all(now - born[n] < 100.0 for n in born if n > dead)
        assert all(now - born[n] > 96.8 for n in range(1, dead + 1))


def test_an_older_version_of_a_key_is_suppressed() -> None:
    """Who publishes version 3 after version 5 publishes nothing."""
    log = Log("a", "e", Limits())
    results = [
        log.publish(event(key=key, key_version=version), 0.0)
        for key, version in [("k", 5), ("k", 3), ("k", 5), ("j", 1), ("k", 6)]
    ]

    assert [r.stage for r in results] == [
        "delivered",
        "suppressed",
        "suppressed",
        "delivered",
        "delivered",
    ]
    assert results[1].position is None
    assert offsets(log, 0) == [1, 2, 3]


def test_versions_are_a_bounded_memory() -> None:
    """The keys that were published longest ago are forgotten first."""
    log = Log("a", "e", Limits(recent=2))
    for key in "xyxz":
        log.publish(event(key=key, key_version=len(key) + log.top), 0.0)

    assert set(log._versions) == {"x", "z"}


def test_a_batch_result_is_a_list_in_all_but_memory() -> None:
    """Index, slice, length and equality are a list's."""
    log = Log("a", "e", Limits())
    results = publish_all(log, [event() for _ in range(4)])
    plain = list(results)

    assert results == plain
    assert results[1:3] == plain[1:3]
    assert results[-1].position == Position("e", 4)
    assert repr(results) == repr(plain)
    with pytest.raises(IndexError):
        results[4]


# ---------------------------------------------------------------- mirrored logs


def test_rows_that_are_known_are_left_out() -> None:
    """A relay may send the same rows again, and some new ones with them."""
    log = filled(5)
    same = log.append([event(), event()], 4, 0.0)
    more = log.append([event(n) for n in (4, 5, 6, 7)], 4, 0.0)

    assert (same, more) == (False, True)
    assert offsets(log, 0) == [1, 2, 3, 4, 5, 6, 7]


def test_a_hole_begins_the_ring_anew() -> None:
    """Who stands before the hole sees that it lies below the tail."""
    log = filled(5)
    log.append([event()], 8, 0.0)

    assert (log.tail, log.top) == (7, 8)
    assert next_step(log, 5, None, history=True) is Step.HISTORY
    assert offsets(log, 7) == [8]


def test_skipping_never_goes_back() -> None:
    """An outbox that seems to stand lower changes nothing."""
    log = filled(5)

    assert not log.skip_to(5)
    assert offsets(log, 0) == [1, 2, 3, 4, 5]
    assert log.skip_to(9)
    assert (log.tail, log.top, log.held) == (9, 9, 0)
