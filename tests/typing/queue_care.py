"""How the file of a queue is looked after; for checkers, never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from syncpatterns import connect
from syncpatterns.engines.sqlite import (
    Finding,
    Gap,
    SalvageReport,
    SqliteEngine,
    salvage,
)
from syncpatterns.events import LogPinned, StorageFact, StorageFull, StorageRecovered

engine: SqliteEngine = connect("sqlite:///app.db?salvage=1")
SqliteEngine("app.db", salvage=True)
SqliteEngine("app.db", salvage="yes")  # type: ignore[arg-type]  # True or False


def told(done: int, total: int) -> None:
    """Hear how far it is."""


assert_type(engine.backup("copy.db", progress=told), Path)
assert_type(engine.doctor(repair=True), list[Finding])
engine.backup(7)  # type: ignore[arg-type]  # a path
engine.doctor(True)  # type: ignore[call-arg]  # options have names

report = salvage(Path("app.db"), progress=told)
assert_type(report, SalvageReport)
assert_type(report.path, Path)
assert_type(report.kept, dict[str, int])
assert_type(report.lost, tuple[Gap, ...])
assert_type(report.rows, int)


async def with_a_loop() -> None:
    """The twins for event loops."""
    assert_type(await engine.abackup(Path("copy.db")), Path)
    assert_type(await engine.adoctor(), list[Finding])


def hear(fact: StorageFact) -> str:
    """Read what the facts say."""
    if isinstance(fact, StorageRecovered):
        assert_type(fact.kept + fact.lost, int)
    if isinstance(fact, LogPinned):
        assert_type(fact.size, int)
    return "full" if isinstance(fact, StorageFull) else fact.path
