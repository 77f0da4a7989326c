"""Processes killed between two writes that belong together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.testing import (
    CrashCase,
    EffectsLedger,
    StoredRecord,
    Violation,
    failpoint_sweep,
    kill_loop,
    sqlite_integrity,
)

SCHEMA = """
CREATE TABLE record (key TEXT PRIMARY KEY, answer BLOB);
CREATE TABLE effect (key TEXT);
"""

# The effect and its record: in one commit, or (the bug) in one each.
ONE_KEY = """
import sqlite3, sys
from syncpatterns._testpoints import hit
from syncpatterns.testing import EffectsLedger
path, ledger_path, bug = sys.argv[1:4]
db = sqlite3.connect(path, isolation_level=None, timeout=10)
db.execute("PRAGMA synchronous = OFF")  # no power is cut here
ledger = EffectsLedger(ledger_path)

def confirm(key):
    db.execute("BEGIN IMMEDIATE")
    if db.execute("SELECT 1 FROM record WHERE key = ?", (key,)).fetchone():
        db.execute("COMMIT")
    else:
        db.execute("INSERT INTO effect VALUES (?)", (key,))
        hit("after_effect")
        if bug == "two-commits":
            db.execute("COMMIT")
            hit("between")
            db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT OR IGNORE INTO record VALUES (?, 'ok')", (key,))
        hit("before_commit")
        db.execute("COMMIT")
        hit("after_commit")
    if bug == "ack-unsaved":
        return
    ledger.ack(key, b"ok")
"""
ONCE = (
    ONE_KEY
    + """
confirm("k")
"""
)
FOR_EVER = (
    ONE_KEY
    + """
import itertools
print("at work", flush=True)
for i in itertools.count():
    confirm(f"k{i}")
"""
)


def new_database(path: Path) -> None:
    """Make the two tables."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)


def violations(folder: Path) -> list[Violation]:
    """Audit database and ledger in *folder*."""
    path = folder / "app.db"
    integrity = sqlite_integrity(path)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT key, answer FROM record").fetchall()
        effects = dict(db.execute("SELECT key, count(*) FROM effect GROUP BY key"))
    records = {key: StoredRecord("done", answer.encode()) for key, answer in rows}
    ledger = EffectsLedger(folder / "ledger")
    return ledger.audit("exactly-once", records, effects=effects, integrity=integrity)


def arguments(code: str, folder: Path, bug: str) -> list[str]:
    """Return the command line of a worker."""
    return ["-c", code, str(folder / "app.db"), str(folder / "ledger"), bug]


def sweep(bug: str) -> list[str]:
    """Kill one confirmation at each of its places; return the violations."""

    def program(case: CrashCase) -> list[str]:
        new_database(case.folder / "app.db")
        return arguments(ONCE, case.folder, bug)

    def judge(case: CrashCase) -> str:
        return "; ".join(map(str, violations(case.folder)))

    names = ["after_effect", "between", "before_commit", "after_commit"]
    report = failpoint_sweep(program, judge, names=names)

    assert report.kills == len(names) - len(report.never) >= 3
    return report.violations


def test_two_commits_are_caught_at_every_place_between_them() -> None:
    """A sweep finds the window in each run, however narrow it is."""
    text = "rule 3: k: has 1 effects, but is not done"

    assert sweep("two-commits") == [
        f"between, pass 1: {text}",
        f"before_commit, pass 1: {text}",
    ]


def test_one_commit_is_clean_at_every_place() -> None:
    """The oracle finds nothing where nothing is wrong."""
    assert sweep("none") == []


@pytest.mark.parametrize(("bug", "clean"), [("two-commits", False), ("none", True)])
def test_random_kills_catch_two_commits(
    tmp_path: Path, bug: str, *, clean: bool
) -> None:
    """Three workers on one database, killed again and again."""
    new_database(tmp_path / "app.db")
    for seed in range(1 if clean else 10):  # kills at random may miss it once
        report = kill_loop(
            lambda _: arguments(FOR_EVER, tmp_path, bug),
            workers=3,
            kills=25,
            delay=(0.001, 0.01),
            seconds=200,
            seed=seed,
        )
        assert report.failures == []
        assert report.kills == 25
        if violations(tmp_path):
            break

    assert (violations(tmp_path) == []) == clean
