"""The realtime suite on every backend, and proof that the suite can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.realtime import Event, Hub, _subscription
from syncpatterns.realtime._core import start as real_start
from syncpatterns.testing.conformance import realtime as suite
from syncpatterns.testing.conformance._realtime import _outbox as outbox_suite
from tests.conformance.realtime_backends import (
    MemoryBackend,
    SqliteOutboxBackend,
    memory_backend,
    sqlite_backend,
    sqlite_outbox,
)

CASES: dict[Callable[..., Any], tuple[str, ...]] = {
    suite.check_live: ("RTM-01",),
    suite.check_live_begins_now: ("RTM-02",),
    suite.check_earliest: ("RTM-02",),
    suite.check_channels_are_apart: ("RTM-03",),
    suite.check_resume: ("RTM-04",),
    suite.check_resume_at_the_top: ("RTM-05",),
    suite.check_resume_beyond_the_top: ("RTM-06",),
    suite.check_resume_past_the_ring: ("RTM-08",),
    suite.check_slow_reader: ("RTM-12",),
    suite.check_restart: ("RTM-16", "RTM-17"),
    suite.check_first_subscribers_at_once: ("RTM-22",),
    suite.check_bulk_keeps_its_order: ("RTM-31",),
    suite.check_cancelled_batch: ("RTM-51",),
    suite.check_unknown_types_pass: ("RTM-54",),
    suite.check_published_twice: ("RTM-10",),
    outbox_suite.check_rolled_back_leaves_no_trace: ("RTM-23",),
    outbox_suite.check_rejected_writes_nothing: ("RTM-31",),
}


def parameters(checks: tuple[Callable[..., Any], ...], *not_here: str) -> list[Any]:
    """Give each check its name, and the marks of the cases that it proves.

    Args:
        checks: What to run.
        *not_here: Cases that this backend declares it has no part in.
    """
    return [
        pytest.param(
            check,
            id=check.__name__.removeprefix("check_"),
            marks=[
                pytest.mark.case(case)
                for case in CASES.get(check, ())
                if case not in not_here
            ],
        )
        for check in checks
    ]


@pytest.mark.parametrize("check", parameters(suite.HUB_CHECKS, "RTM-17"))
async def test_memory_hub(check: Callable[..., Any]) -> None:
    """A hub in memory keeps every promise of the suite."""
    await check(memory_backend)


@pytest.mark.engine
@pytest.mark.parametrize("check", parameters(suite.HUB_CHECKS, "RTM-10", "RTM-16"))
async def test_sqlite_hub(check: Callable[..., Any], tmp_path: Path) -> None:
    """A hub over a SQLite outbox keeps every promise of the suite."""
    await check(partial(sqlite_backend, tmp_path / "app.db"))


@pytest.mark.engine
@pytest.mark.parametrize("check", parameters(suite.OUTBOX_CHECKS))
def test_sqlite_outbox(check: Callable[..., Any], tmp_path: Path) -> None:
    """SQLite's outbox keeps every promise of the suite."""
    check(partial(sqlite_outbox, tmp_path / "app.db"))


# ----------------------------------------------------------------- planted bugs


class Losing(MemoryBackend):
    """Loses every third event."""

    async def publish(self, *events: Event) -> None:
        """Publish most of *events*."""
        kept = [event for event in events if event.data["n"] % 3]
        await super().publish(*kept)


class Repeating(MemoryBackend):
    """Publishes each event twice, under another id."""

    async def publish(self, *events: Event) -> None:
        """Publish *events* and copies of them."""
        again = [replace(event, id=f"again-{event.id}") for event in events]
        await super().publish(*events, *again)


class Disordered(MemoryBackend):
    """Publishes the last first."""

    async def publish(self, *events: Event) -> None:
        """Publish *events* backwards."""
        await super().publish(*reversed(events))


class Renaming(MemoryBackend):
    """Gives each event an id of its own, so that no repeat is known."""

    async def publish(self, *events: Event) -> None:
        """Publish copies of *events*."""
        copies = [Event(each.channel, each.type, each.data) for each in events]
        await super().publish(*copies)


class PretendsToBeTheSame(MemoryBackend):
    """Restarts without a new epoch, so that old numbers seem to be its own."""

    async def restart(self) -> None:
        """Forget everything but the epoch."""
        epoch = self.hub.channels.find("a").log.epoch  # type: ignore[union-attr]  # published before
        self.hub = Hub(ring=10)
        self.hub.publish_many(suite.events(1, 3))
        self.hub.channels.find("a").log.epoch = epoch  # type: ignore[union-attr]  # as above


