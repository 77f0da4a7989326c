"""Many callers at once: tasks, threads and processes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Answer, Operation, Transaction
from syncpatterns.testing import sqlite_integrity
from tests.at_once import at_once
from tests.unit.engines.conftest import on_disk
from tests.unit.engines.test_shared_commits import held
from tests.unit.operation.conftest import (
    ONCE,
    Booking,
    Confirm,
    Counts,
    MakeOperation,
    counts,
)

Op = Operation[Confirm, Booking]

#: Waits for a line, then makes its calls from threads or from tasks.
WORKER = """
import asyncio, json, sys, threading
from dataclasses import dataclass
from syncpatterns import Event, Operation, connect

@dataclass
class Confirm:
    booking: str

def confirm(tx, command) -> dict[str, str]:
    tx.connection.execute("INSERT INTO booking VALUES (?)", (command.booking,))
    tx.connection.execute("INSERT INTO audit VALUES (?)", (tx.key_hash,))
    tx.publish(Event("tenant.acme.bookings", "booking.changed", {}))
    return {"booking": command.booking}

path, how, calls, keys = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
engine = connect(f"sqlite:///{path}?busy_timeout=30")
operation = Operation("bookings.confirm", engine, effect=confirm)
engine.open()
told = []

def tell(answer):
    told.append([answer.replayed, answer.body.decode()])

def blocking(n):
    tell(operation.call(Confirm(f"b{n % keys}"), key=f"k{n % keys}", scope="acme"))

async def waiting(n):
    key = f"k{n % keys}"
    tell(await operation.acall(Confirm(f"b{n % keys}"), key=key, scope="acme"))

async def main():
    await asyncio.gather(*(waiting(n) for n in range(calls)))

