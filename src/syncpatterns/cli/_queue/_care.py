"""Looking after the file that a queue is in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED, Stop
from syncpatterns.cli._output import count, safe, say, say_json
from syncpatterns.cli._progress import Bar
from syncpatterns.cli._queue import _changes as changes, _source as source
from syncpatterns.engines import connect

_SHOWN = 20


def doctor(
    *,
    db: source.Db = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Put counters, lanes and children right."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Look at everything that can go wrong with the file.

    Exit code 1 if something has; each finding says what to do.
    """
    with source.engine_of(db) as engine:
        found = engine.doctor(repair=repair)
    left = [each for each in found if not each.repaired]
    if as_json:
        say_json({"findings": [each._asdict() for each in found]})
    elif not found:
        say("Nothing is wrong.")
    else:
        for each in found:
            done = " Repaired." if each.repaired else ""
            say(f"{each.what}: {safe(each.detail)}{done}")
    if left:
        raise typer.Exit(FAILED)


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")],
    *,
    db: source.Db = None,
) -> None:
    """Copy the database to a new file, whole, while others write."""
    with source.engine_of(db) as engine, Bar("Copied") as bar:
        made = engine.backup(target, progress=bar.update)
    say(f"Backed up to {safe(str(made))}, {made.stat().st_size} bytes, checked.")


def salvage(
    *,
    db: source.Db = None,
    yes: changes.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Save what a damaged database still holds.

    A new file takes its place, and the damaged one is kept beside it. Stop
    everything that uses it first. Only a file that holds nothing but this
    library's tables is touched.
    """
    from syncpatterns.engines.sqlite import (  # noqa: PLC0415 - on demand
        SqliteEngine,
        salvage,
    )

    if db is None:
        raise Stop("Name the database with --db sqlite:///app.db (or SYNCPATTERNS_DB).")
    engine: Any = connect(db)
    if not isinstance(engine, SqliteEngine):
        raise Stop("Only a SQLite database can be salvaged.")
    path = Path(os.path.realpath(engine.path))
    changes.confirm(f"Salvage {path}?", yes=yes)
    with Bar("Read", quiet=as_json) as bar:
        report = salvage(path, clock=engine.clock, progress=bar.update)
    if as_json:
        lost = [each._asdict() for each in report.lost]
        say_json({"damaged": str(report.path), "kept": report.kept, "lost": lost})
        return
    say(f"{count(report.rows, 'row')} saved. The damaged file is {report.path}.")
    if not report.lost:
        say("Nothing was lost.")
    for gap in report.lost[:_SHOWN]:
        say(f"Lost: {safe(gap.what)}{_numbers(gap.first, gap.last)}.")
    if len(report.lost) > _SHOWN:
        say(f"And {len(report.lost) - _SHOWN} more; --json names them.")


def _numbers(first: int, last: int) -> str:
    if not first:
        return ", a page of it"
    if not last:
        return f", from number {first} on"
    return f", number {first}" if first == last else f", numbers {first} to {last}"
