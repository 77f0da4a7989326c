"""The relay: nothing skipped, nothing repeated, whatever fails on the way."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from syncpatterns import _testpoints
from syncpatterns.errors import ConfigurationError, EngineClosed, StoreUnavailable
from syncpatterns.realtime import Hub, Outbox, Position, RealtimeEngine, Relay
from syncpatterns.realtime._core import StoredEvent
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.realtime import event, events, numbers, read
from tests.unit.realtime.fake_engine import FakeEngine


def rng() -> random.Random:
    """Return the same chance every time."""
    return random.Random(5)


@asynccontextmanager
async def relaying(
    engine: FakeEngine, hub: Hub, **options: Any
) -> AsyncIterator[Relay]:
    """Run a relay inside the block."""
    relay = Relay(engine, hub, rng=rng(), **options)
    async with anyio.create_task_group() as tasks:
        await tasks.start(relay.run)
        yield relay
        tasks.cancel_scope.cancel()


def test_the_fake_is_an_engine_with_an_outbox() -> None:
    """By structure, like every third party's."""
    assert isinstance(FakeEngine(), RealtimeEngine)
    assert isinstance(FakeEngine(), Outbox)


async def test_commits_reach_live_readers_at_once() -> None:
    """The commit itself wakes the relay; polling has no part in it."""
    engine = FakeEngine()
    hub = Hub(engine, clock=FakeClock())  # the clock stands still: no poll
    async with relaying(engine, hub) as relay, hub.subscribe("a") as subscription:
        engine.commit(*events(1, 3))
        got = numbers(await read(subscription, 3))
        await anyio.wait_all_tasks_blocked()

        assert got == [1, 2, 3]
        assert relay.healthy
        assert relay.pos == 3


class CommittedMeanwhile(FakeEngine):
    """Another commit comes whenever rows have been read, three times over."""

    looks = 0

    def data_version(self) -> int:
        self.looks += 1
        return super().data_version()

    def after(self, pos: int, limit: int) -> list[StoredEvent]:
        rows = super().after(pos, limit)
        if rows and rows[-1].pos < 4:
            self.commit(event(rows[-1].pos + 1))
        return rows


async def test_a_commit_during_a_look_is_seen_by_the_next() -> None:
    """It rings, so nobody has to look again at once, nor to wait for the poll."""
    engine = CommittedMeanwhile()
    hub = Hub(engine, clock=FakeClock())  # the clock stands still: no poll
    async with relaying(engine, hub) as relay, hub.subscribe("a") as subscription:
        before = engine.looks
        engine.commit(event(1))
        got = numbers(await read(subscription, 4))
        await until(lambda: relay.pos == 4)
        await anyio.wait_all_tasks_blocked()

    assert got == [1, 2, 3, 4]
    assert engine.looks - before == 4


@pytest.mark.case("RTM-26", part="relay")
async def test_a_lost_hint_is_made_up_for_by_the_next_poll() -> None:
    """Polling is the floor; a process that died before the hint costs no event."""
    engine = FakeEngine()
    engine.announce = False
    clock = FakeClock()
    hub = Hub(engine, clock=clock)
    async with relaying(engine, hub, poll=0.25), hub.subscribe("a") as subscription:
        for number in range(1, 4):
            engine.commit(event(number))
            await clock.await_for_sleepers(1)
            clock.advance(0.25)

            assert numbers(await read(subscription, 1)) == [number]


async def test_an_idle_relay_reads_no_rows() -> None:
    """A poll looks at the data version, and at the rows only now and then."""
    engine = FakeEngine()
    clock = FakeClock()
    hub = Hub(engine, clock=clock)
    async with relaying(engine, hub, poll=1.0) as relay:
        await anyio.wait_all_tasks_blocked()
        before = engine.reads
        for _ in range(40):
            await clock.await_for_sleepers(1)
            clock.advance(1.0)
            await until(lambda: relay.lag == 0.0)
        idle = engine.reads - before
        for _ in range(40):
            await clock.await_for_sleepers(1)
            clock.advance(1.0)
            await until(lambda: relay.lag == 0.0)
        later = engine.reads - before

    assert idle == 0
    assert later == 1


async def until(true: Any, clock: FakeClock | None = None) -> None:
    """Wait until *true* is, letting time pass on *clock*."""
    with anyio.fail_after(120):
        while not true():
            await anyio.lowlevel.checkpoint()
            if clock is not None:
                clock.advance(0.01)


async def test_old_events_are_not_relayed() -> None:
    """It begins at the top; who wants older ones reads them from the outbox."""
    engine = FakeEngine()
    engine.commit(*events(1, 5))
    hub = Hub(engine)
    async with hub.subscribe("a") as subscription, relaying(engine, hub):
        engine.commit(event(6))

        assert numbers(await read(subscription, 1)) == [6]


async def test_what_commits_before_the_relay_starts_is_not_lost() -> None:
    """A reader that was first gets it all the same, and without another event."""
    engine = FakeEngine()
    hub = Hub(engine)
    async with hub.subscribe("a") as subscription:
        engine.commit(*events(1, 3))
        async with relaying(engine, hub):
            assert numbers(await read(subscription, 3)) == [1, 2, 3]


