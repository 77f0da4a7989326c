"""Settings of SQLite, and disks, that lose what was promised."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from syncpatterns.testing import (
    PowerCutReport,
    PowerCutVFS,
    power_cut_sweep,
    sqlite_integrity,
)


def sweep(
    journal: str, synchronous: str, *, honours_fsync: bool = True, split: bool = False
) -> PowerCutReport:
    """Confirm five bookings, cutting the power everywhere."""

    def prepare(vfs: PowerCutVFS) -> None:
        connection = vfs.connect()
        connection.pragma("journal_mode", journal)
        connection.execute("CREATE TABLE record (key TEXT PRIMARY KEY)")
        connection.execute("CREATE TABLE effect (key TEXT)")

    def run(vfs: PowerCutVFS, acknowledge: Callable[[str], None]) -> None:
        connection = vfs.connect()
        connection.pragma("journal_mode", journal)
        connection.pragma("synchronous", synchronous)
        for key in ("k0", "k1", "k2", "k3", "k4"):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO effect VALUES (?)", (key,))
            if split:
                connection.execute("COMMIT; BEGIN IMMEDIATE")
            connection.execute("INSERT INTO record VALUES (?)", (key,))
            connection.execute("COMMIT")
            acknowledge(key)
            if key == "k2" and journal == "wal":
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    return power_cut_sweep(run, judge, prepare=prepare, honours_fsync=honours_fsync)


def judge(path: Path, acknowledged: Sequence[str]) -> str | None:
    """Look at the database with another SQLite than the one that wrote it."""
    damage = sqlite_integrity(path)
    if damage != "ok":
        return "damaged"
    with closing(sqlite3.connect(path)) as connection:
        records = {key for (key,) in connection.execute("SELECT key FROM record")}
        effects = {key for (key,) in connection.execute("SELECT key FROM effect")}
    if records != effects:
        return "half done"
    return None if records >= {*acknowledged} else "lost"


def found(report: PowerCutReport) -> set[str]:
    """Return what kinds of violations were found."""
    return {violation.rpartition(": ")[2] for violation in report.violations}


def test_wal_with_full_is_clean() -> None:
    """The default of this library: nothing that was acknowledged is lost."""
    report = sweep("wal", "full")

    assert report.ok, str(report)


def test_wal_with_normal_is_caught() -> None:
    """The usual advice loses the last commits, though it damages nothing."""
    assert found(sweep("wal", "normal")) == {"lost"}


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_synchronous_off_is_caught(journal: str) -> None:
    """Without any sync the database may be lost altogether."""
    assert {"lost", "damaged"} <= found(sweep(journal, "off"))


def test_a_rollback_journal_with_full_is_caught() -> None:
    """A deleted journal that comes back rolls the last commit back."""
    assert found(sweep("delete", "full")) == {"lost"}


def test_a_rollback_journal_with_extra_is_clean() -> None:
    """EXTRA syncs the folder after the deletion."""
    assert sweep("delete", "extra").ok


def test_a_disk_that_lies_about_syncs_is_caught() -> None:
    """No setting helps against it, and the model knows."""
    assert "lost" in found(sweep("wal", "full", honours_fsync=False))


def test_an_effect_in_a_commit_of_its_own_is_caught() -> None:
    """The power may go between the two."""
    assert found(sweep("wal", "full", split=True)) == {"half done"}