print("ready", flush=True)
sys.stdin.readline()
if how == "threads":
    threads = [threading.Thread(target=blocking, args=(n,)) for n in range(calls)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
else:
    asyncio.run(main())
engine.close()
print(json.dumps(told))
"""


def processes(path: Path, calls: int, keys: int) -> list[tuple[bool, str]]:
    """Have four processes make *calls* calls each, and return their answers."""
    said = at_once(
        ["-c", WORKER, str(path), how, str(calls), str(keys)]
        for how in ("tasks", "threads", "tasks", "threads")
    )
    return [(replayed, body) for each in said for replayed, body in json.loads(each)]


@pytest.mark.case("OPR-03")
@pytest.mark.case("IDM-10", part="sqlite, single")
def test_fifty_equal_calls_over_four_processes(engine: SqliteEngine) -> None:
    """One effect, equal answers, and nobody sees an error."""
    answers = processes(engine.path, calls=13, keys=1)

    assert len(answers) == 52
    assert Counter(replayed for replayed, _ in answers) == {False: 1, True: 51}
    assert {body for _, body in answers} == {'{"booking":"b0"}'}
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-03")
def test_many_keys_over_four_processes(engine: SqliteEngine) -> None:
    """Each key once, whichever process was first."""
    answers = processes(engine.path, calls=40, keys=10)

    assert Counter(answers) == Counter(
        {(False, f'{{"booking":"b{n}"}}'): 1 for n in range(10)}
        | {(True, f'{{"booking":"b{n}"}}'): 15 for n in range(10)}
    )
    assert counts(engine) == Counts(10, 10, 10, 10)
    engine.close()
    assert sqlite_integrity(engine.path) == "ok"
    assert len(set(on_disk(engine.path, "SELECT key_hash FROM audit"))) == 10


def test_equal_calls_of_threads(operation: Op, engine: SqliteEngine) -> None:
    """One of them runs it, the others get its answer."""
    answers: list[Answer[Booking]] = []

    def call() -> None:
        answers.append(operation.call(Confirm("b1"), key="k1", scope="acme"))

    threads = [threading.Thread(target=call) for _ in range(20)]
    with held(engine):
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()

    assert sum(not answer.replayed for answer in answers) == 1
    assert {answer.body for answer in answers} == {b'{"booking":"b1","number":1}'}
    assert counts(engine) == ONCE


@pytest.mark.case("IDM-09", part="single")
def test_equal_calls_of_tasks(operation: Op, engine: SqliteEngine, way: str) -> None:
    """Also in one shared commit: the second sees what the first one wrote."""
    answers: list[Answer[Booking]] = []

    async def call() -> None:
        answers.append(await operation.acall(Confirm("b1"), key="k1", scope="acme"))

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(100):
                tasks.start_soon(call)

    anyio.run(main, backend="trio" if way == "trio" else "asyncio")

    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.body for answer in answers}) == 1
    assert counts(engine) == ONCE


@pytest.mark.case("OPR-31", part="single")
async def test_a_slow_effect_does_not_hold_up_the_event_loop(
    make: MakeOperation, engine: SqliteEngine, way: str
) -> None:
    """Under `acall` it runs on the engine's thread, and answers the same."""
    begun, end = threading.Event(), threading.Event()
    ran_on: list[threading.Thread] = []

    def slow(tx: Transaction, command: Confirm) -> str:
        ran_on.append(threading.current_thread())
        begun.set()
        assert end.wait(120)
        return command.booking

    operation: Operation[Any, Any] = make(effect=slow)
    answers: list[Answer[Any]] = []

    async def call() -> None:
        answers.append(await operation.acall(Confirm("b1"), key="k1", scope="acme"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        while not begun.is_set():
            await anyio.lowlevel.checkpoint()
        for _ in range(100):  # the loop goes round while the effect waits for it
            await anyio.lowlevel.checkpoint()
        assert not answers
        end.set()

    blocking = operation.call(Confirm("b1"), key="k1", scope="acme")
    assert ran_on[0] is not threading.current_thread()
    assert (blocking.replayed, blocking.body) == (True, answers[0].body)


@pytest.mark.case("OPR-28")
async def test_events_appear_after_the_commit_and_in_order(
    make: MakeOperation, engine: SqliteEngine, way: str
) -> None:
    """Not before, not after a rollback, and two of one operation in their order."""
    from syncpatterns.realtime import Event

    channel = "tenant.acme.bookings"
    seen_inside: list[int] = []
    outbox = engine.outbox()

    def effect(tx: Transaction, command: Confirm) -> None:
        tx.publish(Event(channel, "booking.first", {"n": command.booking}))
        seen_inside.append(len(outbox.after(0, 100)))
        tx.publish(Event(channel, "booking.second", {"n": command.booking}))
        if command.booking == "bug":
            raise LookupError

    operation: Operation[Any, Any] = make(effect=effect)
    with pytest.raises(LookupError):
        await operation.acall(Confirm("bug"), key="k0", scope="acme")
    nothing = outbox.after(0, 100)
    for n in (1, 2):
        await operation.acall(Confirm(f"b{n}"), key=f"k{n}", scope="acme")
        await operation.acall(Confirm(f"b{n}"), key=f"k{n}", scope="acme")

    events = outbox.after(0, 100)
    assert nothing == []
    assert seen_inside == [0, 0, 2]
    assert [(event.offset, event.type) for event in events] == [
        (1, "booking.first"),
        (2, "booking.second"),
        (3, "booking.first"),
        (4, "booking.second"),
    ]


async def test_cancelled_before_it_began_nothing_happens(
    operation: Op, engine: SqliteEngine, way: str
) -> None:
    """And the key is free."""
    scope, ended = anyio.CancelScope(), anyio.Event()

    async def call() -> None:
        with scope:
            await operation.acall(Confirm("b1"), key="k1", scope="acme")
        ended.set()

    async with anyio.create_task_group() as tasks:
        with held(engine):
            tasks.start_soon(call)
            writer = engine._opened()
            while not writer._thread_waits:
                await anyio.lowlevel.checkpoint()
            scope.cancel()
            await ended.wait()

    answer = await operation.acall(Confirm("b1"), key="k1", scope="acme")
    assert not answer.replayed
    assert counts(engine) == ONCE


async def test_cancelled_after_it_began_it_is_finished(
    make: MakeOperation, engine: SqliteEngine, way: str
) -> None:
    """The next call with the key gets the answer."""
    begun, end = threading.Event(), threading.Event()

    def slow(tx: Transaction, command: Confirm) -> str:
        begun.set()
        assert end.wait(120)
        return command.booking

    operation: Operation[Any, Any] = make(effect=slow)
    scope = anyio.CancelScope()

    async def call() -> None:
        with scope:
            await operation.acall(Confirm("b1"), key="k1", scope="acme")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        while not begun.is_set():
            await anyio.lowlevel.checkpoint()
        scope.cancel()
    end.set()

    answer = await operation.acall(Confirm("b1"), key="k1", scope="acme")
    assert (answer.replayed, answer.value) == (True, "b1")
