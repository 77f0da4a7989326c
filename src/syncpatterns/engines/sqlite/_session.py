"""The writing connection and the statements that bracket its work.

Everything here needs the writer's lock; nothing here takes it.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

from syncpatterns import _testpoints
from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import _connection, _migrations
from syncpatterns.engines.sqlite._errors import certainly_undone
from syncpatterns.engines.sqlite._time import StoreClock
from syncpatterns.engines.sqlite._transaction import SAVEPOINT, SqliteTransaction
from syncpatterns.errors import OutcomeUnknown

_log = logging.getLogger("syncpatterns.sqlite")

_HIGH_WATER_EVERY = 1.0  # seconds between two writes of the time seen
_COMMITS_A_CHECKPOINT = 256
_WAL_LIMIT = 64 * 1024 * 1024
#: SQLite releases in which two writers can damage the file: two connections
#: that write and checkpoint at the same moment may reset the log under a commit.
_FIXED_IN = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


def wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Tell whether this SQLite can damage a file that two processes write."""
    if version < (3, 7, 0) or version >= _FIXED_IN[-1]:
        return False
    return not any(
        version[:2] == fixed[:2] and version >= fixed for fixed in _FIXED_IN[:-1]
    )


class WriteSession:
    """One writing connection; begins, commits and rolls back."""

    def __init__(self, path: Path, clock: Clock, busy_timeout: float) -> None:
        self._path = path
        self._host_clock = clock
        self._busy_timeout = busy_timeout
        self.clock = StoreClock(clock)
        self._ours = True
        self._sqlalchemy: Any = None
        self._commits = 0
        self._stored_high_water = 0.0
        self.shared_with_others = False
        self.broken = False
        self._connect()

    def _connect(self) -> None:
        connection = _connection.open_writer(self._path, self._busy_timeout)
        try:
            _connection.forbid_transaction_control(connection, lambda: self._ours)
            self.epoch = _migrations.migrate(connection, self._path, self.clock)
        except BaseException:
            connection.close()
            raise
        self.connection = connection
        self._sqlalchemy = None
        self._data_version = self._read_data_version()
        self.broken = False

    def begin(self) -> SqliteTransaction:
        """Take the database's write lock and return a transaction."""
        if self.broken:
            self.connection.close()
            self._connect()
        self._own("BEGIN IMMEDIATE")
        return self.transaction()

    def transaction(self) -> SqliteTransaction:
        """Return a transaction object for one job inside the open transaction."""
        return SqliteTransaction(self, self.clock.now(), self._host_clock.time())

    def savepoint(self) -> None:
        """Mark where one job of a shared commit begins."""
        self._own(f"SAVEPOINT {SAVEPOINT}")

    def release_savepoint(self) -> None:
        """Keep what the job wrote."""
        self._own(f"RELEASE {SAVEPOINT}")

    def rollback_to_savepoint(self) -> None:
        """Take back what the job wrote; the savepoint stays."""
        self._own(f"ROLLBACK TO {SAVEPOINT}")

    def commit(self) -> None:
        """Commit; when this returns, the disk has it.

        Raises:
            OutcomeUnknown: The commit began and its answer was lost. After a
                crash the disk may hold it or not, as a whole.
        """
        self._remember_time()
        _testpoints.hit("sqlite.before_commit")
        try:
            self._own("COMMIT")
            _testpoints.hit("sqlite.after_commit")
        except BaseException as error:
            if self.connection.in_transaction or certainly_undone(error):
                raise
            raise OutcomeUnknown(
                f"sqlite: the answer to a commit of {self._path} was lost. Try again "
                "with the same key: it is done once, whichever happened."
            ) from error
        self._commits += 1

    def rollback(self) -> None:
        """Undo the open transaction, if SQLite has not done so already."""
        if self.connection.in_transaction:
            self._own("ROLLBACK")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; some errors end it by themselves."""
        return self.connection.in_transaction

    def sqlalchemy(self) -> Any:
        """Return the SQLAlchemy Connection bound to this connection."""
        if self._sqlalchemy is None or self._sqlalchemy.closed:
            from syncpatterns.engines.sqlite._sqlalchemy import (  # noqa: PLC0415 - optional package
                bind,
            )

            self._sqlalchemy = bind(self.connection)
        return self._sqlalchemy

    def allow_effects(self) -> None:
        """From here on statements are the effect's: no transaction control."""
        self._ours = False

    def end_effects(self) -> None:
        """From here on statements are the engine's own again."""
        self._ours = True

    def after_commit(self) -> None:
        """Housekeeping between transactions: checkpoints, other writers."""
        if self._commits % _COMMITS_A_CHECKPOINT == 0:
            self.checkpoint()
            self._watch_other_writers()

    def checkpoint(self, mode: str = "RESTART") -> None:
        """Move the log into the database file, while nobody else can write.

        RESTART takes the write lock first; with no time to wait for readers it
        moves what it can and never delays the next commit.
        """
        wal = Path(f"{self._path}-wal")
        if mode == "RESTART" and wal.exists() and wal.stat().st_size > _WAL_LIMIT:
            mode = "TRUNCATE"
        self._own("PRAGMA busy_timeout=0")
        try:
            self._own(f"PRAGMA wal_checkpoint({mode})")
        except sqlite3.OperationalError as error:
            _log.debug("sqlite: checkpoint put off: %s", error)
        finally:
            self._own(f"PRAGMA busy_timeout={int(self._busy_timeout * 1000)}")

    def close(self) -> None:
        """Empty the log and close."""
        self.rollback()
        self.checkpoint("TRUNCATE")
        self.connection.close()

    def _own(self, statement: str) -> None:
        ours, self._ours = self._ours, True
        try:
            self.connection.execute(statement)
        finally:
            self._ours = ours

    def _remember_time(self) -> None:
        now = self.clock.now()
        if now - self._stored_high_water < _HIGH_WATER_EVERY:
            return
        self.clock.seen(_migrations.store_high_water(self.connection, now))
        self._stored_high_water = now

    def _read_data_version(self) -> int:
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _watch_other_writers(self) -> None:
        # On this connection the number moves only when somebody else commits.
        version = self._read_data_version()
        if version == self._data_version:
            return
        self._data_version = version
        if not self.shared_with_others and wal_reset_bug():
            _log.warning(
                "sqlite: another process writes %s, and SQLite %s can damage a file "
                "that two processes write. Upgrade to 3.51.3 or newer, or let one "
                "process write.",
                self._path,
                sqlite3.sqlite_version,
            )
        self.shared_with_others = True
