"""The whole way over SQLite: committed is announced, rolled back is not."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns.engines import connect
from syncpatterns.errors import PayloadTooLarge, PublishRejected
from syncpatterns.realtime import (
    Delivered,
    Event,
    Hub,
    OutboxPublisher,
    Position,
    Publisher,
    Relay,
)
from syncpatterns.realtime._subscription import HubSubscription
from syncpatterns.testing.conformance.realtime import event, events, numbers, read
from tests.conformance.realtime_backends import SqliteBackend, sqlite_backend
from tests.timing import at_best_async

pytestmark = pytest.mark.engine


def url(tmp_path: Path) -> str:
    """Return the URL of a database of this test."""
    return f"sqlite:///{tmp_path / 'app.db'}"


@asynccontextmanager
async def relayed(engine: Any, **options: Any) -> AsyncIterator[tuple[Hub, Relay]]:
    """Give a hub that is fed from *engine*."""
    hub = Hub(engine)
    relay = Relay(engine, hub, **options)
    async with anyio.create_task_group() as tasks:
        await tasks.start(relay.run)
        yield hub, relay
        hub.close()
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def reading(
    tmp_path: Path,
) -> AsyncIterator[tuple[SqliteBackend, HubSubscription]]:
    """Give a hub over SQLite and a live reader of channel a."""
    async with (
        sqlite_backend(tmp_path / "app.db") as backend,
        backend.hub.subscribe("a") as subscription,
    ):
        yield backend, subscription


class Undo(Exception):
    """Roll back."""


@pytest.mark.case("RTM-23", part="whole way")
async def test_rolled_back_is_never_seen(tmp_path: Path) -> None:
    """Neither the event nor a hole where its offset would have been."""
    async with reading(tmp_path) as (backend, subscription):
        await backend.publish(event(1))

        def work(tx: Any) -> None:
            tx.publish(*events(2, 3))
            raise Undo

        with pytest.raises(Undo):
            await backend.engine.atransact(work)
        await backend.publish(event(4))
        items = await read(subscription, 2)

    assert numbers(items) == [1, 4]
    placed = [item.position.offset for item in items if isinstance(item, Delivered)]
    assert placed == [1, 2]


@pytest.mark.case("RTM-23", part="undo")
async def test_an_effect_that_was_undone_announces_nothing(tmp_path: Path) -> None:
    """A refusal takes back the events of the effect with its rows."""
    async with reading(tmp_path) as (backend, subscription):

        def work(tx: Any) -> None:
            tx.publish(event(1))
            tx.undo()
            tx.publish(event(2))

        await backend.engine.atransact(work, undoable=True)

        assert numbers(await read(subscription, 1)) == [2]


@pytest.mark.case("RTM-24")
async def test_writers_in_two_processes_lose_no_event(tmp_path: Path) -> None:
    """Whoever inserts first and commits last: readers see commit order, gapless."""
    with connect(url(tmp_path)) as engine:
        async with (
            relayed(engine, poll=0.01) as (hub, _),
            hub.subscribe("a", "b") as subscription,
        ):
            others = [connect(url(tmp_path)) for _ in range(2)]
            threads = [
                threading.Thread(target=_write, args=(each, seed))
                for seed, each in enumerate([engine, *others])
            ]
            for thread in threads:
                thread.start()
            got = await read(subscription, 240)
            items = [item for item in got if isinstance(item, Delivered)]
            for thread in threads:
                await anyio.to_thread.run_sync(thread.join)
            for each in others:
                each.close()

    for channel in "ab":
        offsets = [i.position.offset for i in items if i.event.channel == channel]
        assert offsets == list(range(1, len(offsets) + 1))
    for seed in range(3):
        mine = [i.event.data["i"] for i in items if i.event.data["who"] == seed]
        for channel in "ab":
            order = [n for n in mine if (n % 2 == 0) == (channel == "a")]
            assert order == sorted(order)
        assert sorted(mine) == list(range(80))


def _write(engine: Any, seed: int) -> None:
    rng = random.Random(seed)
    n = 0
    while n < 80:
        count = min(rng.randint(1, 5), 80 - n)
        batch = [
            Event("ab"[i % 2], "t", {"i": i, "who": seed}) for i in range(n, n + count)
        ]
        engine.transact(partial(_publish, batch))
        n += count


def _publish(batch: list[Event], tx: Any) -> None:
    tx.publish(*batch)


CRASH = """
import os, sys
from syncpatterns import _testpoints
from syncpatterns.engines import connect
from syncpatterns.realtime import Event
engine = connect(sys.argv[1])
engine.open()
_testpoints.arm(lambda name: os._exit(9) if name == "sqlite.after_commit" else None)
engine.transact(lambda tx: tx.publish(Event("a", "t", {"n": int(sys.argv[2])})))
"""


@pytest.mark.case("RTM-26")
async def test_a_process_that_dies_after_its_commit_is_heard(tmp_path: Path) -> None:
    """No hint was given; polling delivers within 250 ms."""
    with connect(url(tmp_path)) as engine:
        async with relayed(engine) as (hub, _), hub.subscribe("a") as subscription:
            numbered = itertools.count()

            async def die_once() -> float:
                number = next(numbered)
                argv = [sys.executable, "-c", CRASH, url(tmp_path), str(number)]
                done = await anyio.to_thread.run_sync(
                    partial(subprocess.run, argv, check=False)
                )
                began = time.monotonic()
                got = numbers(await read(subscription, 1))
                took = time.monotonic() - began
                assert (done.returncode, got) == (9, [number])
                return took

            assert await at_best_async(die_once, 0.25) < 0.25


@pytest.mark.case("RTM-27", part="restart")
async def test_a_relay_that_died_repeats_nothing_to_a_client(tmp_path: Path) -> None:
    """The next process goes on from the position of each client."""
    async with reading(tmp_path) as (backend, subscription):
        await backend.publish(*events(1, 5))
        first = numbers(await read(subscription, 3))
        place = subscription.positions
        await backend.publish(event(6))
        await backend.restart()
        await backend.publish(event(7))
        async with backend.hub.subscribe("a", since=place) as resumed:
            recovered = resumed.recovered
            second = numbers(await read(resumed, 4))

    assert (first, second) == ([1, 2, 3], [4, 5, 6, 7])
    assert recovered == {"a": True}


@pytest.mark.case("RTM-31", part="whole way")
async def test_a_hundred_changes_are_announced_together_or_not(tmp_path: Path) -> None:
    """One invalid event among a hundred: nothing; all valid: all, in order."""
    good = [Event("a", "lead.changed", {"n": n}) for n in range(1, 101)]
    async with reading(tmp_path) as (backend, subscription):
        bad: Any = object()
        with pytest.raises(PublishRejected):
            await backend.publish(*good[:50], bad, *good[50:])
        await backend.publish(*good)

        assert numbers(await read(subscription, 100)) == list(range(1, 101))


def test_nothing_is_written_if_one_event_is_too_large(tmp_path: Path) -> None:
    """Also for objects that are no Event and are checked only here."""

    class Plain:
        id, channel, type = "x", "a", "t"
        data = {"x": "y" * 300_000}  # noqa: RUF012 - a plain object, as a user has it

    with connect(url(tmp_path)) as engine:

        def work(tx: Any) -> None:
            with pytest.raises(PayloadTooLarge):
                tx.publish(event(1), Plain())
            tx.publish(event(2))

        engine.transact(work)
        rows = engine.outbox().after(0, 10)

    assert [row.offset for row in rows] == [1]
    assert b'"n":2' in rows[0].body


async def test_a_snapshot_and_its_position_belong_together(tmp_path: Path) -> None:
    """A page resumes from where its own rows end, whatever commits meanwhile."""
    async with sqlite_backend(tmp_path / "app.db") as backend:
        outbox = backend.engine.outbox()
        await backend.publish(*events(1, 3))

        def look(connection: Any) -> tuple[int, Position]:
            query = "SELECT count(*) FROM syncpatterns_outbox"
            (count,) = connection.execute(query).fetchone()
            backend.engine.transact(lambda tx: tx.publish(event(4)))
            return count, outbox.position("a", connection)

        count, position = await backend.engine.aread(look)
        async with backend.hub.subscribe("a", since={"a": position}) as subscription:
            missed = numbers(await read(subscription, 1))

    assert (count, position.offset, missed) == (3, 3, [4])


@pytest.mark.case("RTM-08", part="SQLite, long history")
async def test_a_long_history_is_read_in_pages(tmp_path: Path) -> None:
    """A thousand events behind a ring of ten, with more coming all the while."""
    async with sqlite_backend(tmp_path / "app.db") as backend:
        for begin in range(1, 1001, 100):
            await backend.publish(*events(begin, begin + 99))
        async with backend.hub.subscribe("a", since="earliest") as subscription:
            got = numbers(await read(subscription, 300))
            await backend.publish(*events(1001, 1100))
            got += numbers(await read(subscription, 800))

    assert got == list(range(1, 1101))


async def test_swept_events_are_told_as_a_gap(tmp_path: Path) -> None:
    """Retention is by age; who was away for longer fetches anew."""
    async with sqlite_backend(tmp_path / "app.db") as backend:
        await backend.publish(*events(1, 30))
        epoch = backend.engine.epoch
        await backend.restart()
        removed = backend.engine.outbox().sweep(time.time() + 3600, 1000)
        since = {"a": Position(epoch, 5)}
        async with backend.hub.subscribe("a", since=since) as subscription:
            recovered = subscription.recovered
            await backend.publish(event(31))
            got = numbers(await read(subscription, 2))

    assert removed == 29
    assert recovered == {"a": False}
    assert got == ["trimmed", 31]


def test_old_events_of_quiet_channels_do_not_hide_others(tmp_path: Path) -> None:
    """Each sweep takes what it may, past the newest rows that have to stay."""
    with connect(url(tmp_path)) as engine:
        outbox = engine.outbox()
        for n in range(50):
            engine.transact(lambda tx, n=n: tx.publish(event(n, f"quiet-{n}")))
        engine.transact(lambda tx: tx.publish(*events(1, 20)))
        later = time.time() + 3600
        removed = [outbox.sweep(later, 7) for _ in range(4)]
        kept = outbox.bounds([f"quiet-{n}" for n in range(50)])

    assert removed == [7, 7, 5, 0]
    assert set(kept.values()) == {(1, 1)}


def test_a_clock_that_goes_back_keeps_events_longer(tmp_path: Path) -> None:
    """Rows that seem younger than their successors stop the sweep, not the app."""
    with connect(url(tmp_path)) as engine:
        outbox = engine.outbox()
        engine.transact(lambda tx: tx.publish(*events(1, 3)))
        engine.transact(
            lambda tx: tx.connection.execute(
                "UPDATE syncpatterns_outbox SET created = 0 WHERE pos = 2"
            )
        )

        assert outbox.sweep(1.0, 100) == 0
        assert outbox.bounds(["a"])["a"] == (1, 3)


def test_a_row_written_by_hand_is_read(tmp_path: Path) -> None:
    """Text where bytes belong, and a body that is no JSON, stop nobody."""
    with connect(url(tmp_path)) as engine:
        insert = (
            "INSERT INTO syncpatterns_outbox (channel, offset, event_id, type, body, "
            "created) VALUES ('a', ?, 'x', 't', ?, 1.0)"
        )
        engine.transact(lambda tx: tx.connection.execute(insert, (1, "text")))
        engine.transact(lambda tx: tx.connection.execute(insert, (2, 7)))
        rows = engine.outbox().after(0, 10)

    assert [row.body for row in rows] == [b"text", b""]


async def test_a_publisher_commits_what_belongs_to_no_other_row(tmp_path: Path) -> None:
    """Blocking and async, one and many; the result says that it is stored."""
    with connect(url(tmp_path)) as engine:
        publisher = OutboxPublisher(engine)
        results = [
            await anyio.to_thread.run_sync(publisher.publish, event(1)),
            *await anyio.to_thread.run_sync(publisher.publish_many, events(2, 3)),
            await publisher.apublish(event(4)),
            *await publisher.apublish_many(events(5, 6)),
        ]
        rows = engine.outbox().after(0, 10)

    assert isinstance(publisher, Publisher)
    assert publisher.capabilities.transactional
    assert {result.stage for result in results} == {"stored"}
    assert [row.offset for row in rows] == [1, 2, 3, 4, 5, 6]


async def test_the_index_serves_every_read(tmp_path: Path) -> None:
    """No read of the outbox walks the whole table."""
    from syncpatterns.engines.sqlite import _outbox

    parameters: dict[str, tuple[Any, ...]] = {
        "after": (0, 1),
        "history": ("a", 0, 1),
        "bounds": ("a",),
        "write": ("a", "x", "t", b"", 0.0),
    }
    with connect(url(tmp_path)) as engine:
        for name, values in parameters.items():
            query = f"EXPLAIN QUERY PLAN {_outbox._SQL[name]}"
            plan = engine.read(lambda c, q=query, v=values: c.execute(q, v).fetchall())
            steps = [row[-1] for row in plan]

            assert not any(step.startswith("SCAN syncpatterns") for step in steps), name
