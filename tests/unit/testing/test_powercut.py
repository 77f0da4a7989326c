from __future__ import annotations

import random
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from syncpatterns.testing import (
    PowerCut,
    PowerCutVFS,
    power_cut_sweep,
    sqlite_integrity,
)
from syncpatterns.testing._powercut._disk import Disk, PowerIsOff

A, B = b"a" * 512, b"b" * 512


def contents(disk: Disk, kind: Any, draws: int = 200) -> set[Any]:
    """Return what the file f may hold, over many coins; None if it is gone."""
    return {disk.image(kind, random.Random(i)).get("f") for i in range(draws)}


def disk_with(content: bytes, **options: Any) -> Disk:
    """Make a disk with the file f on it."""
    disk = Disk(**options)
    disk.open("f", content)
    return disk


def test_what_was_synced_is_always_there() -> None:
    """An fsync is a promise, whatever the luck."""
    disk = disk_with(b"")
    disk.write("f", 0, A)
    disk.sync("f")

    assert {*contents(disk, "drop"), *contents(disk, "torn")} == {A}


def test_what_was_not_synced_may_be_lost() -> None:
    """Each kind of luck says how much."""
    disk = disk_with(B)
    disk.write("f", 0, A)

    assert contents(disk, "drop") == {B}
    assert contents(disk, "keep") == {A}
    assert contents(disk, "random") == {A, B}


def test_a_torn_write_keeps_any_of_its_sectors() -> None:
    """Sectors are atomic, writes are not."""
    disk = disk_with(B + B)
    disk.write("f", 0, A + A)

    assert contents(disk, "torn") == {A + A, A + B, B + A, B + B}


def test_a_sector_is_never_a_mixture_of_later_without_earlier() -> None:
    """The cache holds one version of a sector at a time."""
    disk = disk_with(B)
    disk.write("f", 0, b"1" * 256)
    disk.write("f", 256, b"2" * 256)

    assert contents(disk, "torn") == {
        B,
        b"1" * 256 + b"b" * 256,
        b"1" * 256 + b"2" * 256,
    }


def test_a_new_file_may_be_missing_until_it_is_synced() -> None:
    """A name in a directory is data too."""
    disk = Disk()
    disk.open("f", None)
    disk.write("f", 0, A)
    before = contents(disk, "random")
    disk.sync("f")

    assert before == {None, b"", A}
    assert contents(disk, "random") == {A}


def test_a_deleted_file_may_come_back_until_its_directory_is_synced() -> None:
    """This is how an old journal gets hot again."""
    disk = disk_with(A)
    disk.delete("f", sync_directory=False)
    before = contents(disk, "random")
    disk.open("f", None)
    disk.write("f", 0, B)
    replaced = contents(disk, "random")
    disk.sync("f")

    assert before == {None, A}
    assert replaced == {None, A, b"", B}
    assert contents(disk, "random") == {B}


def test_a_deletion_with_its_directory_synced_is_final() -> None:
    """Nothing comes back."""
    disk = disk_with(A)
    disk.delete("f", sync_directory=True)

    assert contents(disk, "random") == {None}


def test_a_sync_of_the_directory_makes_names_safe_and_contents_not() -> None:
    """Deleted files stay away; what was written is another matter."""
    disk = disk_with(A)
    disk.delete("f", sync_directory=False)
    disk.open("g", None)
    disk.write("g", 0, B)
    disk.sync_directory()
    created = {disk.image("random", random.Random(i)).get("g") for i in range(50)}

    assert contents(disk, "random") == {None}
    assert created == {b"", B}


