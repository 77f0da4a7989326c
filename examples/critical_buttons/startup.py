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
from examples.critical_buttons.data.csv_file import (
    BOOKINGS,
    BadFile,
    Layout,
    ParsedFile,
    T,
    read_file,
)
from examples.critical_buttons.data.csv_leads import leads_layout
from examples.critical_buttons.data.load import (
    Report,
    StrictRefused,
    load_file,
    load_leads,
    load_sample_leads,
    load_samples,
)
from examples.critical_buttons.domain.bookings import Booking
from examples.critical_buttons.domain.leads import Lead
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
from syncpatterns.operation import Transaction

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
    """Open the database, create what is missing and load bookings and leads.

    Args:
        settings: The choices of this start.
        say: Told, line by line, what the person who starts it should know.
        clock: Where the time comes from.

    Raises:
        StartupError: With the sentence that says what to do.
    """
    clock = clock or SystemClock()
    # The files are read before anything is touched.
    files = _read_files(settings, datetime.fromtimestamp(clock.time(), UTC), say)
    engine = _connect(settings.db, clock)
    lock = _lock(engine.path, settings, say)
    opened = Opened(engine, lock)
    try:
        engine.open()
        engine.transact(lambda tx: schema.create(tx.sqlalchemy()))
        _load(engine, files, settings, say)
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


@dataclass(frozen=True, slots=True)
class _Files:
    """What was read of the files that were named; None takes the samples."""

    bookings: ParsedFile[Booking] | None
    leads: ParsedFile[Lead] | None


def _read_files(settings: Settings, now: datetime, say: Say) -> _Files:
    files = _Files(
        _read_file("--bookings", settings.bookings, BOOKINGS, now),
        _read_file("--leads", settings.leads, leads_layout(settings.region), now),
    )
    for path, parsed in (
        (settings.bookings, files.bookings),
        (settings.leads, files.leads),
    ):
        if settings.strict and parsed is not None and parsed.bad:
            raise _refused(path, Report(0, 0, parsed.bad, parsed.notes), say)
    return files


def _read_file(
    option: str, path: Path | None, layout: Layout[T], now: datetime
) -> ParsedFile[T] | None:
    if path is None:
        return None
    try:
        return read_file(path, layout, now)
    except BadFile as error:
        raise StartupError(f"{option}: {error}") from error


def _load(engine: SqliteEngine, files: _Files, settings: Settings, say: Say) -> None:
    """Load everything in one transaction: a refused file leaves nothing of another.

    Raises:
        StartupError: --strict, and a row is bad.
    """
    strict = settings.strict
    path = settings.bookings
    reports: list[tuple[Path | None, str, int | Report]] = []

    def work(tx: Transaction) -> None:
        nonlocal path
        reports.clear()
        connection, now = tx.sqlalchemy(), tx.now
        path = settings.bookings
        if files.bookings is None:
            reports.append((None, "bookings", load_samples(connection, now)))
        else:
            report = load_file(connection, files.bookings, strict=strict)
            reports.append((path, "bookings", report))
        path = settings.leads
        if files.leads is None:
            reports.append((None, "leads", load_sample_leads(connection, now)))
        else:
            report = load_leads(connection, files.leads, now, strict=strict)
            reports.append((path, "leads", report))

    try:
        engine.transact(work)
    except StrictRefused as refused:
        raise _refused(path, refused.report, say) from refused
    samples = [
        f"{report} sample {what}" for _, what, report in reports if type(report) is int
    ]
    for file, what, report in reports:
        if isinstance(report, Report):
            _tell(str(file), what, report, say)
    added = " and ".join(each for each in samples if not each.startswith("0 "))
    if added:
        say(f"Added {added} to {engine.path}.")


def _tell(name: str, what: str, report: Report, say: Say) -> None:
    for line in report.lines(name):
        say(line)
    say(
        f"{name}: {report.added} {what} added, {report.known} were there already, "
        f"{len(report.bad)} rows left out."
    )


def _refused(path: Path | None, report: Report, say: Say) -> StartupError:
    for line in report.lines(str(path)):
        say(line)
    return StartupError(
        f"--strict: {len(report.bad)} bad rows in {path}, so nothing was written. "
        "Correct them, or leave --strict out to load the others."
    )