async def test_many_pages_are_read_in_one_go() -> None:
    """A backlog does not wait for one poll a page."""
    engine = FakeEngine()
    hub = Hub(engine, clock=FakeClock(), ring=10)
    async with relaying(engine, hub, page=7), hub.subscribe("a") as subscription:
        engine.commit(*events(1, 100))

        assert numbers(await read(subscription, 100)) == list(range(1, 101))


async def test_an_engine_that_fails_is_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Pauses grow with jitter, one warning is logged, no row is lost."""
    engine = FakeEngine()
    clock = FakeClock(auto_advance=False)
    hub = Hub(engine, clock=clock)
    with caplog.at_level(logging.WARNING, "syncpatterns.realtime"):
        async with relaying(engine, hub) as relay, hub.subscribe("a") as subscription:
            await anyio.wait_all_tasks_blocked()
            engine.failures = 6
            engine.commit(*events(1, 3))
            await until(lambda: not relay.healthy)
            sick = relay.healthy
            await until(lambda: not engine.failures and relay.healthy, clock)
            got = numbers(await read(subscription, 3))
            lag = relay.lag

    pauses = [seconds for seconds in clock.slept if seconds != 0.1]
    assert got == [1, 2, 3]
    assert not sick
    assert lag < 1.0
    assert len(pauses) == 6
    assert all(
        0.05 * 2**n * 0.5 <= pause <= 0.05 * 2**n for n, pause in enumerate(pauses, 1)
    )
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "nothing is lost" in warnings[0]
    assert "again" in warnings[1]


async def test_lag_grows_while_the_engine_is_away() -> None:
    """It says for how long readers have not been up to date."""
    engine = FakeEngine()
    clock = FakeClock()
    hub = Hub(engine, clock=clock)
    async with relaying(engine, hub) as relay:
        await anyio.wait_all_tasks_blocked()
        engine.failures = 10**6
        await until(lambda: relay.lag > 90, clock)

        assert not relay.healthy
        assert max(s for s in clock.slept) <= 5.0
        engine.failures = 0


async def test_a_start_with_a_broken_engine_waits_for_it() -> None:
    """The position is taken when the outbox can be read, and not before."""
    engine = FakeEngine()
    engine.failures = 3
    clock = FakeClock(auto_advance=True)
    hub = Hub(engine, clock=clock)
    relay = Relay(engine, hub, rng=rng(), poll=1e9)
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            await tasks.start(relay.run)
            healthy = relay.pos
            tasks.cancel_scope.cancel()

    assert healthy == 0


@pytest.mark.case("RTM-27")
@pytest.mark.parametrize("place", ["relay.after_read", "relay.after_publish"])
async def test_dying_between_sending_and_marking_repeats_nothing(place: str) -> None:
    """The rows are read again, and the hub knows which of them it has."""
    engine = FakeEngine()
    clock = FakeClock()
    hub = Hub(engine, clock=clock)
    deaths = iter([True, True, False, True, *[False] * 100])

    def die(name: str) -> None:
        if name == place and next(deaths):
            raise StoreUnavailable("dead")

    async with relaying(engine, hub) as relay, hub.subscribe("a") as subscription:
        _testpoints.arm(die)
        try:
            engine.commit(*events(1, 3))
            await until(lambda: relay.pos == 3, clock)
            engine.commit(*events(4, 5))
            await until(lambda: relay.pos == 5, clock)
            engine.commit(event(6))
            got = await read(subscription, 6)
        finally:
            _testpoints.arm(None)

    assert numbers(got) == [1, 2, 3, 4, 5, 6]


async def test_a_relay_that_starts_again_goes_on_where_it_was() -> None:
    """What committed while it was down comes, once."""
    engine = FakeEngine()
    hub = Hub(engine)
    relay = Relay(engine, hub)
    async with hub.subscribe("a") as subscription:
        for first in (1, 4, 7):
            got: list[Any] = []
            engine.commit(event(first))
            async with anyio.create_task_group() as tasks:
                await tasks.start(relay.run)
                engine.commit(event(first + 1))
                got += await read(subscription, 2)
                tasks.cancel_scope.cancel()
            engine.commit(event(first + 2))
            async with anyio.create_task_group() as tasks:
                await tasks.start(relay.run)
                got += await read(subscription, 1)
                tasks.cancel_scope.cancel()

            assert numbers(got) == [first, first + 1, first + 2]


async def test_cancelling_leaves_nothing_behind() -> None:
    """No listener, no task, and it can be run again."""
    engine = FakeEngine()
    hub = Hub(engine)
    async with relaying(engine, hub) as relay:
        listening = len(engine.listeners)

    assert listening == 1
    assert engine.listeners == []
    assert not relay.healthy


async def test_one_relay_runs_once() -> None:
    """Two loops of one relay would feed each other's position."""
    engine = FakeEngine()
    async with relaying(engine, Hub(engine)) as relay:
        with pytest.raises(ConfigurationError, match="running"):
            await relay.run()


