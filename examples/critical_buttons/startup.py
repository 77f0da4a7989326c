"""Everything that can be wrong is found here, before the first request."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from examples.critical_buttons import database, schema
from examples.critical_buttons.data.csv_file import BadFile, ParsedFile, read_bookings
from examples.critical_buttons.data.load import (
    Report,
    StrictRefused,
    load_file,
    load_samples,
)
from examples.critical_buttons.locks import ServedFile
from examples.critical_buttons.settings import (
    DEFAULT_DB,
    LOOPBACK,
    Settings,
    StartupError,
)
from syncpatterns import connect
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import EngineBusy, StoreUnavailable, SyncPatternsError

Say: TypeAlias = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine that is open and filled, and the lock on its file."""

    engine: SqliteEngine
    lock: ServedFile

    def close(self) -> None:
        """Close both."""
        self.engine.close()
        self.lock.close()


def listen(settings: Settings) -> socket.socket:
    """Return a bound socket.

    Raises:
        StartupError: The port is taken, or the address cannot be used.
    """
    if settings.host not in LOOPBACK and not settings.allowed_hosts:
        raise StartupError(
            f"--host {settings.host} would let other machines in. Say under which "
            "names they may ask: --allow-host NAME. There is no sign-in."
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host,
            settings.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
    except OSError as error:
        raise StartupError(
            f"--host {settings.host} is not an address of this machine "
            f"({error.strerror}). Leave it out to listen on 127.0.0.1."
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # A port left a moment ago may be used again, one in use may not; on
            # Windows this would let two programs have it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise StartupError(
            f"Port {settings.port} on {settings.host} cannot be used: "
            f"{error.strerror}. Choose another with --port, or --port 0 for any free "
            "one."
        ) from error
    return listener


def open_database(
    settings: Settings, say: Say, *, clock: Clock | None = None
) -> Opened:
    """Open the database, create what is missing and load the bookings.

    Args:
        settings: The choices of this start.
        say: Told, line by line, what the person who starts it should know.
        clock: Where the time comes from.

    Raises:
        StartupError: With the sentence that says what to do.
    """
    clock = clock or SystemClock()
    # The file is read before anything is touched.
    parsed = _read_file(settings, datetime.fromtimestamp(clock.time(), UTC), say)
    engine = _connect(settings.db, clock)
    lock = _lock(engine.path, settings, say)
    opened = Opened(engine, lock)
    try:
        engine.open()
        engine.transact(lambda tx: schema.create(tx.sqlalchemy()))
        if parsed is None:
            _load_samples(engine, say)
        else:
            _load_file(engine, parsed, settings, say)
    except SyncPatternsError as error:
        opened.close()
        raise StartupError(_explained(error, engine.path)) from error
    except SQLAlchemyError as error:
        opened.close()
        # Its text holds the statement with its values: names of customers.
        raise StartupError(
            f"{engine.path} does not work as this app's database "
            f"({type(error).__name__}). Start over with --fresh, or name another file "
            "with --db."
        ) from error
    except BaseException:
        opened.close()
        raise
    return opened


def _connect(url: str, clock: Clock | None) -> SqliteEngine:
    try:
        engine = connect(url, clock=clock)
    except SyncPatternsError as error:
        raise StartupError(f"--db: {error}") from error
    if not isinstance(engine, SqliteEngine):
        raise StartupError(
            f"--db {engine.name}:// keeps no bookings; the app needs a database, e.g. "
            f"{DEFAULT_DB}."
        )
    if url == DEFAULT_DB:
        _make_folder(engine.path.parent)
    if not engine.path.parent.is_dir():
        raise StartupError(
            f"--db: the folder {engine.path.parent} does not exist. Create it, or "
            "name another file."
        )
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StartupError(
            f"{folder} cannot be made: {error.strerror}. Start the app where you may "
            "write, or name a file with --db."
        ) from error


def _lock(path: Path, settings: Settings, say: Say) -> ServedFile:
    if not settings.fresh:
        database.check_ours(path)  # before anything is written beside it
    lock = ServedFile(path)
    try:
        others = ", ".join(str(pid) for pid in lock.servers()) or "another one"
        if settings.fresh:
            _start_over(lock, path, others)
        if not lock.alone:
            say(f"Process {others} already serves {path}; both share it.")
        lock.share()
    except BaseException:
        lock.close()
        raise
    return lock


def _start_over(lock: ServedFile, path: Path, others: str) -> None:
    if not lock.alone:
        raise StartupError(
            f"--fresh cannot start over while process {others} serves {path}. Stop it "
            "first, or leave --fresh out to share the data."
        )
    database.delete(path)


def _explained(error: SyncPatternsError, path: Path) -> str:
    """Return what to do; an engine speaks to callers with keys, not to operators."""
    if isinstance(error, EngineBusy):
        return (
            f"{path} is locked by another program. Wait until it is done or stop it, "
            "then start again."
        )
    if isinstance(error, StoreUnavailable):
        return (
            f"{path} cannot be written; perhaps its disk or your quota has no room. "
            "Free some space, then start again."
        )
    return str(error)


def _read_file(settings: Settings, now: datetime, say: Say) -> ParsedFile | None:
    if settings.bookings is None:
        return None
    try:
        parsed = read_bookings(settings.bookings, now)
    except BadFile as error:
        raise StartupError(f"--bookings: {error}") from error
    if settings.strict and parsed.bad:
        raise _refused(settings, Report(0, 0, parsed.bad, parsed.notes), say)
    return parsed


def _load_samples(engine: SqliteEngine, say: Say) -> None:
    added = engine.transact(lambda tx: load_samples(tx.sqlalchemy(), tx.now))
    if added:
        say(f"Added {added} sample bookings to {engine.path}.")


def _load_file(
    engine: SqliteEngine, parsed: ParsedFile, settings: Settings, say: Say
) -> None:
    try:
        report = engine.transact(
            lambda tx: load_file(tx.sqlalchemy(), parsed, strict=settings.strict)
        )
    except StrictRefused as refused:
        raise _refused(settings, refused.report, say) from refused
    name = str(settings.bookings)
    for line in report.lines(name):
        say(line)
    say(
        f"{name}: {report.added} bookings added, {report.known} were there already, "
        f"{len(report.bad)} rows left out."
    )


def _refused(settings: Settings, report: Report, say: Say) -> StartupError:
    for line in report.lines(str(settings.bookings)):
        say(line)
    return StartupError(
        f"--strict: {len(report.bad)} bad rows in {settings.bookings}, so nothing was "
        "written. Correct them, or leave --strict out to load the others."
    )
