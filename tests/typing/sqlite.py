"""How the SQLite engine and its operations are called; for checkers, never run."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, assert_type

from syncpatterns import Operation, Result, Retry, connect
from syncpatterns.engines.sqlite import (
    Health,
    Snapshot,
    SqliteEngine,
    SqliteTransaction as Tx,
)
from syncpatterns.errors import EngineBusy, Refusal
from syncpatterns.events import Swept
from syncpatterns.idempotency import Windows
from syncpatterns.operation import Transaction

engine = SqliteEngine("app.db", busy_timeout=5)
assert_type(connect("sqlite:///app.db"), Any)
connect(5)  # type: ignore[arg-type]  # a URL is text


def rows(tx: Tx) -> list[str]:
    """Write and read in one transaction."""
    assert_type(tx.connection, sqlite3.Connection)
    assert_type(tx.now, datetime)
    assert_type(tx.key_hash, str)
    return [name for (name,) in tx.connection.execute("SELECT name FROM item")]


def promised(tx: Tx) -> None:
    """Have something called once this is committed."""
    tx.after_commit(lambda: 7)
    tx.after_commit(7)  # type: ignore[arg-type]  # a function


assert_type(engine.transact(rows, relaxed=True), list[str])
engine.transact(rows, relaxed="yes")  # type: ignore[arg-type]  # True or False


def seen(snapshot: Snapshot) -> int:
    """Read one snapshot."""
    assert_type(snapshot.connection, sqlite3.Connection)
    return len(snapshot.connection.execute("SELECT 1").fetchall())


async def use_engine() -> None:
    """What work returns is what a call returns."""
    with engine:
        assert_type(engine.transact(rows), list[str])
        assert_type(engine.view(seen), int)
        assert_type(engine.read(lambda connection: 1.5), float)
    async with engine:
        assert_type(await engine.atransact(rows, undoable=True), list[str])
        assert_type(await engine.aview(seen), int)
    engine.transact(rows, True)  # type: ignore[call-arg]  # options have names
    assert_type(engine.sweep(events_older_than=60), Swept)
    assert_type(engine.health(), Health)
    assert_type(engine.epoch, str)
    remove = engine.on_commit(lambda: None)
    assert_type(remove(), None)


class SlotTaken(Refusal):
    status = 409
    problem = "slot-taken"


def move(tx: Transaction, command: list[str]) -> Result[int]:
    """Take any JSON value as a command."""
    return Result(len(command), status=202)


bulk = Operation(
    "leads.move",
    engine,
    effect=move,
    refusals=(SlotTaken,),
    key=",".join,
    windows=Windows(replay=10, dedupe=600),
    retry=Retry(on=EngineBusy, attempts=2),
    status=202,
    namespace="crm",
)
assert_type(bulk, Operation[list[str], int])
assert_type(bulk.guarantee, str)
assert_type(bulk.call(["a"], key=None, scope="acme").value, int)
bulk.call("a", key="k", scope="acme")  # type: ignore[arg-type]  # not a list
bulk.call(["a"], key=5, scope="acme")  # type: ignore[arg-type]  # a key is text
Operation("x", engine, effect=lambda tx: None)  # type: ignore[arg-type, misc]  # two arguments
Operation("x", engine, effect=move, refusals=SlotTaken)  # type: ignore[call-overload]  # a tuple
Result(1, status="200")  # type: ignore[arg-type]  # a number
