"""The writing connection and the statements that bracket its work.

Everything here needs the writer's lock; nothing here takes it.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from syncpatterns import _testpoints
from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import _connection, _errors, _migrations
from syncpatterns.engines.sqlite._writing import _guard
from syncpatterns.engines.sqlite._writing._reserve import SHORT_LOG, Room
from syncpatterns.engines.sqlite._writing._sqlalchemy import Binding
from syncpatterns.engines.sqlite._writing._time import StoreClock
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction, inside
from syncpatterns.errors import DatabaseRefused, OutcomeUnknown
from syncpatterns.events import StorageFact

if TYPE_CHECKING:
    from sqlalchemy import Connection as SqlAlchemyConnection

_log = logging.getLogger("syncpatterns.sqlite")

_LOOK_EVERY: Final = 0.01  # seconds; asking the system costs more than a statement
_HIGH_WATER_EVERY: Final = 1.0  # seconds between two writes of the time seen
_COMMITS_A_CHECKPOINT: Final = 256
_NOTHING: Final[list[str]] = []
#: SQLite releases in which two writers can damage the file: two connections
#: that write and checkpoint at the same moment may reset the log under a commit.
_FIXED_IN: Final = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


def wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Tell whether this SQLite can damage a file that two processes write."""
    if version < (3, 7, 0) or version >= _FIXED_IN[-1]:
        return False
    return not any(
        version[:2] == fixed[:2] and version >= fixed for fixed in _FIXED_IN[:-1]
    )


class _Brackets(NamedTuple):
    """The engine's own statements, with a mark that no effect can know.

    A statement's text is its name in the driver's cache, and only the first
    preparation asks the guard: a COMMIT cached for the engine would run for an
    effect that says COMMIT.
    """

    begin: str
    commit: str
    rollback: str
    mark: str
    keep: str
    undo: str
    durable: str
    relaxed: str

    @classmethod
    def marked(cls) -> _Brackets:
        tail = f" -- {secrets.token_hex(8)}"
        name = _guard.SAVEPOINT
        return cls(
            f"BEGIN IMMEDIATE{tail}",
            f"COMMIT{tail}",
            f"ROLLBACK{tail}",
            f"SAVEPOINT {name}{tail}",
            f"RELEASE {name}{tail}",
            f"ROLLBACK TO {name}{tail}",
            f"PRAGMA synchronous=FULL{tail}",
            f"PRAGMA synchronous=NORMAL{tail}",
        )


