"""Opening and closing: when, how often, across forks, and when nobody does it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite import _forks
from syncpatterns.engines.sqlite._connection import inspect_file
from syncpatterns.engines.sqlite._listeners import CommitListeners
from syncpatterns.engines.sqlite._readers import Readers
from syncpatterns.engines.sqlite._writing import _reserve
from syncpatterns.engines.sqlite._writing._session import WriteSession
from syncpatterns.engines.sqlite._writing._transaction import (
    PUBLISHED,
    QUEUED,
    SqliteTransaction,
    inside,
)
from syncpatterns.engines.sqlite._writing._writer import Writer, closed
from syncpatterns.errors import DatabaseCorrupt
from syncpatterns.events import StorageFact


class Forked(Protocol):
    """Something with a lock, which in a forked child may be held by nobody."""

    def start_over(self) -> object:
        """Make a new one."""
        ...


F = TypeVar("F", bound=Forked)


class Life:
    """The connections of one engine, from its first use to its end.

    Knows nothing of the engine, so that an engine that nobody holds can go.

    Args:
        path: The database file.
        clock: The host's clock.
        busy_timeout: Seconds to wait for locks of others.
        tell: Called with what happened to the file.
        salvage: Save what is left of a damaged file, instead of refusing it.

    Attributes:
        path: The database file.
        writer: Writes, once open; None before, after, and in a forked child.
        listeners: Who wants to know of commits that published.
        queue_listeners: Who wants to know of commits that touched a queue.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        busy_timeout: float,
        tell: Callable[[StorageFact], None],
        *,
        salvage: bool = False,
    ) -> None:
        self.path = path
        self.writer: Writer | None = None
        self.listeners = CommitListeners()
        self.queue_listeners = CommitListeners()
        self._others: list[Forked] = []
        self._clock = clock
        self._busy_timeout = busy_timeout
        self._tell = tell
        self._salvage = salvage
        self._facts: list[StorageFact] = []
        self._gate = threading.Lock()  # guards what follows, and the writer
        self._readers: Readers | None = None
        self._closed = False
        _forks.watch(self)

    def open(self) -> Writer:
        """Return the writer; open everything if that was not done yet.

        Raises:
            DatabaseRefused: The file cannot be used.
            EngineBusy: Other processes held it for the whole time-out.
            EngineClosed: It was closed.
        """
        if (writer := self.writer) is not None:
            return writer
        with self._gate:
            if self._closed:
                raise closed()
            writer = self.writer or self._open_needs_gate()
            facts, self._facts = self._facts, []
        for fact in facts:  # whoever hears it may use the engine
            self._tell(fact)
        return writer

    def _open_needs_gate(self) -> Writer:
        # SQLite keeps the log beside the file itself, not beside a link to it.
        path = Path(os.path.realpath(self.path))
        _forks.refuse_inherited(path)
        session = _reserve.opened_with_room(path, lambda: self._session(path))
        self._readers = Readers(path, self._clock, self._busy_timeout)
        self.writer = writer = Writer(
            session,
            str(path),
            self._busy_timeout,
            {PUBLISHED: self.listeners.tell, QUEUED: self.queue_listeners.tell},
            self._tell,
        )
        return writer

    def _session(self, path: Path) -> WriteSession:
        try:
            inspect_file(path, self._busy_timeout)
        except DatabaseCorrupt:
            if not self._salvage:
                raise
            from syncpatterns.engines.sqlite._salvage import _rescue as _salvage  # noqa: PLC0415 - rarely used

            report = _salvage.salvage(path, clock=self._clock)
            self._facts.append(report.fact(path))
            inspect_file(path, self._busy_timeout)
        return WriteSession(path, self._clock, self._busy_timeout)

    def owns(self, tx: SqliteTransaction) -> bool:
        """Tell whether *tx* is a transaction of this engine."""
        writer = self.writer
        return writer is not None and inside(tx).session is writer.session

    def readers(self) -> Readers:
        """Return the readers; open everything if that was not done yet.

        Raises:
            EngineClosed: It was closed; or as `open`.
        """
        readers = self._readers
        if readers is None:
            self.open()
            readers = self._readers
        if readers is None:
            raise closed()
        return readers

    def close(self) -> None:
        """Finish what waits and close; a second call does nothing.

        Raises:
            ConfigurationError: Called from inside an effect, or by a commit
                listener on the writer's thread.
        """
        if self.writer is not None:
            self.writer.refuse_closing_here()
        writer, readers = self._end()
        if readers is not None:
            readers.close()
        if writer is not None:
            writer.close()

    def abandon(self) -> None:
        """Close without waiting; the garbage collector calls it."""
        writer, readers = self.writer, self._readers
        if readers is not None:
            readers.close()
        if writer is not None:
            writer.abandon()

    def _end(self) -> tuple[Writer | None, Readers | None]:
        with self._gate:
            self._closed = True
            writer, self.writer = self.writer, None
            readers, self._readers = self._readers, None
            return writer, readers

    # ----------------------------------------------------------------- forks

    def suspend(self, patience: float) -> bool:
        """Close all connections until `resume`, because the process forks now.

        Args:
            patience: Seconds to wait for transactions and views that run.

        Returns:
            Whether no connection is open now.
        """
        if not self._gate.acquire(timeout=patience):
            return False
        if self.writer is None or self._readers is None:
            return True
        if self._readers.suspend(patience):
            if self.writer.suspend(patience):
                return True
            self._readers.resume()
        self._gate.release()
        return False

    def resume(self) -> None:
        """Go on after `suspend` returned True."""
        if self.writer is not None and self._readers is not None:
            self.writer.resume()
            self._readers.resume()
        self._gate.release()

    def watch_forks(self, other: F) -> F:
        """Have *other* start over in a forked child too; return it."""
        self._others.append(other)
        return other

    def start_over(self) -> object:
        """In a forked child: forget the parent's threads and connections.

        Returns:
            What holds the connections: while it lives, nothing closes them.
        """
        held = (self.writer, self._readers)
        self._gate = threading.Lock()
        self.writer = None
        self._readers = None
        self.listeners.start_over()
        self.queue_listeners.start_over()
        for each in self._others:
            each.start_over()
        return held
