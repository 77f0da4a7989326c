"""The power goes out at every write, sync and deletion of the engine's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from syncpatterns.engines.sqlite import _connection
from syncpatterns.testing import (
    Ack,
    FakeClock,
    PowerCutReport,
    PowerCutVFS,
    power_cut_sweep,
)
from tests.crash import bookings
from tests.crash.bookings import DATABASE, SCOPE, Confirm
from tests.crash.judge import complaints, look

START = 1_700_000_000.0
#: Not "keep": what a killed process leaves behind is proven with killed processes.
LUCK = ("drop", "random", "torn")


@contextmanager
def disk_of(
    vfs: PowerCutVFS, synchronous: str | None = None
) -> Generator[None, None, None]:
    """Let the engine's connections stand on the disk that loses power.

    Args:
        vfs: The disk.
        synchronous: A planted bug: what the writer's connection is set to
            instead of what the engine has chosen.
    """

    def raw(path: Path, *_: Any, **__: Any) -> sqlite3.Connection:
        return vfs.connect_sqlite3(path.name)

    def careless(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = open_writer(*args, **options)
        connection.execute(f"PRAGMA synchronous={synchronous}")
        return connection

    open_writer = _connection.open_writer
    with (
        mock.patch.object(_connection, "_raw", raw),
        mock.patch.object(
            _connection, "open_writer", careless if synchronous else open_writer
        ),
    ):
        yield


def sweep(
    keys: Sequence[Sequence[str]],
    *,
    variant: str = "one-commit",
    synchronous: str | None = None,
    also: Callable[[Path], str | None] = lambda _: None,
    **options: Any,
) -> PowerCutReport:
    """Confirm *keys*, one group after each opening of the engine."""

    def run(vfs: PowerCutVFS, acknowledge: Callable[[str], None]) -> None:
        clock = FakeClock(START)
        with disk_of(vfs, synchronous):
            for group in keys:
                # Closing checkpoints, so the file itself is written as well.
                with bookings.engine_for(variant, vfs.root, clock) as engine:
                    engine.transact(bookings.create)
                    # No retry: without power it would only cost time.
                    operation = bookings.confirmation(engine, retry=None)
                    for key in group:
                        operation.call(Confirm(key), key=key, scope=SCOPE)
                        acknowledge(key)

    every = [key for group in keys for key in group]

    def judge(path: Path, acknowledged: Sequence[str]) -> str:
        wrong = judged(path, every, acknowledged, variant)
        return "; ".join([*wrong, *filter(None, [also(path)])])

    return power_cut_sweep(run, judge, **options)


def judged(
    path: Path, keys: Sequence[str], acknowledged: Sequence[str], variant: str
) -> list[str]:
    """Judge what the disk holds, retry every key, and judge again."""
    left = look(path, keys)
    wrong = complaints(left)
    lost = [key for key in acknowledged if key not in left.records]
    wrong += [f"{key}: acknowledged and lost" for key in lost]
    acks: list[Ack] = []
    with bookings.engine_for(variant, path.parent, FakeClock(START + 1)) as engine:
        engine.transact(bookings.create)
        operation = bookings.confirmation(engine)
        for key in keys:
            answer = operation.call(Confirm(key), key=key, scope=SCOPE)
            acks.append(Ack(key, answer.body, "retry"))
            if answer.replayed != (key in left.records):
                wrong.append(f"{key}: replayed is {answer.replayed}")
    now = look(path, keys)
    if now.changes != dict.fromkeys(keys, 1):
        wrong.append(f"after the retries there are {dict(now.changes)}")
    return wrong + complaints(now, acks)


@pytest.mark.slow
@pytest.mark.case("OPR-06", part="power cuts")
def test_no_power_cut_tears_or_loses_anything(seed: int) -> None:
    """What was acknowledged is there whole; of the rest there is all or nothing."""
    report = sweep([("k0", "k1", "k2"), ("k3", "k4")], images=LUCK, seed=seed)

    assert report.violations == []
    assert report.acknowledged == 5
    assert report.points > 100


@pytest.mark.case("OPR-06", part="power cuts")
def test_a_database_that_was_there_before_keeps_its_rows(seed: int) -> None:
    """A file with a rollback journal is changed to a log, whatever the power does."""

    def prepare(vfs: PowerCutVFS) -> None:
        connection = vfs.connect_sqlite3(DATABASE)
        connection.execute("CREATE TABLE customer (name TEXT)")
        connection.execute("INSERT INTO customer VALUES ('Ada')")

    def keeps_the_customer(path: Path) -> str | None:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT name FROM customer").fetchall()
        return None if rows == [("Ada",)] else f"customers are {rows}"

    report = sweep(
        [("k0",)], also=keeps_the_customer, prepare=prepare, images=LUCK, seed=seed
    )

    assert report.violations == []
    assert report.acknowledged == 1


def found(report: PowerCutReport, text: str) -> bool:
    """Tell whether a violation says *text*."""
    return any(text in violation for violation in report.violations)


@pytest.mark.case("OPR-06", part="planted")
def test_a_commit_that_is_not_synced_is_caught() -> None:
    """NORMAL, the usual advice, damages nothing and loses what was acknowledged."""
    report = sweep([("k0", "k1")], synchronous="NORMAL", images=["drop"])

    assert found(report, "k1: acknowledged and lost")
    assert not found(report, "changes,")


@pytest.mark.case("OPR-06", part="planted")
def test_a_record_committed_after_its_effect_is_caught() -> None:
    """The power may go between the two commits."""
    report = sweep([("k0", "k1")], variant="two-commits", images=["drop"])

    assert found(report, "1 changes, 1 audit rows, 1 events, record: False")
    assert found(report, "k0: happened 2 times")
    assert not found(report, "acknowledged and lost")