class WriteSession:
    """One writing connection; begins, commits and rolls back.

    Args:
        path: The database file, without symbolic links.
        clock: The host's clock.
        busy_timeout: Seconds to wait for locks of other processes.

    Raises:
        DatabaseRefused: The file cannot be used.
        EngineBusy: Other processes held it for the whole time-out.
    """

    def __init__(self, path: Path, clock: Clock, busy_timeout: float) -> None:
        self._path = path
        self._host_clock = clock
        self._busy_timeout = busy_timeout
        self._sql = _Brackets.marked()
        self._ours = True
        self._commits = 0
        self._notices: list[str] = []
        self._promised: deque[Callable[[], object]] = deque()
        self._stored_high_water = 0.0
        self._told = 0.0
        self._log_limit = _connection.LOG_LIMIT
        self._checkpoint_due = False
        self._looked = -math.inf
        self.clock = StoreClock(clock)
        self.room = Room(path)
        self.relaxed = False
        self.epoch = ""
        self.shared_with_others = False
        self.broken = True
        self._connect()

    def _connect(self) -> None:
        try:
            self._open()
        except sqlite3.Error as error:
            known = _errors.translate(error, str(self._path))
            if known is None:
                raise
            raise known from error

    def _open(self) -> None:
        connection = _connection.open_writer(
            self._path, self._busy_timeout, create=not self.epoch
        )
        try:
            meta = _migrations.migrate(connection, self._path)
            self._require_same(meta.epoch)
            _guard.forbid(connection, lambda: self._ours)
        except BaseException:
            connection.close()
            raise
        self.clock.seen(meta.high_water)
        self.epoch = meta.epoch
        self.connection = connection
        self._file = _identity(self._path)
        (self._page_size,) = connection.execute("PRAGMA page_size").fetchone()
        (queues,) = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM syncpatterns_queue)"
        ).fetchone()
        self.room.wanted = self.room.wanted or bool(queues)
        self._binding = Binding(connection)
        self._data_version = self._read_data_version()
        self.relaxed = False
        self.broken = False

    def _require_same(self, epoch: str) -> None:
        if self.epoch not in ("", epoch):
            raise self._replaced()

    # ---------------------------------------------------------- transactions

    def begin(self) -> SqliteTransaction:
        """Take the database's write lock and return a transaction.

        Raises:
            EngineBusy: Other processes held it for the whole time-out.
            DatabaseRefused: The file was moved or replaced meanwhile.
        """
        now = self._host_clock.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            self._look_at_files()
            self._looked = now
        if self.broken:
            self.reconnect()
        try:
            self._own(self._sql.begin)
        except sqlite3.OperationalError as error:
            if not _errors.interrupted(error):
                raise
            # Somebody keeps a result of an earlier transaction half read. It
            # would pin that transaction's view: after a commit of another
            # process every BEGIN would be answered "locked", for ever.
            self.reconnect()
            self._own(self._sql.begin)
        return self.transaction()

    def relax(self, *, relaxed: bool) -> None:
        """Say whether the commits from now on may return before the disk has them.

        A relaxed commit costs no wait. A power cut may take it back, with all
        relaxed ones after it; the next full commit makes it stand, because
        what it waits for is the whole log.
        """
        if relaxed is self.relaxed or self.broken:
            return  # a new connection waits for the disk
        try:
            if relaxed:
                self.relaxed = True
                self._own(self._sql.relaxed)
            else:
                self._own(self._sql.durable)
                self.relaxed = False
        except sqlite3.OperationalError as error:
            if not _errors.interrupted(error):
                raise
            self.broken = True  # see begin

    def _look_at_files(self) -> None:
        if _identity(self._path) != self._file:
            # SQLite would go on writing to a file that nobody can open any
            # more, and every commit would be lost at the end of the process.
            raise self._replaced()
        if _connection.log_size(self._path) > self._log_limit:
            self._checkpoint_due = True
        if self.room.wanted:
            self.room.look()

    def require_room(self, connection: sqlite3.Connection) -> None:
        """Refuse to store anything new while a full disk only lets queues drain.

        Raises:
            DiskFull: It does.
        """
        if not self.room.keep(connection):
            raise self.room.refusal(connection, _connection.log_size(self._path))

    def check_room(self, tx: SqliteTransaction) -> None:
        """Refuse a commit after which a queue could not be drained any more.

        To be asked where the room is `tight`.

        Raises:
            DiskFull: There is too little room.
        """
        (pages,) = self.connection.execute("PRAGMA page_count").fetchone()
        growth = pages * self._page_size - self._path.stat().st_size
        log = _connection.log_size(self._path)
        here = inside(tx)
        self.room.check(log, growth, draining=here.draining, again=here.again)

    def transaction(self) -> SqliteTransaction:
        """Return a transaction object for one job inside the open transaction."""
        self._told, wall = self.clock.both()
        return SqliteTransaction(self, self._told, wall)

    def savepoint(self) -> None:
        """Mark where one job of a shared commit begins."""
        self._own(self._sql.mark)

    def release_savepoint(self) -> None:
        """Keep what the job wrote."""
        self._own(self._sql.keep)

    def rollback_to_savepoint(self) -> None:
        """Take back what the job wrote; the savepoint stays."""
        self._own(self._sql.undo)

    def commit(self) -> None:
        """Commit; when this returns, the disk has it, unless it is `relaxed`.

        Raises:
            OutcomeUnknown: The commit began and its answer was lost. After a
                crash the disk may hold it or not, as a whole.
        """
        self._remember_time()
        _testpoints.hit("sqlite.before_commit")
        try:
            self._own(self._sql.commit)
            _testpoints.hit("sqlite.after_commit")
        except Exception as error:
            if self.connection.in_transaction or _errors.certainly_undone(error):
                raise
            raise self.lost() from error
        self._commits += 1

    def lost(self) -> OutcomeUnknown:
        """Return the error for a commit of which nobody knows."""
        return OutcomeUnknown(
            "sqlite: the answer to a commit was lost. Try again with the same key: "
            "it is done once, whichever happened."
        )

    def rollback(self) -> None:
        """Undo the open transaction, if SQLite has not done so already."""
        if self.connection.in_transaction:
            self._own(self._sql.rollback)
        self.connection.interrupt()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; some errors end it by themselves."""
        return self.connection.in_transaction

    # --------------------------------------------------------------- effects

    def sqlalchemy(self) -> SqlAlchemyConnection:
        """Return the SQLAlchemy Connection bound to this connection."""
        return self._binding.connection()

    def allow_effects(self) -> None:
        """From here on statements are the effect's: no transaction control."""
        self._ours = False

    def end_effects(self) -> None:
        """From here on statements are the engine's own again.

        What the effect changed on the driver's objects is put back: a row
        factory of one caller must not turn up in the next one's rows.
        """
        self._ours = True
        _connection.restore(self.connection)
        self._binding.tidy()

    # ---------------------------------------------------------- housekeeping

    def after_commit(self) -> None:
        """Checkpoint now and then; a failure is logged, the commit stands."""
        # Stops what an effect left running; without it, costs nothing.
        self.connection.interrupt()
        if self.room.full and _connection.log_size(self._path) > SHORT_LOG:
            self._empty_log()
            self.room.keep(self.connection)
        if self._commits % _COMMITS_A_CHECKPOINT and not self._checkpoint_due:
            return
        self._checkpoint_due = False
        try:
            self.checkpoint()
            self.watch_other_writers()
        except sqlite3.Error as error:
            self._notices.append(f"sqlite: checkpoint of {self._path} failed: {error}")

    def checkpoint(self, mode: str = "RESTART") -> bool:
        """Move the log into the database file, while nobody else can write.

        Returns False if somebody keeps the log from starting over.

        RESTART takes the write lock first; with no time to wait for readers it
        moves what it can and never delays the next commit.
        """
        self.connection.execute("PRAGMA busy_timeout=0")
        try:
            row = self.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            timeout = int(self._busy_timeout * 1000)
            self.connection.execute(f"PRAGMA busy_timeout={timeout}")
        # A reader that stays on an old view keeps the log from starting over.
        # Asked again after every further 4 MB, not after every commit.
        held = _connection.log_size(self._path) if row[0] else 0
        self._log_limit = held + _connection.LOG_LIMIT
        self.room.log_is(held, pinned=bool(row[0]))
        return not row[0]

    def make_room(self) -> bool:
        """After a full disk: empty the log; True if the same work may fit now.

        The reserve is lent for it: to move the log into the database file may
        take a few pages more, and frees the whole log.
        """
        if self.broken or not self.room.wanted:
            return False
        lent = self.room.give_up()
        emptied = self._empty_log()
        if self.room.keep(self.connection):
            return True
        return lent or emptied

    def _empty_log(self) -> bool:
        before = _connection.log_size(self._path)
        try:
            self.checkpoint("TRUNCATE")
        except sqlite3.Error as error:
            self._notices.append(f"sqlite: checkpoint of {self._path} failed: {error}")
        return _connection.log_size(self._path) < before

    def watch_other_writers(self) -> None:
        """Notice, and say once, that another connection has committed."""
        # On this connection the number moves only when somebody else commits.
        version = self._read_data_version()
        if version == self._data_version:
            return
        self._data_version = version
        if not self.shared_with_others and wal_reset_bug():
            self._notices.append(
                f"sqlite: another process writes {self._path}, and SQLite "
                f"{sqlite3.sqlite_version} can damage a file that two processes "
                "write. Upgrade to 3.51.3 or newer, or let one process write."
            )
        self.shared_with_others = True

    @property
    def has_to_tell(self) -> bool:
        """Whether one of the three below has something to do; mostly none has."""
        return bool(self._notices or self._promised or self.room.facts)

    def take_facts(self) -> list[StorageFact]:
        """Return what hooks are to hear, once the lock is free."""
        return self.room.take_facts()

    def promise(self, functions: Iterable[Callable[[], object]]) -> None:
        """Have *functions* called once the lock is free: what asked is committed."""
        self._promised.extend(functions)

    def keep_promises(self) -> None:
        """Call what was promised; needs no lock, and none may be held."""
        promised = self._promised
        while promised:
            try:
                function = promised.popleft()
            except IndexError:  # another thread has taken it
                return
            try:
                function()
            except Exception:  # noqa: BLE001 - the commit stands, whatever they make of it
                _log.exception("sqlite: what was to follow a commit failed")

    def take_notices(self) -> list[str]:
        """Return what is to be logged, once the lock is free."""
        if not self._notices:
            return _NOTHING
        notices, self._notices = self._notices, []
        return notices

    def reconnect(self) -> None:
        """Open a new connection to the same file.

        Raises:
            DatabaseRefused: The file cannot be used any more, or is another one.
            EngineBusy: Other processes held it for the whole time-out.
        """
        self.suspend()
        self._connect()

    def suspend(self) -> None:
        """Close the connection; `begin` opens another one."""
        self.broken = True
        self._binding.close()
        self.connection.close()

    def close(self) -> None:
        """Empty the log and close."""
        if self.broken:
            self.suspend()
            return
        try:
            self.rollback()
            self.checkpoint("TRUNCATE")
        except sqlite3.Error as error:
            _log.debug("sqlite: closing %s: %s", self._path, error)
        finally:
            self.suspend()

    def _own(self, statement: str) -> None:
        ours, self._ours = self._ours, True
        try:
            self.connection.execute(statement)
        finally:
            self._ours = ours

    def _remember_time(self) -> None:
        now = self._told  # nobody was told a later time
        if now - self._stored_high_water < _HIGH_WATER_EVERY:
            return
        self.clock.seen(_migrations.store_high_water(self.connection, now))
        self._stored_high_water = now
        self.watch_other_writers()

    def _read_data_version(self) -> int:
        (version,) = self.connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _replaced(self) -> DatabaseRefused:
        return DatabaseRefused(
            f"sqlite: {self._path} was moved, deleted or replaced while it was open. "
            "Nothing was written; put the file back, or restart the service."
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, in every call
    except OSError:
        return None
    return found.st_dev, found.st_ino
