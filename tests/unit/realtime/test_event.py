"""What can be published, and what stored bytes become again."""

from __future__ import annotations

import dataclasses
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.errors import PayloadTooLarge, PublishRejected
from syncpatterns.realtime import Event, RawEvent
from syncpatterns.realtime._core import StoredEvent, stored_form
from syncpatterns.realtime._event import from_outbox, new_id
from syncpatterns.testing import FakeClock

DAY = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def stored(event: Any, pos: int = 1) -> StoredEvent:
    """Return *event* as an outbox row."""
    channel, event_id, kind, body = stored_form(event, 0.0)
    return StoredEvent(pos, channel, 1, event_id, kind, body, 1.5)


def test_an_event_needs_three_things_only() -> None:
    """Identity, time and version have defaults."""
    event = Event("bookings", "booking.confirmed", {"id": "b-1"})

    assert uuid.UUID(event.id).version == 7
    assert event.occurred_at.tzinfo is UTC
    assert event.version == 1
    assert (event.key, event.key_version, event.source) == (None, None, None)
    assert event.headers == {}


def test_ids_of_one_process_grow_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 7 with a fraction of the millisecond: later is larger."""
    clock = FakeClock()
    monkeypatch.setattr("syncpatterns.realtime._event._clock", clock)
    ids = list[str]()
    for _ in range(1000):
        ids.append(new_id())
        clock.advance(1e-6)

    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}


def test_ids_of_one_moment_differ() -> None:
    """However coarse the clock is, and however quick the machine."""
    ids = [new_id() for _ in range(1000)]

    assert len(set(ids)) == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"channel": ""},
        {"channel": "a b"},
        {"channel": "a\n"},
        {"channel": "é"},
        {"channel": "a" * 201},
        {"channel": None},
        {"type": ""},
        {"type": "a b"},
        {"type": "a\r\nid: 1"},
        {"type": "a" * 101},
        {"id": ""},
        {"id": 'a"b'},
        {"id": "a\\b"},
        {"id": "a\nb"},
        {"id": "a" * 201},
        {"id": 7},
        {"data": []},
        {"data": "text"},
        {"data": None},
        {"data": {"x": float("nan")}},
        {"data": {"x": float("inf")}},
        {"data": {"x": ...}},
        {"occurred_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - naive, so refused
        {"occurred_at": "2026-01-01"},
        {"version": 0},
        {"version": True},
        {"version": 1.0},
        {"version": 2**63},
        {"key": ""},
        {"key": "k" * 201},
        {"key": 5},
        {"key_version": 1},
        {"key": "k", "key_version": -1},
        {"key": "k", "key_version": 2**63},
        {"source": ""},
        {"source": 5},
        {"headers": {"a": 1}},
        {"headers": {1: "a"}},
        {"headers": [("a", "b")]},
        {"headers": {str(n): "" for n in range(33)}},
    ],
    ids=repr,
)
def test_what_no_wire_could_carry_is_refused(change: dict[str, Any]) -> None:
    """A malformed part is an error where the event is made."""
    parts: dict[str, Any] = {"channel": "a", "type": "t", "data": {}}

    with pytest.raises(PublishRejected):
        Event(**(parts | change))


def test_data_nested_without_end_is_refused() -> None:
    """A circle and a very deep tree have no JSON form."""
    circle: dict[str, Any] = {}
    circle["x"] = circle
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    for data in (circle, {"x": deep}):
        with pytest.raises(PublishRejected):
            Event("a", "t", data)


def test_the_size_is_bounded() -> None:
    """256 KiB with everything but id, channel and type."""
    empty = len(Event("a", "t", {"x": ""}, occurred_at=DAY).body)
    room = 256 * 1024 - empty

    assert len(Event("a", "t", {"x": "y" * room}, occurred_at=DAY).body) == 256 * 1024
    with pytest.raises(PayloadTooLarge, match="262144"):
        Event("a", "t", {"x": "y" * (room + 1)}, occurred_at=DAY)


def test_data_is_a_private_copy_in_json_types() -> None:
    """What the caller changes later, and what JSON cannot say, is not in it."""
    given: dict[Any, Any] = {
        "when": DAY,
        "n": (1, 2),
        "id": uuid.UUID(int=5),
        3: "three",
    }
    event = Event("a", "t", given)
    given["n"] = "changed"

    assert event.data == {
        "when": "2026-01-02T03:04:05.000678Z",
        "n": [1, 2],
        "id": "00000000-0000-0000-0000-000000000005",
        "3": "three",
    }


def test_the_time_is_kept_in_utc() -> None:
    """Another zone is the same instant."""
    zone = timezone(timedelta(hours=5, minutes=30))
    event = Event("a", "t", {}, occurred_at=DAY.astimezone(zone))

    assert event.occurred_at == DAY
    assert event.occurred_at.utcoffset() == timedelta(0)


def test_an_event_does_not_change() -> None:
    """It is frozen; a copy with another part is another event."""
    event = Event("a", "t", {"n": 1}, key="k")

    with pytest.raises(dataclasses.FrozenInstanceError):
        event.channel = "b"  # type: ignore[misc]  # that it is refused is the point
    copy = dataclasses.replace(event, channel="b")
    assert (copy.channel, copy.id, copy.key) == ("b", event.id, "k")
    assert b'"channel":"b"' in copy.envelope()


def test_a_repr_shows_no_data() -> None:
    """Logs name the event and keep what is personal out."""
    event = Event("a", "t", {"name": "Ada"}, key="ada", headers={"who": "Ada"})

    assert "Ada" not in repr(event)
    assert "ada" not in repr(event)
    assert event.id in repr(event)


def test_events_are_equal_by_value() -> None:
    """Equal parts make equal events, usable in sets."""
    one = Event("a", "t", {"n": 1}, id="x", occurred_at=DAY)
    two = Event("a", "t", {"n": 1}, id="x", occurred_at=DAY)

    assert one == two
    assert len({one, two}) == 1


def test_the_envelope_is_one_line_of_json() -> None:
    """All that a client needs, under a public name if asked."""
    event = Event(
        "tenant.acme.a", "t", {"n": "é\n\u2028"}, id="x", occurred_at=DAY,
        version=2, key="k", key_version=3, source="tab", headers={"a": "b"},
    )  # fmt: skip
    line = event.envelope("a")

    assert line.count(b"\n") == 0
    assert line.isascii()
    assert json.loads(line) == {
        "id": "x",
        "channel": "a",
        "type": "t",
        "version": 2,
        "occurred_at": "2026-01-02T03:04:05.000678Z",
        "key": "k",
        "key_version": 3,
        "source": "tab",
        "headers": {"a": "b"},
        "data": {"n": "é\n\u2028"},
    }
    assert json.loads(event.envelope())["channel"] == "tenant.acme.a"


numbers = st.integers(-(2**53), 2**53) | st.floats(
    allow_nan=False, allow_infinity=False
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
short = st.text(min_size=1, max_size=200)


@given(
    data=st.dictionaries(st.text(), json_values, max_size=4),
    version=st.integers(1, 2**63 - 1),
    key=st.none() | short,
    source=st.none() | short,
    headers=st.dictionaries(st.text(), st.text(), max_size=3),
    when=st.datetimes(timezones=st.just(UTC)),
)
def test_what_is_stored_comes_back_the_same(
    data: Any, version: int, key: Any, source: Any, headers: Any, when: datetime
) -> None:
    """Through an outbox an event is the same as through memory."""
    event = Event(
        "a", "t", data, version=version, key=key, source=source, headers=headers,
        key_version=None if key is None else 5, occurred_at=when,
    )  # fmt: skip
    back = from_outbox(stored(event))

    assert back == event
    assert type(back) is Event
    assert (back.body, back.size) == (event.body, event.size)
    assert json.loads(back.envelope()) == json.loads(event.envelope())


@pytest.mark.case("RTM-54")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{",
        b"{}",
        b'{"data":{}}',
        b'{"data":[],"occurred_at":"2026-01-01T00:00:00Z"}',
        b'{"data":{},"occurred_at":"yesterday"}',
        b'{"data":{},"occurred_at":"2026-01-01T00:00:00"}',
        b'{"data":{},"occurred_at":5}',
        b'{"data":{},"occurred_at":"2026-01-01T00:00:00Z","version":"two"}',
        b'{"data":{},"occurred_at":"2026-01-01T00:00:00Z","key":5}',
        b'{"data":{},"occurred_at":"2026-01-01T00:00:00Z","headers":[1]}',
        b'{"data":{},\n"occurred_at":"?"}',
        b"[" * 100_000,
    ],
    ids=range(18),
)
def test_what_cannot_be_read_is_a_raw_event(body: bytes) -> None:
    """A reader that raised would stand still before this row for ever."""
    event = from_outbox(StoredEvent(9, "a", 3, "x", "t", body, 1.5))

    assert type(event) is RawEvent
    assert (event.channel, event.id, event.type, event.data) == ("a", "x", "t", {})
    assert event.occurred_at == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    line = event.envelope()
    assert b"\n" not in line
    assert json.loads(line)["id"] == "x"


@pytest.mark.case("RTM-54")
def test_members_of_a_later_release_pass_through() -> None:
    """An unknown member is no reason to hide the event, or the member."""
    body = b'{"data":{"n":1},"occurred_at":"2026-01-01T00:00:00Z","later":[1]}'
    event = from_outbox(StoredEvent(9, "a", 3, "x", "t", body, 1.5))

    assert type(event) is Event
    assert event.data == {"n": 1}
    assert json.loads(event.envelope())["later"] == [1]


@pytest.mark.parametrize(
    ("event_id", "kind"), [("x\ny", "t"), ("x", "t\nid: 9"), ('"', "t"), (b"x", "t")]
)
def test_a_row_written_by_hand_injects_nothing(event_id: Any, kind: Any) -> None:
    """An identity or type that no event could have is replaced."""
    body = b'{"data":{},"occurred_at":"2026-01-01T00:00:00Z"}'
    event = from_outbox(StoredEvent(9, "a", 3, event_id, kind, body, 1.5))

    assert type(event) is RawEvent
    assert (event.id, event.type) == ("row-9", "unreadable")
    assert b"\n" not in event.envelope()


@pytest.mark.parametrize("created", ["soon", None, 1e300, float("nan")])
def test_a_row_with_a_senseless_time_is_read(created: Any) -> None:
    """The column may hold anything."""
    event = from_outbox(StoredEvent(9, "a", 3, "x", "t", b"", created))

    assert event.occurred_at == datetime(1970, 1, 1, tzinfo=UTC)


class Plain:
    """An event of somebody else's."""

    def __init__(self, **parts: Any) -> None:
        self.__dict__.update(
            {"id": "x", "channel": "a", "type": "t", "data": {"n": 1}} | parts
        )


def test_any_object_with_the_four_attributes_can_be_stored() -> None:
    """The time of the transaction stands in for the time it does not have."""
    event = from_outbox(stored(Plain()))

    assert (event.id, event.channel, event.type, event.data) == (
        "x",
        "a",
        "t",
        {"n": 1},
    )
    assert event.occurred_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_an_attribute_called_body_is_not_taken_for_ours() -> None:
    """An e-mail has a body too."""
    event = from_outbox(stored(Plain(body=b"Dear all")))

    assert event.data == {"n": 1}


@pytest.mark.parametrize(
    "bad",
    [object(), {"channel": "a"}, Plain(channel="a b"), Plain(data=[]), Plain(id="\n")],
    ids=["object", "dict", "channel", "data", "id"],
)
def test_other_objects_are_checked_like_events(bad: Any) -> None:
    """What is no event is refused by name, before anything is written."""
    with pytest.raises(PublishRejected):
        stored_form(bad, 0.0)
