"""Relaxed commits: what a power cut may take back, and what it may not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._writing._session import WriteSession
from syncpatterns.offline_queue._core import Ack, ItemState, NewItem, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import FakeClock, PowerCutVFS, power_cut_sweep
from tests.crash.test_power_cut import disk_of

#: "keep" is a disk that lost nothing, and proves nothing about syncing.
LUCK: Final = ("drop", "random", "torn")
DATABASE = "app.db"
QUEUE = "leads"

#: Which of the commits wait for the disk.
ORDER = ("f0", "r1", "r2", "f3", "r4", "r5", "f6", "r7")


def opened(vfs: PowerCutVFS) -> SqliteEngine:
    """Return an engine on the disk that loses power."""
    return SqliteEngine(vfs.root / DATABASE, clock=FakeClock())


def write(engine: SqliteEngine, acknowledge: Callable[[str], None]) -> None:
    """Commit one row after the other, some of them relaxed."""
    engine.transact(lambda tx: tx.connection.execute("CREATE TABLE done (name TEXT)"))
    for name in ORDER:
        engine.transact(
            lambda tx, name=name: tx.connection.execute(  # type: ignore[misc]  # bound here
                "INSERT INTO done VALUES (?)", (name,)
            ),
            relaxed=name.startswith("r"),
        )
        acknowledge(name)


def rows(path: Path) -> list[str]:
    """Return what the disk holds."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            found = connection.execute("SELECT name FROM done ORDER BY rowid")
            return [name for (name,) in found]
        except sqlite3.OperationalError:
            return []  # not even the table


def complaint(found: list[str], acknowledged: Sequence[str]) -> str | None:
    """Return what is wrong with what is left after a power cut."""
    if found != list(ORDER[: len(found)]):
        return f"{found} is no beginning of what was committed"
    full = [name for name in acknowledged if name.startswith("f")]
    if full and full[-1] not in found:
        return f"{full[-1]} waited for the disk, and is lost: {found}"
    return None


def sweep(seed: int) -> list[str]:
    """Cut the power everywhere, and return the complaints."""

    def run(vfs: PowerCutVFS, acknowledge: Callable[[str], None]) -> None:
        with disk_of(vfs), opened(vfs) as engine:
            write(engine, acknowledge)

    def judge(path: Path, acknowledged: Sequence[str]) -> str | None:
        return complaint(rows(path), acknowledged)

    report = power_cut_sweep(run, judge, images=LUCK, seed=seed)
    assert report.acknowledged == len(ORDER)
    assert report.points > 30
    return report.violations


def test_a_full_commit_keeps_all_relaxed_ones_before_it(seed: int) -> None:
    """And of those after it, a power cut takes the newest first."""
    assert sweep(seed) == []


def test_a_connection_left_relaxed_is_caught(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full commit after a relaxed one would come back before the disk has it."""

    def relax(self: WriteSession, *, relaxed: bool) -> None:
        if relaxed:
            real(self, relaxed=True)

    real = WriteSession.relax
    monkeypatch.setattr(WriteSession, "relax", relax)

    assert any("waited for the disk, and is lost" in line for line in sweep(seed))


@pytest.mark.slow
@pytest.mark.case("QUE-01", part="power cuts")
def test_what_was_enqueued_survives_and_what_was_acknowledged_is_redelivered_at_most(
    seed: int,
) -> None:
    """With the default durability no item is lost, and counters equal rows."""
    names = ("k0", "k1", "k2")

    def run(vfs: PowerCutVFS, acknowledge: Callable[[str], None]) -> None:
        with disk_of(vfs), opened(vfs) as engine:
            store = engine.queue_store()
            store.configure(QUEUE, QueueRules())
            for name in names:
                new = NewItem("op", name, "acme", b"f", name.encode())
                store.enqueue(EnqueueRequest(QUEUE, [new]))
                acknowledge(name)
                (item,) = store.claim(ClaimRequest(QUEUE, 1, 30.0))
                store.settle(QUEUE, [Ack(item.hold)])

    def judge(path: Path, acknowledged: Sequence[str]) -> str | None:
        with SqliteEngine(path, clock=FakeClock()) as engine:
            store = engine.queue_store()
            wrong = [finding.detail for finding in store.check(QUEUE)]
            for name in acknowledged:
                seq = store.find(QUEUE, "acme", "op", name)
                ended = seq and store.ended(QUEUE, seq)
                item = seq and store.get(QUEUE, seq)
                if ended:
                    wrong += [] if ended.state is ItemState.DONE else [str(ended)]
                elif not item or item.payload != name.encode():
                    wrong.append(f"{name}: acknowledged and lost")
        return "; ".join(wrong) or None

    report = power_cut_sweep(run, judge, images=LUCK, seed=seed)

    assert report.violations == []
    assert report.acknowledged == len(names)
