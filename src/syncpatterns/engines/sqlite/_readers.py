"""Reading connections: a snapshot each, never in the writer's way."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite._connection import open_reader
from syncpatterns.engines.sqlite._errors import translate
from syncpatterns.engines.sqlite._sqlalchemy import bind

T = TypeVar("T")

_KEPT: Final = 8


class Snapshot:
    """One consistent view of the database; valid while `view` runs."""

    __slots__ = ("_sqlalchemy", "_wall", "connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._sqlalchemy: Any = None
        self._wall = 0.0

    @property
    def now(self) -> datetime:
        """The host's wall clock in UTC when the snapshot was taken."""
        return datetime.fromtimestamp(self._wall, UTC)

    def sqlalchemy(self) -> Any:
        """Return a SQLAlchemy Connection that reads this snapshot."""
        if self._sqlalchemy is None or self._sqlalchemy.closed:
            self._sqlalchemy = bind(self.connection)
        return self._sqlalchemy

    def begin(self, wall: float) -> None:
        """Start a snapshot."""
        self._wall = wall
        self.connection.execute("BEGIN")

    def end(self) -> None:
        """End the snapshot; the next one sees later commits."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


class Readers:
    """A few reading connections, opened when needed and kept."""

    def __init__(self, path: Path, clock: Clock, busy_timeout: float) -> None:
        self._path = path
        self._clock = clock
        self._busy_timeout = busy_timeout
        self._idle: queue.LifoQueue[Snapshot] = queue.LifoQueue(_KEPT)
        self._version_lock = threading.Lock()
        self._version_reader: sqlite3.Connection | None = None
        self._closed = False

    def view(self, work: Callable[[Snapshot], T]) -> T:
        """Run *work* on one snapshot, on this thread."""
        snapshot = self._take()
        try:
            try:
                snapshot.begin(self._clock.time())
                return work(snapshot)
            finally:
                snapshot.end()
        except Exception as error:
            cause = getattr(error, "orig", error)
            if isinstance(cause, sqlite3.Error):
                translated = translate(cause, str(self._path))
                if translated is not None:
                    raise translated from error
            raise
        finally:
            self._give_back(snapshot)

    def data_version(self) -> int:
        """Return a number that changes with every commit of any process."""
        with self._version_lock:
            if self._version_reader is None:
                self._version_reader = open_reader(self._path, self._busy_timeout)
            row = self._version_reader.execute("PRAGMA data_version").fetchone()
            return int(row[0])

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        with self._version_lock:
            if self._version_reader is not None:
                self._version_reader.close()
                self._version_reader = None
        while True:
            try:
                self._idle.get_nowait().connection.close()
            except queue.Empty:
                return

    def _take(self) -> Snapshot:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return Snapshot(open_reader(self._path, self._busy_timeout))

    def _give_back(self, snapshot: Snapshot) -> None:
        if self._closed:
            snapshot.connection.close()
            return
        try:
            self._idle.put_nowait(snapshot)
        except queue.Full:
            snapshot.connection.close()