def test_a_new_log_takes_the_deletion_of_the_old_journal_with_it(
    tmp_path: Path,
) -> None:
    """SQLite syncs the folder after the first sync of a journal or log.

    Without that an old journal could come back and roll the log's commits back.
    """
    with PowerCutVFS(tmp_path) as vfs:
        connection = vfs.connect()
        connection.execute("CREATE TABLE t (x)")
        before = vfs.disk.image("drop", random.Random(0))
        connection.pragma("journal_mode", "wal")
        connection.execute("INSERT INTO t VALUES (1)")
        after = vfs.disk.image("drop", random.Random(0))

    assert {Path(name).name for name in before} == {"app.db", "app.db-journal"}
    assert {Path(name).name for name in after} == {"app.db", "app.db-wal"}


def test_truncation_is_as_unsafe_as_writing() -> None:
    """The length of a file is written like everything else."""
    disk = disk_with(A + A)
    disk.truncate("f", 512)
    before = contents(disk, "torn")
    disk.sync("f")

    assert before == {A, A + A}
    assert contents(disk, "torn") == {A}


def test_the_fatal_operation_has_begun_and_nothing_follows() -> None:
    """A write during which the power goes may be there or not."""
    disk = disk_with(B, cut_at=2)
    disk.sync("f")
    with pytest.raises(PowerIsOff):
        disk.write("f", 0, A)
    with pytest.raises(PowerIsOff):
        disk.sync("f")

    assert contents(disk, "random") == {A, B}
    assert disk.operations == 2


def test_a_lying_disk_keeps_nothing_of_what_it_said_was_safe() -> None:
    """The model can do what bad hardware does."""
    disk = disk_with(B, honours_fsync=False)
    disk.write("f", 0, A)
    disk.sync("f")

    assert contents(disk, "drop") == {B}


def test_settling_makes_everything_safe() -> None:
    """An orderly shutdown leaves no doubt."""
    disk = disk_with(B)
    disk.write("f", 0, A)
    disk.settle()

    assert contents(disk, "drop") == {A}


def test_sqlite_on_the_shim_is_sqlite(tmp_path: Path) -> None:
    """Two connections in WAL mode see each other, and files are left as usual."""
    with PowerCutVFS(tmp_path) as vfs:
        writer, reader = vfs.connect(), vfs.connect()
        writer.pragma("journal_mode", "wal")
        writer.execute("CREATE TABLE t (x)")
        writer.execute("INSERT INTO t VALUES (1)")
        rows = list(reader.execute("SELECT x FROM t"))
        names = {path.name for path in tmp_path.iterdir()}

    assert rows == [(1,)]
    assert names == {"app.db", "app.db-wal", "app.db-shm"}
    assert vfs.io_count > 0


def test_after_the_cut_nothing_works(tmp_path: Path) -> None:
    """A dead machine neither writes nor opens files."""
    with PowerCutVFS(tmp_path, cut_at=3) as vfs:
        connection = vfs.connect()
        with pytest.raises(PowerCut):
            connection.execute("CREATE TABLE t (x)")
        with pytest.raises(apsw.Error):
            connection.execute("CREATE TABLE t (x)")
        with pytest.raises(apsw.Error):
            vfs.connect().execute("SELECT * FROM sqlite_schema")

        assert vfs.disk.off
    assert vfs.io_count == 3


def test_a_database_in_the_next_folder_is_left_alone(tmp_path: Path) -> None:
    """Only files under the root lose power."""
    inside = tmp_path / "inside"
    inside.mkdir()
    with PowerCutVFS(inside, cut_at=1) as vfs:
        with closing(apsw.Connection(str(tmp_path / "o.db"), vfs=vfs.vfs_name)) as c:
            c.execute("CREATE TABLE t (x)")

        assert vfs.io_count == 0


def test_integrity_is_ok_or_says_what_is_wrong(tmp_path: Path) -> None:
    """Garbage and damage are both told, without an exception."""
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x UNIQUE)")
    good = sqlite_integrity(path)
    path.write_bytes(b"not a database at all" * 100)

    assert good == "ok"
    assert sqlite_integrity(path) == "file is not a database"


