"""Leases, delays and pauses are measured by a clock that nobody can set."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.clock import SystemClock
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._queue import _clock as _queue_clock
from syncpatterns.engines.sqlite._queue._clock import SteadyClock, boot_of, ticks_of
from syncpatterns.testing import FakeClock
from tests.unit.engines.conftest import on_disk
from tests.unit.engines.queues import PLENTY, QUEUE, claim, keys, new, put

OpenEngine = Callable[..., SqliteEngine]

START = 1_700_000_000.0
HOUR = 3600.0


class Named(FakeClock):
    """A clock whose boot is named by the test; "" is a machine that names none."""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Named]:
    """Make clocks of machines that call their boot what the test says."""
    boots: dict[int, str] = {}
    real = boot_of
    monkeypatch.setattr(
        _queue_clock, "boot_of", lambda clock: boots.get(id(clock)) or real_of(clock)
    )

    def real_of(clock: Any) -> str:
        return "" if id(clock) in boots else real(clock)

    def make(boot: str, start: float = START, monotonic: float = 0.0) -> Named:
        clock = Named(start, monotonic=monotonic)
        boots[id(clock)] = boot
        kept.append(clock)
        return clock

    kept: list[Named] = []
    return make


@pytest.mark.case("QUE-39", part="leases in SQLite")
@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_step_of_the_wall_clock_moves_no_lease(
    open_engine: OpenEngine, clock: FakeClock, step: float
) -> None:
    """30 s stay 30 s, whatever somebody sets."""
    store = open_engine(clock=clock).queue_store()
    put(store, new("a"))
    claim(store, lease=30.0)
    clock.set_time(START + step)
    clock.advance(29.9)
    early = claim(store)
    clock.advance(0.2)

    late = claim(store)

    assert (keys(early), keys(late)) == ([], ["a"])


@pytest.mark.case("QUE-39", part="delays in SQLite")
@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_step_of_the_wall_clock_moves_no_delay_and_no_pause(
    open_engine: OpenEngine, clock: FakeClock, step: float
) -> None:
    """Also for an engine that is opened after the step."""
    first = open_engine(clock=clock)
    store = first.queue_store()
    put(store, new("delayed", delay=60.0), new("sms", target="sms"))
    store.pause(QUEUE, "sms", 60.0)
    clock.set_time(START + step)
    first.close()
    store = open_engine(clock=clock).queue_store()
    clock.advance(59.9)
    early = claim(store, 9)
    clock.advance(0.2)

    late = claim(store, 9)

    assert (keys(early), sorted(keys(late))) == ([], ["delayed", "sms"])


@pytest.mark.case("QUE-39", part="reboot in SQLite")
def test_a_reboot_with_the_clock_an_hour_back_stalls_nothing(
    open_engine: OpenEngine, clock: FakeClock
) -> None:
    """What was due is due, and what was to wait waits for its own time only."""
    with open_engine(clock=clock) as before:
        store = before.queue_store()
        put(store, new("due", delay=5.0), new("later", delay=65.0))
        clock.advance(10)
        store.stage(QUEUE)
    rebooted = FakeClock(START - HOUR, monotonic=3.0)
    store = open_engine(clock=rebooted).queue_store()
    at_once = claim(store, 9, lease=HOUR)
    rebooted.advance(55.1)

    later = claim(store, 9)

    assert (keys(at_once), keys(later)) == (["due"], ["later"])


def test_two_processes_of_one_boot_agree(
    open_engine: OpenEngine, named: Callable[..., Named]
) -> None:
    """Though the wall clock was set between their starts: the base is in the file."""
    first = open_engine(clock=named("boot-1", monotonic=100.0)).queue_store()
    put(first, new("a", delay=10.0))
    second_clock = named("boot-1", start=START + HOUR, monotonic=105.0)
    second = open_engine(clock=second_clock).queue_store()
    early = claim(second)
    second_clock.advance(5.1)

    assert (keys(early), keys(claim(second))) == ([], ["a"])


@pytest.mark.parametrize(
    ("ticks", "early"),
    [
        pytest.param(200.0, ["a"], id="ticks have gone on: the same boot"),
        pytest.param(3.0, [], id="ticks begin anew: another boot"),
    ],
)
def test_a_machine_that_names_no_boot(
    open_engine: OpenEngine,
    named: Callable[..., Named],
    ticks: float,
    early: list[str],
) -> None:
    """Whether its ticks have gone on since they were last seen has to do."""
    clock = named("", monotonic=100.0)
    with open_engine(clock=clock) as engine:
        put(engine.queue_store(), new("a", delay=60.0))
    later = named("", start=START + 10, monotonic=ticks)

    claimed = claim(open_engine(clock=later).queue_store())

    assert keys(claimed) == early


def test_the_time_seen_is_written_once_a_second(
    open_engine: OpenEngine, clock: FakeClock, path: Path
) -> None:
    """It costs a page; and it is what a reboot counts from."""
    engine = open_engine(clock=clock)
    store = engine.queue_store()
    seen: list[float] = []
    for n, seconds in enumerate((0.0, 0.9, 0.2)):
        clock.advance(seconds)
        put(store, new(f"k{n}"))
        sql = "SELECT value FROM syncpatterns_meta WHERE name = 'steady_seen'"
        seen += engine.read(lambda c: c.execute(sql).fetchone())  # noqa: B023 - at once

    assert seen == [START, START, pytest.approx(START + 1.1)]


def test_an_engine_without_queues_keeps_no_such_clock(
    open_engine: OpenEngine, path: Path
) -> None:
    """The rows are written when the first queue is used."""
    with open_engine() as engine:
        engine.sweep()

    names = "SELECT name FROM syncpatterns_meta WHERE name LIKE 'steady%'"
    assert on_disk(path, names) == []


def test_the_machine_s_own_boot_has_a_name_and_counts_its_sleep() -> None:
    """As far as the system tells; without a name the ticks have to do."""
    clock = SystemClock()
    code = """
from syncpatterns.clock import SystemClock
from syncpatterns.engines.sqlite._queue._clock import boot_of
print(boot_of(SystemClock()))
"""
    same = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
    )

    assert same.stdout.strip() == boot_of(clock)
    assert ticks_of(clock) >= 0


def test_a_system_that_tells_no_boot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No file in /proc: a machine that is not Linux."""
    monkeypatch.setattr(_queue_clock, "_BOOT_ID", tmp_path / "none")

    assert boot_of(SystemClock()) == ""


def test_a_clock_that_cannot_be_told_apart_has_no_boot() -> None:
    """Whose class has slots and no room for a weak reference."""

    class Slotted:
        __slots__ = ()

        def time(self) -> float:
            return START

        def monotonic(self) -> float:
            return 5.0

        def sleep(self, seconds: float) -> None: ...

        async def asleep(self, seconds: float) -> None: ...

    clock = Slotted()

    assert (boot_of(clock), ticks_of(clock)) == ("", 5.0)


def test_what_somebody_wrote_into_the_notes_does_not_stop_the_clock(
    open_engine: OpenEngine, clock: FakeClock
) -> None:
    """Text where a number should be: it counts from the wall clock again."""
    with open_engine(clock=clock) as engine:
        engine.queue_store().configure(QUEUE, PLENTY)
        engine.transact(
            lambda tx: tx.connection.execute(
                "UPDATE syncpatterns_meta SET value = 'x' WHERE name = 'steady_base'"
            )
        )
    engine = open_engine(clock=clock)
    steady = SteadyClock(clock)

    base = engine.transact(lambda tx: steady.start(tx.connection))

    assert base + ticks_of(clock) == START
