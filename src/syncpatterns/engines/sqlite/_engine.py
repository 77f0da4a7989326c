"""SQLite as an engine: one writing connection, readers apart."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

import anyio
from anyio.to_thread import run_sync

from syncpatterns._loops import LoopLimiter
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.engines.sqlite import _idempotency, _records
from syncpatterns.engines.sqlite._care import _backup, _sweep
from syncpatterns.engines.sqlite._care._health import Health, health_of
from syncpatterns.engines.sqlite._life import Life
from syncpatterns.engines.sqlite._outbox import SqliteOutbox
from syncpatterns.engines.sqlite._readers import Snapshot
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction
from syncpatterns.engines.sqlite._writing._writer import Writer
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Fact, Hook, Hooks, Swept
from syncpatterns.idempotency._core import Resolution

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._queue._async import AsyncSqliteQueueStore
    from syncpatterns.engines.sqlite._queue._store import SqliteQueueStore
    from syncpatterns.engines.sqlite._queue._works import Office
    from syncpatterns.offline_queue._core import Finding

T = TypeVar("T")

#: Threads for reads under an event loop; apart from the framework's own, whose
#: 40 may all be waiting for us.
_readers = LoopLimiter(8)
_LONGEST_WAIT = 3600.0


class SqliteEngine:
    """Records, outbox and business rows in one SQLite file.

    Made by ``connect("sqlite:///app.db")``. Opening is put off until first use
    or `open`; a process forked afterwards opens connections of its own.

    Args:
        path: The database file.
        clock: Where the time comes from.
        hooks: Called with what housekeeping did.
        busy_timeout: Seconds to wait for other processes' write locks. A
            blocking caller waits as long for its turn within the process.
        salvage: What to do with a file that is found damaged when it is opened:
            refuse it, or save what is left (see `salvage`). Only files of up to
            32 MB are read through then.

    Raises:
        ConfigurationError: *busy_timeout* is not 0 to 3600.
    """

    name = "sqlite"
    waits_in_place = True

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
        busy_timeout: float = 5.0,
        salvage: bool = False,
    ) -> None:
        if not 0 <= busy_timeout <= _LONGEST_WAIT:
            raise ConfigurationError("busy_timeout must be 0 to 3600 seconds.")
        self.path = Path(path).absolute()
        self.busy_timeout = busy_timeout
        self.clock = clock or SystemClock()
        self._hooks = Hooks(hooks)
        self._life = Life(
            self.path,
            self.clock,
            busy_timeout,
            _teller(self._hooks),
            salvage=salvage,
        )
        # An engine dropped without close() takes its thread and files along; at
        # the end of the program that is the system's business.
        weakref.finalize(self, self._life.abandon).atexit = False

    def __repr__(self) -> str:
        return f"SqliteEngine({self.url!r})"

    @property
    def url(self) -> str:
        """The URL that leads to this engine."""
        return f"sqlite:///{quote(str(self.path))}"

    # ------------------------------------------------------------ life cycle

    def open(self) -> Self:
        """Check the file, open connections and run migrations; once.

        Raises:
            DatabaseRefused: The file cannot be used; the message says what to do.
            EngineClosed: The engine was closed.
        """
        self._opened()
        return self

    async def aopen(self) -> Self:
        """Do `open` on a worker thread."""
        if self._life.writer is None:
            await run_sync(self._opened)
        return self

    def close(self) -> None:
        """Finish what waits and close; a second call does nothing.

        Raises:
            ConfigurationError: Called from inside an effect, or by a commit
                listener on the writer's thread.
        """
        self._life.close()

    async def aclose(self) -> None:
        """Do `close` on a worker thread, also when the task is cancelled."""
        with anyio.CancelScope(shield=True):
            await run_sync(self.close)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await self.aopen()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    # ---------------------------------------------------------- transactions

    def transact(
        self,
        work: Callable[[SqliteTransaction], T],
        *,
        undoable: bool = False,
        relaxed: bool = False,
    ) -> T:
        """Run *work* in one write transaction; return its result once committed.

        *work* runs on this thread if the writer is idle, else on the writer's,
        together with others. It may run again if a shared commit is lost, and
        must do nothing but work on the transaction.

        Args:
            work: Writes; returns what the caller gets.
            undoable: It may call ``tx.undo()``.
            relaxed: Return before the disk has it, unless somebody who shares
                the commit waits for the disk. A power cut may take back the
                newest relaxed commits, never one before a full commit; a
                killed process takes back none.

        Raises:
            EngineBusy: Other processes held the file for the whole time-out.
            DiskFull: There was no room; nothing was written.
            StoreUnavailable: The disk failed; nothing was written.
            ConfigurationError: Called from inside an effect.
        """
        writer = self._life.writer or self._opened()
        return writer.run(work, undoable=undoable, relaxed=relaxed)

    async def atransact(
        self,
        work: Callable[[SqliteTransaction], T],
        *,
        undoable: bool = False,
        relaxed: bool = False,
    ) -> T:
        """Do `transact` from an event loop; *work* runs on the writer's thread.

        A caller cancelled before *work* began leaves nothing behind; cancelled
        later, the work still commits.
        """
        writer = self._life.writer
        if writer is None:
            writer = await run_sync(self._opened)
        return await writer.arun(work, undoable=undoable, relaxed=relaxed)

    def view(self, work: Callable[[Snapshot], T]) -> T:
        """Run *work* on one consistent snapshot, on this thread."""
        return self._life.readers().view(work)

    async def aview(self, work: Callable[[Snapshot], T]) -> T:
        """Run *work* on one consistent snapshot, on a worker thread."""
        return await run_sync(self.view, work, limiter=_readers.here())

    def read(self, work: Callable[[Any], T]) -> T:
        """Run *work* with a reading `sqlite3.Connection`, on this thread."""
        return self.view(lambda snapshot: work(snapshot.connection))

    async def aread(self, work: Callable[[Any], T]) -> T:
        """Run *work* with a reading `sqlite3.Connection`, on a worker thread."""
        return await self.aview(lambda snapshot: work(snapshot.connection))

    # ----------------------------------------------------------- for patterns

    def idempotency_store(self) -> _idempotency.SqliteIdempotencyStore:
        """Return the blocking store of idempotency records."""
        return _idempotency.SqliteIdempotencyStore(self)

    def async_idempotency_store(self) -> _idempotency.AsyncSqliteIdempotencyStore:
        """Return the store of idempotency records for an event loop."""
        return _idempotency.AsyncSqliteIdempotencyStore(self)

    def queue_store(self) -> SqliteQueueStore:
        """Return the blocking store of offline queues."""
        from syncpatterns.engines.sqlite._queue import _store as _queue  # noqa: PLC0415 - see _queue_office

        return _queue.SqliteQueueStore(self, self._life, self._queue_office())

    def async_queue_store(self) -> AsyncSqliteQueueStore:
        """Return the store of offline queues for an event loop."""
        from syncpatterns.engines.sqlite._queue import _async as _queue_async  # noqa: PLC0415 - as above

        return _queue_async.AsyncSqliteQueueStore(
            self, self._life, self._queue_office()
        )

    def _queue_office(self) -> Office:
        """What the stores of queues share; made for whoever has a queue."""
        known: Office | None = self.__dict__.get("_office")
        if known is not None:
            return known
        from syncpatterns.engines.sqlite._queue import _works as _queue_works  # noqa: PLC0415 - as said

        made = _queue_works.Office(self.clock)
        # One step: two threads that ask at once get one and the same.
        office: Office = self.__dict__.setdefault("_office", made)
        return self._life.watch_forks(office)

    def outbox(self) -> SqliteOutbox:
        """Return what realtime reads committed events from."""
        return SqliteOutbox(self)

    @property
    def epoch(self) -> str:
        """Identity of this database's outbox, 8 hex digits."""
        return self._opened().session.epoch

    def data_version(self) -> int:
        """Return a number that changes with every commit of any process."""
        return self._life.readers().data_version()

    def on_commit(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* after each commit of this process that published.

        It runs on any thread, when the commit has released the database, and
        must not block. Returns a function that takes the listener off again.
        """
        return self._life.listeners.add(listener)

    # ----------------------------------------------------------- housekeeping

    def sweep(self, *, events_older_than: float = 86400.0) -> Swept:
        """Delete forgotten records, outcomes and old events, in small transactions.

        Args:
            events_older_than: Seconds for which events can be resumed from.
        """
        done = _sweep.sweep(self, events_older_than)
        if done.records or done.events:
            self._hooks.emit(done)
        return done

    async def asweep(self, *, events_older_than: float = 86400.0) -> Swept:
        """Do `sweep` on a worker thread."""
        return await run_sync(
            lambda: self.sweep(events_older_than=events_older_than),
            limiter=_readers.here(),
        )

    def doctor(self, *, repair: bool = False) -> list[Finding]:
        """Look at everything that can go wrong with the file; [] is good news.

        Each finding says what to do. Among others: damage, a SQLite that can
        damage the file, a network under it, a second SQLite in this process, a
        reader that holds the log, no room, and queues whose counters or lanes do
        not fit their items.

        Args:
            repair: Put counters, lanes and children of queues right.
        """
        from syncpatterns.engines.sqlite._care import _doctor  # noqa: PLC0415 - rarely used

        return _doctor.examine(self, repair=repair)

    async def adoctor(self, *, repair: bool = False) -> list[Finding]:
        """Do `doctor` on a worker thread."""
        return await run_sync(
            lambda: self.doctor(repair=repair), limiter=_readers.here()
        )

    def backup(
        self,
        target: str | os.PathLike[str],
        *,
        progress: _backup.Progress | None = None,
    ) -> Path:
        """Copy the database to the new file *target* while others write; return it.

        The copy is one moment of the database, read through and on the disk
        when this returns; it overwrites nothing. Uses SQLite's backup API.

        Args:
            target: The file to be made.
            progress: Called with the number of pages copied, and of all.

        Raises:
            ConfigurationError: *target* is there, or its folder is not.
            DatabaseCorrupt: The copy is not in order, so neither is the database.
            DiskFull: There is no room for the copy.
        """
        return _backup.backup(self, Path(target), progress)

    async def abackup(
        self,
        target: str | os.PathLike[str],
        *,
        progress: _backup.Progress | None = None,
    ) -> Path:
        """Do `backup` on a worker thread, where *progress* is called too."""
        return await run_sync(
            lambda: self.backup(target, progress=progress), limiter=_readers.here()
        )

    def resolutions(self, limit: int = 100) -> list[Resolution]:
        """Return up to *limit* unknown outcomes that were settled, newest first."""
        return self.read(lambda connection: _records.resolutions(connection, limit))

    async def aresolutions(self, limit: int = 100) -> list[Resolution]:
        """Do `resolutions` on an event loop."""
        return await self.aread(
            lambda connection: _records.resolutions(connection, limit)
        )

    def health(self) -> Health:
        """Look whether the file can be written, and by whom it is.

        Opens the engine if need be; a database that cannot be used, or an
        engine that is closed, is what the report says, not an exception.
        """
        return health_of(self, lambda: self._opened().session.shared_with_others)

    # ---------------------------------------------------------------- inside

    def _opened(self) -> Writer:
        return self._life.open()


def _teller(hooks: Hooks) -> Callable[[Fact], None]:
    """Return what tells *hooks*, as long as somebody holds the engine.

    A hook may know the engine: kept by what the engine's end is waiting for,
    it would keep the engine for ever.
    """
    weakly = weakref.ref(hooks)

    def tell(fact: Fact) -> None:
        held = weakly()
        if held is not None:
            held.emit(fact)

    return tell
