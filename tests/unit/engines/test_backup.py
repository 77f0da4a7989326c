"""A backup is one moment of the database, and never stands in for another file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.errors import ConfigurationError, DatabaseCorrupt, DiskFull
from syncpatterns.offline_queue._core import Ack, NewItem, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import sqlite_integrity
from tests.unit.engines.conftest import files, insert, names, on_disk


def test_it_holds_what_is_still_in_the_log(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """A copy of the file alone would miss it."""
    engine.transact(insert("in the log"))

    copy = engine.backup(tmp_path / "copy.db")

    assert copy == tmp_path / "copy.db"
    assert on_disk(copy) == ["in the log"]
    assert sqlite_integrity(copy) == "ok"


def test_an_engine_opens_it(engine: SqliteEngine, tmp_path: Path) -> None:
    """It is a database like the first one, with the same outbox identity."""
    engine.transact(insert("a"))

    with SqliteEngine(engine.backup(tmp_path / "copy.db")) as copy:
        copy.transact(insert("b"))

        assert names(copy) == ["a", "b"]
        assert copy.epoch == engine.epoch
    assert names(engine) == ["a"]


def test_nothing_else_is_left_beside_it(engine: SqliteEngine, tmp_path: Path) -> None:
    """Neither a log nor the name it had while it was written."""
    folder = tmp_path / "backups"
    folder.mkdir()

    engine.backup(folder / "copy.db")

    assert files(folder) == ["copy.db"]


def pair(number: int) -> Callable[[SqliteTransaction], None]:
    """Return work that writes two rows which belong together."""

    def work(tx: SqliteTransaction) -> None:
        tx.connection.execute("INSERT INTO item VALUES (?)", (f"left {number}",))
        tx.connection.execute("INSERT INTO item VALUES (?)", (f"right {number}",))

    return work


@pytest.mark.case("QUE-46", part="engine")
def test_under_load_it_is_one_moment(engine: SqliteEngine, tmp_path: Path) -> None:
    """No half of a commit, and all that was there before it began."""
    engine.transact(lambda tx: fill(tx, 2000))
    ready, stop = threading.Event(), threading.Event()

    def load() -> None:
        number = 0
        while not stop.is_set():
            engine.transact(pair(number))
            number += 1
            ready.set()

    writer = threading.Thread(target=load)
    writer.start()
    try:
        ready.wait()
        copies = [engine.backup(tmp_path / f"copy{n}.db") for n in range(3)]
    finally:
        stop.set()
        writer.join()

    for copy in copies:
        rows = on_disk(copy)
        left = {row.removeprefix("left ") for row in rows if row.startswith("left")}
        right = {row.removeprefix("right ") for row in rows if row.startswith("right")}
        assert left == right != set()
        assert len(rows) - 2 * len(left) == 2000
        assert sqlite_integrity(copy) == "ok"


@pytest.mark.case("QUE-46", part="queue")
def test_of_a_queue_under_load_the_counters_fit(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """Items are put in, claimed and done meanwhile; each copy is one moment."""
    store = engine.queue_store()
    store.configure("field", QueueRules(max_items=100_000))
    ready, stop = threading.Event(), threading.Event()

    def load() -> None:
        number = 0
        while not stop.is_set():
            items = [
                NewItem("op", f"k{number}.{n}", "acme", b"f", b"{}", lane=f"l{n}")
                for n in range(5)
            ]
            store.enqueue(EnqueueRequest("field", items))
            held = store.claim(ClaimRequest("field", 3, 30.0))
            store.settle("field", [Ack(each.hold) for each in held])
            number += 1
            if number == 5:
                ready.set()

    worker = threading.Thread(target=load)
    worker.start()
    try:
        ready.wait()
        copies = [engine.backup(tmp_path / f"copy{n}.db") for n in range(3)]
    finally:
        stop.set()
        worker.join()

    for copy in copies:
        with SqliteEngine(copy) as restored:
            found = restored.queue_store()
            assert found.check("field") == []
            assert found.stats("field").live > 0


def fill(tx: SqliteTransaction, count: int) -> None:
    """Write so many rows of 1 KB."""
    tx.connection.executemany(
        "INSERT INTO item VALUES (?)", [(f"{n:05} {'x' * 1000}",) for n in range(count)]
    )


def test_commits_during_the_copy_do_not_start_it_over(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """Each step is followed by a commit of another; it still ends, without them."""
    engine.transact(lambda tx: fill(tx, 10_000))
    seen: list[tuple[int, int]] = []

    def told(done: int, total: int) -> None:
        seen.append((done, total))
        engine.transact(insert(f"late {len(seen)}"))

    copy = engine.backup(tmp_path / "copy.db", progress=told)

    done = [each for each, _ in seen]
    assert len(seen) > 2
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1]
    assert len(on_disk(copy)) == 10_000


async def test_the_async_twin_does_the_same(tmp_path: Path) -> None:
    """On a worker thread, so that the loop goes on."""
    async with SqliteEngine(tmp_path / "app.db") as engine:
        copy = await engine.abackup(tmp_path / "copy.db")

    assert sqlite_integrity(copy) == "ok"


@pytest.mark.parametrize("there", ["file", "folder", "dangling link", "itself"])
def test_it_overwrites_nothing(
    engine: SqliteEngine, tmp_path: Path, there: str
) -> None:
    """Whatever has the name keeps it, and its contents."""
    target = tmp_path / "taken"
    if there == "file":
        target.write_text("precious")
    elif there == "folder":
        target.mkdir()
    elif there == "dangling link":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target = engine.path
    before = files(tmp_path)

    with pytest.raises(ConfigurationError, match="is there already"):
        engine.backup(target)

    assert files(tmp_path) == before
    if there == "file":
        assert target.read_text() == "precious"


def test_a_name_taken_while_it_was_written_is_kept(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """Two backups under one name: the second is refused, not the first replaced."""
    target = tmp_path / "copy.db"

    with pytest.raises(ConfigurationError, match="is there already"):
        engine.backup(target, progress=lambda *_: target.write_text("first"))

    assert target.read_text() == "first"
    assert not (tmp_path / "copy.db.part").exists()


def test_a_folder_that_is_not_there_is_not_made(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """It is more likely a mistake."""
    with pytest.raises(ConfigurationError, match=r"folder .* does not exist"):
        engine.backup(tmp_path / "no" / "copy.db")


def test_one_that_was_cut_off_is_named(engine: SqliteEngine, tmp_path: Path) -> None:
    """It may be another backup at work: nobody deletes it unasked."""
    (tmp_path / "copy.db.part").write_text("half")

    with pytest.raises(ConfigurationError, match="delete it"):
        engine.backup(tmp_path / "copy.db")

    assert (tmp_path / "copy.db.part").read_text() == "half"


@pytest.mark.skipif(os.name == "nt", reason="has no such modes")
def test_it_is_read_by_nobody_who_cannot_read_the_database(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """It holds the same personal data."""
    engine.path.chmod(0o640)
    modes: list[int] = []

    copy = engine.backup(
        tmp_path / "copy.db",
        progress=lambda *_: modes.append(
            stat.S_IMODE((tmp_path / "copy.db.part").stat().st_mode)
        ),
    )

    assert set(modes) == {0o600}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640


def test_a_damaged_database_gives_no_backup(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    """What cannot be read through is not called a backup."""
    engine.transact(lambda tx: fill(tx, 2000))
    engine.close()
    with engine.path.open("rb+") as file:
        file.seek(4096 * 50)
        file.write(b"\xff" * 4096)
    damaged = SqliteEngine(engine.path)
    # As if it was damaged while it was open: opening would have refused it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syncpatterns.engines.sqlite._connection._CHECK_BELOW", 0)
        damaged.open()

    with damaged, pytest.raises(DatabaseCorrupt):
        damaged.backup(tmp_path / "copy.db")

    assert files(tmp_path) == ["app.db"]


def test_a_full_disk_is_told_and_leaves_nothing(
    engine: SqliteEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is taken away again."""
    engine.transact(lambda tx: fill(tx, 200))
    connect = sqlite3.connect

    def tiny(file: Path, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(file, **options)
        connection.execute("PRAGMA max_page_count=10")
        return connection

    monkeypatch.setattr(sqlite3, "connect", tiny)

    with pytest.raises(DiskFull, match="free space"):
        engine.backup(tmp_path / "copy.db")

    monkeypatch.undo()
    assert not [name for name in files(tmp_path) if name.startswith("copy")]
    with closing(sqlite3.connect(engine.path)) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (200,)