def workload(
    journal: str, synchronous: str
) -> tuple[Callable[..., None], Callable[..., None]]:
    """Make a preparation and a run that writes two tables in one commit."""

    def prepare(vfs: PowerCutVFS) -> None:
        connection = vfs.connect()
        connection.pragma("journal_mode", journal)
        connection.execute("CREATE TABLE record (key PRIMARY KEY, answer)")
        connection.execute("CREATE TABLE effect (key)")

    def run(vfs: PowerCutVFS, acknowledge: Callable[[str], None]) -> None:
        connection = vfs.connect()
        connection.pragma("journal_mode", journal)
        connection.pragma("synchronous", synchronous)
        for i in range(4):
            with connection:
                connection.execute("INSERT INTO effect VALUES (?)", (f"k{i}",))
                connection.execute(
                    "INSERT INTO record VALUES (?, ?)", (f"k{i}", "x" * 300)
                )
            acknowledge(f"k{i}")
            if i == 2 and journal == "wal":
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    return prepare, run


def judge(path: Path, acknowledged: Sequence[str]) -> str | None:
    """Say whether the database is damaged, torn or has lost something."""
    damage = sqlite_integrity(path)
    if damage != "ok":
        return f"damaged: {damage}"
    with closing(sqlite3.connect(path)) as connection:
        records = {key for (key,) in connection.execute("SELECT key FROM record")}
        effects = {key for (key,) in connection.execute("SELECT key FROM effect")}
    if records != effects:
        return "torn apart"
    return None if set(acknowledged) <= records else "lost"


def kinds(violations: list[str]) -> set[str]:
    """Return what kinds of violations there are."""
    return {violation.split(": ")[1] for violation in violations}


@pytest.mark.parametrize(
    ("journal", "synchronous"),
    [("wal", "full"), ("delete", "extra"), ("truncate", "full")],
)
def test_a_safe_setting_loses_nothing_at_any_point(
    journal: str, synchronous: str
) -> None:
    """What was acknowledged is there, whole, after every power cut."""
    prepare, run = workload(journal, synchronous)

    report = power_cut_sweep(run, judge, prepare=prepare)

    assert report.ok, str(report)
    assert report.acknowledged == 4
    assert report.images == 4 * (report.points + 1)


def test_the_sweep_repeats_itself() -> None:
    """The same seed finds the same violations."""
    prepare, run = workload("wal", "normal")

    first = power_cut_sweep(run, judge, prepare=prepare, seed=5)
    second = power_cut_sweep(run, judge, prepare=prepare, seed=5)

    assert first.violations == second.violations


def test_a_workload_that_fails_by_itself_is_an_error() -> None:
    """A bug in the workload is not a power cut."""

    def run(vfs: PowerCutVFS, acknowledge: Any) -> None:
        vfs.connect().execute("SELECT * FROM absent")

    with pytest.raises(apsw.SQLError, match="no such table"):
        power_cut_sweep(run, judge)


def test_a_workload_that_never_ends_is_given_up() -> None:
    """The number of cuts has a limit."""
    prepare, run = workload("wal", "full")

    with pytest.raises(RuntimeError, match="after 3 power cuts"):
        power_cut_sweep(run, judge, prepare=prepare, limit=3)


def test_nothing_acknowledged_is_not_a_good_result() -> None:
    """A workload that promises nothing proves nothing."""

    def run(vfs: PowerCutVFS, acknowledge: Any) -> None:
        vfs.connect().execute("CREATE TABLE IF NOT EXISTS t (x)")

    def no_complaint(path: Path, acknowledged: Sequence[str]) -> None:
        """Find nothing wrong."""

    assert not power_cut_sweep(run, no_complaint).ok


def test_without_apsw_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever lacks apsw is told what to install."""
    monkeypatch.setitem(sys.modules, "apsw", None)
    monkeypatch.delitem(sys.modules, "syncpatterns.testing._powercut._vfs")

    with pytest.raises(ImportError, match=r"syncpatterns\[testing\]"):
        __import__("syncpatterns.testing._powercut._vfs")