async def test_a_closed_engine_ends_the_relay() -> None:
    """There is nothing to wait for any more."""
    engine = FakeEngine()

    def closed() -> int:
        raise EngineClosed("closed")

    engine.data_version = closed  # type: ignore[method-assign]  # the engine is closed
    hub = Hub(engine)
    with anyio.fail_after(120):
        await Relay(engine, hub).run()

    assert engine.listeners == []


def test_wrong_wiring_is_refused() -> None:
    """A hub without history, and times that make no sense."""
    engine = FakeEngine()

    with pytest.raises(ConfigurationError, match="history"):
        Relay(engine, Hub())
    with pytest.raises(ConfigurationError, match="poll"):
        Relay(engine, Hub(engine), poll=0)
    with pytest.raises(ConfigurationError, match="page"):
        Relay(engine, Hub(engine), page=0)


async def test_a_mirror_is_not_published_to() -> None:
    """What only this process knew would have no number in the outbox."""
    hub = Hub(FakeEngine())

    with pytest.raises(ConfigurationError, match=r"tx\.publish"):
        hub.publish(event(1))
    with pytest.raises(ConfigurationError, match="OutboxPublisher"):
        await hub.apublish_many(events(1, 2))


# ------------------------------------------------------- behind or ahead of the ring


async def test_a_position_ahead_of_the_relay_is_no_loss() -> None:
    """A client that another process served may know more than this one."""
    engine = FakeEngine()
    hub = Hub(engine)
    async with hub.subscribe("a"):
        engine.commit(*events(1, 5))  # no relay: the hub has seen none of them
        since = {"a": Position(engine.epoch, 5)}
        async with hub.subscribe("a", since=since) as ahead:
            assert ahead.recovered == {"a": True}
            async with relaying(engine, hub):
                engine.commit(event(6))

                assert numbers(await read(ahead, 1)) == [6]


async def test_live_means_after_everything_that_is_committed() -> None:
    """Also what the relay has not brought yet is not new to a new reader."""
    engine = FakeEngine()
    hub = Hub(engine)
    async with hub.subscribe("a"):
        engine.commit(*events(1, 5))
        async with hub.subscribe("a") as late, relaying(engine, hub):
            engine.commit(event(6))

            assert numbers(await read(late, 1)) == [6]


async def test_a_sweep_during_a_resume_is_told() -> None:
    """Recovered was true when it was said; what is lost since is a gap."""
    engine = FakeEngine()
    engine.commit(*events(1, 30))
    hub = Hub(engine, ring=5)
    since = {"a": Position(engine.epoch, 3)}
    async with hub.subscribe("a", since=since) as subscription:
        recovered = subscription.recovered
        first = numbers(await subscription.batch(4))
        engine.forget("a", 20)
        rest = numbers(await read(subscription, 11))

    assert recovered == {"a": True}
    assert first == [4, 5, 6, 7]
    assert rest == ["trimmed", *range(21, 31)]


async def test_history_that_cannot_be_read_can_be_read_again() -> None:
    """The error is the reader's to see, and costs it no event."""
    engine = FakeEngine()
    engine.commit(*events(1, 10))
    hub = Hub(engine)
    since = {"a": Position(engine.epoch, 2)}
    async with hub.subscribe("a", since=since) as subscription:
        engine.failures = 1
        with pytest.raises(StoreUnavailable):
            await subscription.batch()

        assert numbers(await read(subscription, 8)) == list(range(3, 11))


async def test_a_resume_cancelled_in_the_outbox_loses_nothing() -> None:
    """What the cancelled call had read is given by the next."""
    engine = FakeEngine()
    engine.commit(*events(1, 10))
    hub = Hub(engine)
    since = {"a": Position(engine.epoch, 2)}
    got: list[int | str] = []
    async with hub.subscribe("a", since=since) as subscription:
        for _ in range(5):
            with anyio.CancelScope() as scope:
                engine.after_page = lambda: anyio.from_thread.run_sync(scope.cancel)
                got += numbers(await subscription.batch(1))
        engine.after_page = None
        got += numbers(await read(subscription, 8 - len(got)))

    assert got == list(range(3, 11))


async def test_rows_of_a_channel_that_nobody_reads_are_not_kept() -> None:
    """The outbox has them; a ring for every tenant would not fit."""
    engine = FakeEngine()
    hub = Hub(engine)
    async with relaying(engine, hub) as relay:
        engine.commit(*events(1, 3, "unread"))
        await until(lambda: relay.pos == 3)

        assert hub.channel_names() == []


async def test_a_hub_over_an_outbox_says_what_it_can() -> None:
    """Capabilities are declared, not guessed from a class."""
    durable, memory = Hub(FakeEngine()).capabilities, Hub().capabilities

    assert (durable.durable, durable.transactional, durable.deduplicates) == (
        True,
        True,
        False,
    )
    assert (memory.durable, memory.transactional, memory.deduplicates) == (
        False,
        False,
        True,
    )
