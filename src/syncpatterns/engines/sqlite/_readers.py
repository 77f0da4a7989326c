"""Reading connections: a snapshot each, never in the writer's way."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import _connection, _errors
from syncpatterns.engines.sqlite._writing import _guard
from syncpatterns.engines.sqlite._writing._sqlalchemy import Binding
from syncpatterns.errors import EngineClosed

T = TypeVar("T")

_KEPT: Final = 8
_GENERATION: Final = 1 << 40  # above any number of commits


class Snapshot:
    """One consistent view of the database; valid while `view` runs."""

    __slots__ = ("_binding", "_ours", "_wall", "connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._binding = Binding(connection)
        self._ours = True
        self._wall = 0.0
        _guard.forbid(connection, lambda: self._ours)

    @property
    def now(self) -> datetime:
        """The host's wall clock in UTC when the snapshot was taken."""
        return datetime.fromtimestamp(self._wall, UTC)

    def sqlalchemy(self) -> Any:
        """Return a SQLAlchemy Connection that reads this snapshot."""
        return self._binding.connection()

    def begin(self, wall: float) -> None:
        """Start a snapshot."""
        self._wall = wall
        self.connection.execute("BEGIN -- syncpatterns")
        self._ours = False

    def end(self) -> bool:
        """End the snapshot; the next one sees later commits.

        Returns:
            False if the connection must not be used again. A result that
            somebody keeps half read pins the old view: whoever read next on
            this connection would miss every commit since.
        """
        self._ours = True
        try:
            _connection.restore(self.connection)
            self._binding.tidy()
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK -- syncpatterns")
            self.connection.interrupt()
            self.connection.execute("SELECT 1 -- syncpatterns").fetchone()
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        self._binding.close()
        with suppress(sqlite3.Error):  # one that only reads has nothing to lose
            self.connection.close()


class Readers:
    """A few reading connections, opened when needed and kept.

    Args:
        path: The database file, without symbolic links.
        clock: The host's clock.
        busy_timeout: Seconds to wait for locks of others.
    """

    def __init__(self, path: Path, clock: Clock, busy_timeout: float) -> None:
        self._path = path
        self._clock = clock
        self._busy_timeout = busy_timeout
        self._lock = threading.Lock()  # guards the four below
        self._all_back = threading.Condition(self._lock)
        self._idle: list[Snapshot] = []
        self._lent = 0
        self._closed = False
        self._version_lock = threading.Lock()
        self._version_reader: sqlite3.Connection | None = None
        self._generation = 0

    def view(self, work: Callable[[Snapshot], T]) -> T:
        """Run *work* on one snapshot, on this thread.

        Raises:
            EngineClosed: The engine is closed.
            EngineBusy: Another process kept the file locked.
            DatabaseRefused: The file cannot be read any more.
            ConfigurationError: *work* tried to write.
        """
        snapshot = self._take()
        sound = False
        try:
            if snapshot is None:
                snapshot = Snapshot(
                    _connection.open_reader(self._path, self._busy_timeout)
                )
            snapshot.begin(self._clock.time())
            try:
                return work(snapshot)
            finally:
                sound = snapshot.end()
        except Exception as error:
            cause = getattr(error, "orig", error)
            if isinstance(cause, sqlite3.Error):
                known = _errors.translate_read(cause, str(self._path))
                if known is not None:
                    raise known from error
            raise
        finally:
            self._give_back(snapshot, sound=sound)

    def data_version(self) -> int:
        """Return a number that changes with every commit of any process.

        Raises:
            EngineClosed: The engine is closed.
        """
        with self._version_lock:
            try:
                if self._version_reader is None:
                    self._require_open()
                    # Numbers of two connections have nothing to do with each
                    # other: one that happened to be equal would hide a commit.
                    self._generation += _GENERATION
                    self._version_reader = _connection.open_reader(
                        self._path, self._busy_timeout
                    )
                row = self._version_reader.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                known = _errors.translate(error, str(self._path))
                if known is None:
                    raise
                raise known from error
            return self._generation + int(row[0])

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for snapshot in idle:
            snapshot.close()
        with self._version_lock:
            self._close_version_reader()

    def suspend(self, patience: float) -> bool:
        """Close all connections for a moment and keep everybody out.

        Args:
            patience: Seconds to wait for the views that are open.

        Returns:
            True: `resume` must be called. False: a view would not end.
        """
        if not self._version_lock.acquire(timeout=patience):
            return False
        if not self._lock.acquire(timeout=patience):
            self._version_lock.release()
            return False
        if not self._all_back.wait_for(lambda: not self._lent, timeout=patience):
            self.resume()
            return False
        while self._idle:
            self._idle.pop().close()
        self._close_version_reader()
        return True

    def resume(self) -> None:
        """Let everybody in again; connections are opened as they are needed."""
        self._lock.release()
        self._version_lock.release()

    def _take(self) -> Snapshot | None:
        with self._lock:
            self._require_open()
            self._lent += 1
            return self._idle.pop() if self._idle else None

    def _give_back(self, snapshot: Snapshot | None, *, sound: bool) -> None:
        with self._lock:
            keep = sound and not self._closed and len(self._idle) < _KEPT
            if snapshot is not None and keep:
                self._idle.append(snapshot)
        if snapshot is not None and not keep:
            snapshot.close()
        with self._lock:
            self._lent -= 1
            if not self._lent:
                self._all_back.notify_all()

    def _require_open(self) -> None:
        if self._closed:
            raise EngineClosed(
                "sqlite: the engine is closed, so nothing was read. Keep it open "
                "while it is used: in a service, open it in the lifespan."
            )

    def _close_version_reader(self) -> None:
        if self._version_reader is not None:
            self._version_reader.close()
            self._version_reader = None
