"""Reading and writing files of items; loaded only by who does."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import typer

from syncpatterns.cli._errors import FAILED, Stop
from syncpatterns.cli._output import count, safe, say, say_json
from syncpatterns.cli._progress import Bar
from syncpatterns.cli._queue import (
    _import as imports,
    _records as records,
    _source as source,
)
from syncpatterns.offline_queue._core import Item, ItemState
from syncpatterns.sealing._frames import is_sealed

_PAGE: Final = 500
_IN_MEMORY: Final = 8 * 1024 * 1024
_LONGEST_LINE: Final = 512 * 1024 * 1024


def export(file: Path, db: str | None, queue: str | None, app: str | None) -> None:
    """Write every item of a queue to *file*."""
    with source.opened(db, queue, app) as place, _new(file) as out:
        stats = place.store.stats(place.queue)
        total = stats.live + stats.states.get(ItemState.DEAD, 0)
        name = place.queue
        written = 0
        out.write(records.header_line(name).encode() + b"\n")
        with Bar("Exported") as bar:
            for item in _every(place):
                out.write(records.line_of(item).encode() + b"\n")
                written += 1
                bar.update(written, max(total, written))
        out.write(records.end_line(written).encode() + b"\n")
    if str(file) != "-":
        say(f"Exported {count(written, 'item')} of {safe(name)} to {safe(str(file))}.")


def import_(
    file: Path, db: str | None, queue: str | None, app: str | None, *, as_json: bool
) -> None:
    """Put the items of *file* into a queue."""
    with _readable(file) as lines, source.engine_of(db) as engine:
        header, total = _look_through(lines, queue)
        place = source.place_of(engine, queue or header.queue, app)
        with Bar("Imported", quiet=as_json) as bar:
            done = imports.run(place, _records(lines), total, bar.update)
    if as_json:
        say_json({"queue": place.queue} | done.as_dict())
    else:
        say(f"Imported {count(done.imported, 'item')} into {safe(place.queue)}.")
        for figure, words in done.rest():
            say(f"{figure} {words}.")
    if done.clashing or done.left_out:
        raise typer.Exit(FAILED)


def _every(place: source.Place) -> Iterator[Item]:
    after = 0
    while batch := place.store.items(place.queue, after=after, limit=_PAGE):
        yield from batch
        after = batch[-1].seq


@contextmanager
def _new(file: Path) -> Generator[IO[bytes]]:
    """Open a file that must not be there; it gets its name once it is whole.

    Raises:
        Stop: It is there, or cannot be written.
    """
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = file.with_name(f"{file.name}.part")
    if file.exists() or file.is_symlink():
        raise Stop(f"{file} is there already; name a new file.")
    try:
        opened = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise Stop(f"{part}: {error.strerror}.") from None
    try:
        with os.fdopen(opened, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _readable(file: Path) -> Generator[IO[bytes]]:
    """Open a file that is read more than once.

    Raises:
        Stop: It cannot be read.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        if str(file) == "-":
            shutil.copyfileobj(sys.stdin.buffer, copy)
            yield copy
            return
        try:
            opened = file.open("rb")
        except OSError as error:
            raise Stop(f"{file}: {error.strerror}.") from None
        with opened:
            yield opened


def _look_through(lines: IO[bytes], queue: str | None) -> tuple[records.Header, int]:
    """Read the whole file before anything of it is stored.

    Raises:
        Stop: It is none, or was cut off, or is sealed for another queue.
    """
    header: records.Header | None = None
    items, end = 0, -1
    for number, said in _parsed(lines):
        if isinstance(said, records.Header) is not (number == 1) or end >= 0:
            raise Stop(f"Line {number} is at the wrong place. Nothing was imported.")
        if isinstance(said, records.Header):
            header = said
        elif isinstance(said, records.End):
            end = said.items
        else:
            items += 1
            if header is not None:
                _check_fit(number, said, header.queue, queue)
    if header is None:
        raise Stop("The file is empty. Nothing was imported.")
    if end != items:
        raise Stop(
            "The file was cut off: its last line is missing. Nothing was imported."
        )
    return header, items


def _check_fit(
    number: int, record: records.Record, home: str, queue: str | None
) -> None:
    if queue not in (None, home) and is_sealed(record.body()):
        raise Stop(
            f"Line {number} is sealed for the queue {safe(home)!r}, and opens in no "
            "other. Export with --app, or import it under its own name. Nothing was "
            "imported.",
            FAILED,
        )


def _records(lines: IO[bytes]) -> Iterator[records.Record]:
    """Return the items: the dead ones first, because a lane's head comes first.

    A dead item is claimed for a moment, so that it can be given up again; behind
    a live one of its lane nobody could claim it.
    """
    for dead in (True, False):
        for _, said in _parsed(lines):
            if isinstance(said, records.Record) and records.is_dead(said) is dead:
                yield said


def _parsed(
    lines: IO[bytes],
) -> Iterator[tuple[int, records.Header | records.Record | records.End]]:
    lines.seek(0)
    number = 0
    while line := lines.readline(_LONGEST_LINE):
        number += 1
        try:
            yield number, records.parse(line)
        except records.Unreadable as error:
            raise Stop(
                f"Line {number} is none of an export: {error}. Nothing was imported.",
                FAILED if number > 1 else 2,
            ) from None
