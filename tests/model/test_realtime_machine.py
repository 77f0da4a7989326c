"""RTM-56: every path of publishing, reading, cutting, trimming and restarting.

The model is a list of events for each channel and epoch. Whatever the steps,
each reader gets a run of that list without hole or repeat, or a gap between
two runs; and once it has read everything, it stands at the top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from syncpatterns.realtime import Delivered, Event, Gap, Hub, Position, _subscription
from syncpatterns.realtime._core import Log
from syncpatterns.realtime._subscription import HubSubscription
from syncpatterns.testing import FakeClock
from tests.unit.realtime.fake_engine import FakeEngine

T = TypeVar("T")
CHANNELS = ("a", "b")
RING = 6
SETTINGS = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
#: For planted bugs: finding one is enough, a small example of it is not needed.
FIND = settings(
    SETTINGS,
    max_examples=3000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
)


class Reader:
    """A subscription, and what it has been told so far."""

    def __init__(self, subscription: HubSubscription) -> None:
        self.subscription = subscription
        self.at = dict(subscription.positions)
        self.gap: set[str] = set()
        self.told_of_loss = False


class Machine(RuleBasedStateMachine):
    """What both kinds of hub have in common."""

    durable: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.history: dict[tuple[str, str], list[Event]] = {}
        self.epochs: dict[str, str] = {}
        self.readers: list[Reader] = []
        self.places: list[dict[str, Position]] = []
        self.serial = 0
        self.hub = self.new_hub()

    def new_hub(self) -> Hub:
        """Return the hub of a new process."""
        raise AssertionError("each kind makes its own")

    def commit(self, events: list[Event]) -> None:
        """Publish *events* and note them in the model."""
        raise AssertionError("each kind has its own way")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let *work* run to its end."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Read everything to its end, then close."""
        try:
            self.settle()
            for reader in self.readers:
                while self.read(reader, 100):
                    pass
                for channel, position in reader.at.items():
                    assert position.offset == self.top(channel), "silence over a loss"
                assert reader.subscription.positions == reader.at
        finally:
            for reader in self.readers:
                reader.subscription.close()
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
        super().teardown()

    def settle(self) -> None:
        """Bring everything published to the hub."""

    def top(self, channel: str) -> int:
        """Return where *channel* stands."""
        epoch = self.epochs.get(channel)
        return 0 if epoch is None else len(self.history[channel, epoch])

    def note(self, event: Event, position: Position) -> None:
        """I1 and I9: offsets are dense, and the epoch changes only by a restart."""
        known = self.epochs.setdefault(event.channel, position.epoch)
        assert known == position.epoch, "a new epoch without a loss"
        told = self.history.setdefault((event.channel, position.epoch), [])
        told.append(event)
        assert position.offset == len(told), "offsets are not dense"

    # ------------------------------------------------------------------- rules

    @rule(channels=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=5))
    def publish(self, channels: list[str]) -> None:
        """Publish an event to each of *channels* at once."""
        events = []
        for channel in channels:
            self.serial += 1
            events.append(Event(channel, "t", {"n": self.serial}))
        self.commit(events)

    @rule(since=st.sampled_from(["live", "earliest"]))
    def subscribe(self, since: Any) -> None:
        """Begin to read both channels."""
        self.enter(self.hub.subscribe(*CHANNELS, since=since))

    @precondition(lambda self: self.places)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """Go on from a place where somebody was."""
        place = data.draw(st.sampled_from(self.places))
        reader = self.enter(self.hub.subscribe(*CHANNELS, since=place))
        for channel, asked in place.items():
            recovered = reader.subscription.recovered[channel]
            if recovered:
                assert asked.epoch == self.epochs.get(channel, asked.epoch)
                reader.at[channel] = asked
            else:
                reader.at[channel] = asked
                reader.told_of_loss = True

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), count=st.integers(1, 8))
    def take(self, data: st.DataObject, count: int) -> None:
        """Let somebody read a few items."""
        self.read(data.draw(st.sampled_from(self.readers)), count)

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Cut somebody off; its place can be resumed from."""
        reader = data.draw(st.sampled_from(self.readers))
        assert reader.subscription.positions == reader.at
        self.places.append(dict(reader.subscription.positions))
        reader.subscription.close()
        self.readers.remove(reader)

    @rule()
    def age(self) -> None:
        """Let every ring grow old."""
        self.clock.advance(700.0)

    @rule()
    def restart(self) -> None:
        """End the process; readers are cut off at their places."""
        for reader in self.readers:
            self.places.append(dict(reader.subscription.positions))
            reader.subscription.close()
        self.readers.clear()
        self.hub.close()
        if not self.durable:
            self.epochs.clear()
        self.hub = self.new_hub()

    # ------------------------------------------------------------------- inside

    def enter(self, subscription: HubSubscription) -> Reader:
        """Open *subscription* and keep it."""
        self.run(subscription.__aenter__())
        for channel in CHANNELS:
            log = self.hub.channels.find(channel)
            assert log is not None
            self.epochs.setdefault(channel, log.log.epoch)
            self.history.setdefault((channel, self.epochs[channel]), [])
        reader = Reader(subscription)
        self.readers.append(reader)
        return reader

    def read(self, reader: Reader, count: int) -> int:
        """Read up to *count* items and compare each with the model."""
        items = self.run(reader.subscription.gather(count))
        assert len(items) <= count
        for item in items:
            self.check(reader, item)
        for channel in reader.gap:  # told, and nothing after it yet
            reader.at[channel] = reader.subscription.positions[channel]
        reader.gap.clear()
        return len(items)

    def check(self, reader: Reader, item: Delivered | Gap) -> None:
        """I2, I3, I10: a run, or a gap and another run."""
        if isinstance(item, Gap):
            channel = item.channel
            assert item.asked == reader.at[channel], "a gap after something else"
            assert item.top.epoch == self.epochs[channel]
            assert item.top.offset <= self.top(channel)
            reader.gap.add(channel)
            return
        channel = item.event.channel
        epoch, offset = item.position
        expected = self.history[channel, epoch][offset - 1]
        assert item.event == expected, "another event than was published here"
        before = reader.at[channel]
        if channel in reader.gap:
            reader.gap.discard(channel)
            assert epoch == self.epochs[channel]
            assert offset > before.offset or epoch != before.epoch, "it went back"
        else:
            assert (epoch, offset) == (before.epoch, before.offset + 1), "a hole"
        reader.at[channel] = item.position


class MemoryMachine(Machine):
    """A hub alone: a restart loses everything, and says so."""

    durable = False

    def new_hub(self) -> Hub:
        """Return an empty hub."""
        return Hub(ring=RING, clock=self.clock)

    def commit(self, events: list[Event]) -> None:
        """Publish to the hub."""
        for event, result in zip(events, self.hub.publish_many(events), strict=True):
            assert result.position is not None
            self.note(event, result.position)


class MirrorMachine(Machine):
    """A hub over an outbox: a restart loses nothing, a sweep does."""

    durable = True

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.relayed = 0
        super().__init__()

    def new_hub(self) -> Hub:
        """Return a hub of a new process, whose relay begins at the top."""
        self.relayed = self.engine.top()
        return Hub(self.engine, ring=RING, clock=self.clock)

    def commit(self, events: list[Event]) -> None:
        """Commit to the outbox; the hub hears of it later."""
        before = len(self.engine.rows)
        self.engine.commit(*events)
        for event, row in zip(events, self.engine.rows[before:], strict=True):
            self.note(event, Position(self.engine.epoch, row.offset))

    @rule(count=st.integers(1, 4), repeat=st.integers(0, 2))
    def relay(self, count: int, repeat: int) -> None:
        """Bring a few rows to the hub, perhaps some of them again."""
        rows = self.engine.after(max(0, self.relayed - repeat), count + repeat)
        self.hub.append(self.engine.epoch, rows)
        if rows:
            self.relayed = max(self.relayed, rows[-1].pos)

    @rule(channel=st.sampled_from(CHANNELS), up_to=st.integers(1, 30))
    def sweep(self, channel: str, up_to: int) -> None:
        """Take old rows away, as far as they are relayed; never the newest."""
        kept = [r.offset for r in self.engine.rows if r.channel == channel]
        seen = [r.offset for r in self.engine.rows if r.pos <= self.relayed]
        if kept:
            self.engine.forget(channel, min(up_to, kept[-1] - 1, max(seen, default=0)))

    def settle(self) -> None:
        """Relay everything."""
        self.relay(10_000, 0)


@pytest.mark.case("RTM-56")
@pytest.mark.parametrize("machine", [MemoryMachine, MirrorMachine])
def test_no_path_loses_or_repeats_in_silence(machine: type[Machine]) -> None:
    """Order, no loss, no repeat and announced gaps hold whatever happens."""
    run_state_machine_as_test(machine, settings=SETTINGS)


# -------------------------------------------------------------------- planted bugs

real_start = _subscription.start  # type: ignore[attr-defined]  # what is replaced
real_join = _subscription.join_history  # type: ignore[attr-defined]  # what is replaced
real_after = Log.after


def _silent_gap(*arguments: Any) -> Any:
    begin = real_start(*arguments)
    return type(begin)(begin.cursor, begin.live_from, begin.recovered)


def _one_too_far(*arguments: Any) -> Any:
    begin = real_start(*arguments)
    return type(begin)(begin.cursor + 1, begin.live_from, begin.recovered, begin.gap)


def _again(self: Log, cursor: int, limit: int) -> Any:
    events = real_after(self, cursor, limit)
    return events[:1] + events[:-1] if len(events) > 1 else events


def _forgets_the_cursor(log: Any, *rest: Any) -> Any:
    parts, _ = real_join(log, *rest)
    return parts, log.top


def _quiet_sweep(*arguments: Any) -> Any:
    parts, after = real_join(*arguments)
    return [part for part in parts if not isinstance(part, Gap)], after


def _jumps(self: Any, cursor: Any, parts: Any) -> int:
    cursor.offset = cursor.channel.log.tail
    return 0


@pytest.mark.parametrize(
    ("machine", "target", "name", "bug"),
    [
        (MemoryMachine, _subscription, "start", _silent_gap),
        (MemoryMachine, _subscription, "start", _one_too_far),
        (MemoryMachine, Log, "after", _again),
        (MemoryMachine, HubSubscription, "_catch_up_needs_lock", _jumps),
        (MirrorMachine, _subscription, "start", _silent_gap),
        (MirrorMachine, _subscription, "join_history", _forgets_the_cursor),
        (MirrorMachine, _subscription, "join_history", _quiet_sweep),
    ],
)
def test_the_machine_finds_planted_bugs(
    machine: type[Machine],
    target: object,
    name: str,
    bug: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each way to lose, repeat or hide something is found."""
    monkeypatch.setattr(target, name, bug)

    with pytest.raises((AssertionError, IndexError)):
        run_state_machine_as_test(machine, settings=FIND)
