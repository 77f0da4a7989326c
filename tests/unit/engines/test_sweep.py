"""Housekeeping removes what is over, in small steps, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.events import Fact, Swept
from syncpatterns.idempotency import Record, State
from syncpatterns.realtime import Event
from syncpatterns.testing import FakeClock

OpenEngine = Callable[..., SqliteEngine]

START = 1_700_000_000.0


def record(number: int, state: State, dedupe_until: float) -> Record:
    """Return a record of the given age."""
    return Record(
        f"{number:064x}", "op", b"f", state, 1, "n", 1, START, 0, 0, dedupe_until
    )


def keep(engine: SqliteEngine, records: list[Record]) -> None:
    """Write *records* in one transaction."""

    def work(tx: SqliteTransaction) -> None:
        for each in records:
            tx.save_record(each)

    engine.transact(work)


def left(engine: SqliteEngine) -> int:
    """Return how many records there are."""
    sql = "SELECT count(*) FROM syncpatterns_record"
    found: int = engine.read(lambda c: c.execute(sql).fetchone()[0])
    return found


@pytest.mark.case("IDM-68", part="sqlite")
def test_ten_thousand_go_and_thirteen_stay(open_engine: OpenEngine) -> None:
    """In transactions of at most 200 rows, so that no writer waits for long."""
    told: list[Fact | Swept] = []
    engine = open_engine(clock=FakeClock(START), hooks=[told.append])
    live = [record(n, State.COMPLETED, START + 1) for n in range(0, 20_000, 2_000)]
    unknown = [record(n, State.UNKNOWN, START + 9) for n in (1, 9_001, 19_001)]
    over = [record(n, State.COMPLETED, START) for n in range(2, 20_002, 2)]
    over = [each for each in over if each not in live and int(each.key, 16) % 2_000]
    over += [record(20_003 + n, State.FREE, 0) for n in range(10_000 - len(over))]
    keep(engine, [*live, *unknown, *over])
    batches: list[int] = []
    connection = engine._opened().session.connection
    deleted = [0]

    def watch(sql: str) -> None:
        if sql.startswith("DELETE"):
            deleted[0] += 1
        elif sql.startswith("COMMIT"):
            batches.append(deleted[0])
            deleted[0] = 0

    connection.set_trace_callback(watch)

    swept = engine.sweep()

    assert swept == Swept("sqlite", records=10_000, events=0)
    assert told == [swept]
    assert left(engine) == 13
    assert len(engine.idempotency_store().unresolved()) == 3
    assert max(batches) == 200


@pytest.mark.case("IDM-68", part="sqlite")
def test_a_key_claimed_anew_meanwhile_stays(
    open_engine: OpenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was over when it was looked up may be live when it is deleted."""
    from syncpatterns.engines.sqlite import _records

    engine = open_engine(clock=FakeClock(START))
    keep(engine, [record(1, State.COMPLETED, 0), record(2, State.COMPLETED, 0)])
    real = _records.forgotten

    def look(*args: object, **kwargs: object) -> list[bytes]:
        found = real(*args, **kwargs)  # type: ignore[arg-type]  # handed on
        if found:
            keep(engine, [record(1, State.IN_PROGRESS, START + 60)])
        return found

    monkeypatch.setattr(_records, "forgotten", look)

    assert engine.sweep().records == 1
    assert left(engine) == 1


@pytest.mark.case("IDM-69", part="sqlite")
def test_two_sweepers_at_once(open_engine: OpenEngine) -> None:
    """Neither waits for the other for ever, and each row is counted once."""
    clock = FakeClock(START)
    engines = [open_engine(clock=clock), open_engine(clock=clock)]
    keep(engines[0], [record(n, State.COMPLETED, 0) for n in range(2_000)])
    swept: list[int] = []
    start = threading.Barrier(2)

    def sweep(engine: SqliteEngine) -> None:
        engine.open()
        start.wait(120)
        swept.append(engine.sweep().records)

    threads = [threading.Thread(target=sweep, args=(e,)) for e in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(swept) == 2_000
    assert left(engines[0]) == 0


async def test_the_store_sweeps_up_to_a_limit(open_engine: OpenEngine) -> None:
    """Blocking or from a task, it says how many are gone."""
    engine = open_engine(clock=FakeClock(START))
    keep(engine, [record(n, State.COMPLETED, 0) for n in range(700)])

    first = engine.idempotency_store().sweep(limit=250)
    second = await engine.async_idempotency_store().sweep(limit=250)
    rest = await engine.asweep()

    assert (first, second, rest.records, left(engine)) == (250, 250, 200, 0)


def test_old_events_go(open_engine: OpenEngine) -> None:
    """After a day, but for the newest of each channel, which keeps the count."""
    clock = FakeClock(START)
    engine = open_engine(clock=clock)

    def publish(tx: SqliteTransaction) -> None:
        for n in range(300):
            tx.publish(Event("tenant.acme.x", "changed", {"n": n}))
            tx.publish(Event("tenant.globex.x", "changed", {"n": n}))

    engine.transact(publish)
    early = engine.sweep()
    clock.advance(86_401)

    late = engine.sweep()

    assert (early.events, late.events) == (0, 598)
    assert {e.offset for e in engine.outbox().after(0, 10)} == {300}


def test_nothing_to_sweep_is_no_news(open_engine: OpenEngine) -> None:
    """Hooks hear of what happened."""
    told: list[object] = []
    engine = open_engine(hooks=[told.append])

    assert engine.sweep() == Swept("sqlite")
    assert told == []


def test_sweeping_between_writers(open_engine: OpenEngine) -> None:
    """Tasks that write meanwhile are all served."""
    engine = open_engine(clock=FakeClock(START))
    keep(engine, [record(n, State.COMPLETED, 0) for n in range(3_000)])

    async def write(n: int) -> None:
        await engine.atransact(
            lambda tx: tx.save_record(record(10_000 + n, State.COMPLETED, START + 9))
        )

    swept: list[Swept] = []

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for n in range(40):
                tasks.start_soon(write, n)
            swept.append(await engine.asweep())

    anyio.run(main)

    assert swept == [Swept("sqlite", records=3_000)]
    assert left(engine) == 40