@pytest.mark.parametrize(
    ("backend", "check"),
    [
        (Losing, suite.check_live),
        (Losing, suite.check_resume),
        (Repeating, suite.check_live),
        (Disordered, suite.check_live),
        (Disordered, suite.check_bulk_keeps_its_order),
        (Renaming, suite.check_published_twice),
        (PretendsToBeTheSame, suite.check_restart),
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_suite_catches_a_bad_backend(
    backend: type[MemoryBackend],
    check: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each planted bug of a backend fails the check that is there for it."""
    monkeypatch.setattr(suite, "PATIENCE", 0.05)

    @asynccontextmanager
    async def make() -> AsyncIterator[MemoryBackend]:
        yield backend()

    with pytest.raises(AssertionError):
        await check(make)


def _always_live(log: Any, *_: object) -> Any:
    return real_start(log, "live")


def _no_gap(*arguments: Any) -> Any:
    return replace(real_start(*arguments), gap=None, recovered=True)


def _one_too_early(*arguments: Any) -> Any:
    begin = real_start(*arguments)
    return replace(begin, cursor=max(0, begin.cursor - 1))


def _silent_lag(self: Any, cursor: Any, parts: Any) -> int:
    cursor.offset = cursor.channel.log.tail
    return 0


def _takes_before_waiting(self: Any) -> Any:
    self._take_needs_lock(1)
    return real_changed(self)


real_changed = _subscription.HubSubscription.changed
HUB = _subscription.HubSubscription


@pytest.mark.parametrize(
    ("target", "name", "bug", "check"),
    [
        (_subscription, "start", _always_live, suite.check_resume),
        (_subscription, "start", _always_live, suite.check_earliest),
        (_subscription, "start", _no_gap, suite.check_resume_beyond_the_top),
        (_subscription, "start", _no_gap, suite.check_other_epoch),
        (_subscription, "start", _no_gap, suite.check_resume_past_the_ring),
        (_subscription, "start", _one_too_early, suite.check_live_begins_now),
        (_subscription, "start", _one_too_early, suite.check_resume_at_the_top),
        (HUB, "_catch_up_needs_lock", _silent_lag, suite.check_slow_reader),
        (HUB, "changed", _takes_before_waiting, suite.check_cancelled_batch),
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_suite_catches_a_bad_hub(
    target: object,
    name: str,
    bug: Callable[..., Any],
    check: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each planted bug of the hub fails the check that is there for it."""
    monkeypatch.setattr(suite, "PATIENCE", 0.05)
    monkeypatch.setattr(target, name, bug)

    with pytest.raises(AssertionError):
        await check(memory_backend)


class CommitsAnyway(SqliteOutboxBackend):
    """Its rollback commits."""

    def roll_back(self, *events: Event) -> None:
        """Commit."""
        self.commit(*events)


class WritesOneByOne(SqliteOutboxBackend):
    """A rejected event leaves the ones before it behind."""

    def commit(self, *events: Event) -> float:
        """Commit each event by itself."""
        return [super(WritesOneByOne, self).commit(event) for event in events][-1]


class SweepsEverything(SqliteOutboxBackend):
    """Its sweep takes the newest rows as well, so their numbers come again."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.outbox = _Sweeper(self.outbox, engine)


class _Sweeper:
    def __init__(self, outbox: Any, engine: Any) -> None:
        self._outbox = outbox
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def sweep(self, before: float, limit: int) -> int:
        """Delete old rows, whichever they are."""
        delete = (
            "DELETE FROM syncpatterns_outbox WHERE pos IN (SELECT pos FROM "
            "syncpatterns_outbox WHERE created < ? LIMIT ?)"
        )
        count: int = self._engine.transact(
            lambda tx: tx.connection.execute(delete, (before, limit)).rowcount
        )
        return count


@pytest.mark.engine
@pytest.mark.parametrize(
    ("backend", "check"),
    [
        (CommitsAnyway, outbox_suite.check_rolled_back_leaves_no_trace),
        (WritesOneByOne, outbox_suite.check_rejected_writes_nothing),
        (SweepsEverything, outbox_suite.check_sweep_keeps_the_numbers),
    ],
)
def test_the_suite_catches_a_bad_outbox(
    backend: type[SqliteOutboxBackend], check: Callable[..., Any], tmp_path: Path
) -> None:
    """Each planted bug of an outbox fails the check that is there for it."""

    @contextmanager
    def make() -> Iterator[SqliteOutboxBackend]:
        with sqlite_outbox(tmp_path / "app.db") as good:
            yield backend(good.engine)

    with pytest.raises(AssertionError):
        check(make)
