"""The one writer of a process: callers that wait are committed together.

A commit costs one wait for the disk, whether it carries one booking or fifty.
A blocking caller who finds the writer idle runs on its own thread (no hop);
everybody else queues, and the writer's thread takes all who wait into one
transaction, each inside its own savepoint.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from syncpatterns._loops import current_loop
from syncpatterns._outcome import Ok
from syncpatterns.engines.sqlite import _errors
from syncpatterns.engines.sqlite._writing._batch import (
    Answers,
    commit_alone,
    commit_together,
)
from syncpatterns.engines.sqlite._writing._jobs import (
    Job,
    blocking_job,
    loop_job,
    outcome_of,
)
from syncpatterns.engines.sqlite._writing._session import WriteSession
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction
from syncpatterns.errors import ConfigurationError, EngineClosed
from syncpatterns.events import StorageFact

T = TypeVar("T")

_log = logging.getLogger("syncpatterns.sqlite")

_MOST_A_COMMIT: Final = 256


class Writer:
    """Runs work in write transactions on one connection.

    Args:
        session: The open writing connection; the writer owns it from now on.
        path: For error messages.
        patience: Seconds a blocking caller waits for its turn.
        listeners: Called after a commit, each for what it may have brought.
        tell: Called with what happened to the file.
    """

    def __init__(
        self,
        session: WriteSession,
        path: str,
        patience: float,
        listeners: Mapping[int, Callable[[], None]],
        tell: Callable[[StorageFact], None],
    ) -> None:
        self.session = session
        self._path = path
        self._patience = patience
        self._listeners = listeners
        self._tell = tell
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # whoever holds it has the connection
        self._owner: int | None = None  # the thread that holds it
        self._thread_waits = False
        self._gate = threading.Lock()  # guards the four below
        self._thread: threading.Thread | None = None
        self._thread_id: int | None = None
        self._closed = False
        self._abandoned = False

    def run(
        self,
        work: Callable[[SqliteTransaction], T],
        *,
        undoable: bool = False,
        relaxed: bool = False,
    ) -> T:
        """Run *work* in a transaction and return its result, once committed.

        Raises:
            EngineBusy: Others had the database for as long as the patience lasts.
            EngineClosed: The writer is closed; nothing was done.
        """
        done = self.run_if_idle(work, undoable=undoable, relaxed=relaxed)
        if done is not None:
            return done.value
        job, gate = blocking_job(work, undoable=undoable, relaxed=relaxed)
        self.submit(job)
        result: T = self.wait(job, gate)
        return result

    def run_if_idle(
        self,
        work: Callable[[SqliteTransaction], T],
        *,
        undoable: bool = False,
        relaxed: bool = False,
    ) -> Ok[T] | None:
        """Do `run` on this thread if nobody else is at work; None if somebody is."""
        self.refuse_nested()
        here = threading.get_ident()
        # A commit listener on the writer's own thread takes its turn at once:
        # queued, it would wait for itself.
        mine = here == self._thread_id
        if not (mine or self._idle()) or not self._lock.acquire(blocking=mine):
            return None
        news = 0
        try:
            self._owner = here
            if self._closed:
                raise closed()
            value, news = commit_alone(
                self.session, work, self._path, undoable=undoable, relaxed=relaxed
            )
        finally:
            self._owner = None
            self._lock.release()
            self._announce(news)
        return Ok(value)

    async def arun(
        self,
        work: Callable[[SqliteTransaction], T],
        *,
        undoable: bool = False,
        relaxed: bool = False,
    ) -> T:
        """Do the same from an event loop; *work* runs on the writer's thread.

        A task waits until it is cancelled: the caller sets the limit.
        """
        self.refuse_nested()
        loop = current_loop()
        done = loop.flag()
        job = loop_job(
            work, undoable=undoable, relaxed=relaxed, loop=loop, finished=done.set
        )
        self.submit(job)
        result: T = await outcome_of(job, done)
        return result

    def submit(self, job: Job) -> None:
        """Have the writer's thread do *job* with all others that wait.

        Raises:
            EngineClosed: The writer is closed; nothing will be done.
        """
        with self._gate:
            if self._closed:
                raise closed()
            if self._thread is None:
                thread = threading.Thread(
                    target=self._serve, name="syncpatterns-sqlite-writer", daemon=True
                )
                # Kept only once it runs: where no thread can be had just now,
                # this caller is told, and the next one tries again.
                thread.start()
                self._thread = thread
            self._queue.put(job)

    def wait(self, job: Job, gate: threading.Lock) -> Any:
        """Return what came of a job that was submitted; *gate* is free once it is done.

        Raises:
            EngineBusy: Its turn did not come for as long as the patience lasts.
        """
        try:
            late = not gate.acquire(timeout=self._patience)
            if late and not job.withdraw():
                gate.acquire()
                late = False
        except BaseException:  # Ctrl-C
            job.withdraw()
            raise
        if late:
            raise _errors.busy(self._path)
        return job.result()

    def empty_log(self) -> bool:
        """Move the whole log into the database; False if a reader holds it.

        Raises:
            EngineClosed: The writer is closed.
            StoreUnavailable: The disk is full, or failed.
        """
        self.refuse_nested()
        with self._lock:
            self._owner = threading.get_ident()
            try:
                if self._closed:
                    raise closed()
                if self.session.broken:
                    self.session.reconnect()
                emptied = self.session.checkpoint("TRUNCATE")
            except sqlite3.Error as error:
                known = _errors.translate(error, self._path)
                if known is None:
                    raise
                raise known from error
            finally:
                self._owner = None
        self._announce(0)
        return emptied

    def refuse_nested(self) -> None:
        """Raise if this thread is inside a transaction of this writer.

        Raises:
            ConfigurationError: It is.
        """
        if self._owner == threading.get_ident():
            raise ConfigurationError(
                "sqlite: an effect called the engine that it runs in; waiting for "
                "itself it would never end. Do everything through `tx`, or call the "
                "other operation after this one has returned."
            )

    def refuse_closing_here(self) -> None:
        """Raise if this thread cannot wait for the writer's end.

        Raises:
            ConfigurationError: It is inside an effect, or is the writer's own.
        """
        self.refuse_nested()
        if threading.get_ident() == self._thread_id:
            raise ConfigurationError(
                "sqlite: a commit listener tried to close the engine on the engine's "
                "own thread. Close it where it was opened."
            )

    def close(self) -> None:
        """Finish what waits, then close the connection; a second call does nothing.

        Raises:
            ConfigurationError: Called from inside an effect, or by a commit
                listener on the writer's thread.
        """
        self.refuse_closing_here()
        thread = self._end_intake()
        if thread is not None:
            thread.join()
        with self._lock:
            self.session.close()

    def abandon(self) -> None:
        """Close without waiting; for an engine that nobody holds any more.

        May be called by the garbage collector, on any thread and at any line.
        """
        self._abandoned = True
        if self._end_intake() is None and self._lock.acquire(blocking=False):
            try:
                self.session.close()
            finally:
                self._lock.release()

    def suspend(self, patience: float) -> bool:
        """Close the connection for a moment and keep everybody out.

        Args:
            patience: Seconds to wait for what is running.

        Returns:
            True: `resume` must be called. False: something would not end.
        """
        if self._owner == threading.get_ident():
            return False
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            self.session.close()
        except sqlite3.Error:
            self._lock.release()
            return False
        return True

    def resume(self) -> None:
        """Let everybody in again; the next transaction opens a connection."""
        self._lock.release()

    # ---------------------------------------------------------------- inside

    def _idle(self) -> bool:
        # Without the second look a thread that calls in a loop would take the
        # lock again and again from under the writer's thread, which needs a
        # moment to wake up: whoever queued there would wait for ever.
        return self._queue.empty() and not self._thread_waits

    def _end_intake(self) -> threading.Thread | None:
        """Refuse new work; return the thread that finishes the old, if any."""
        with self._gate:
            thread = self._thread
            if not self._closed:
                self._closed = True
                if thread is not None:
                    self._queue.put(None)
            return thread

    def _serve(self) -> None:
        self._thread_id = threading.get_ident()
        last = False
        while not last and (first := self._queue.get()) is not None:
            last = self._serve_all_who_wait(first)
            del first  # or the last caller's work is kept until the next one comes
        self._thread_id = None  # the next thread may get the same number
        if self._abandoned:
            with self._lock:
                self.session.close()

    def _serve_all_who_wait(self, first: Job) -> bool:
        """Commit *first* and who queued behind it; True if it was the last time."""
        self._thread_waits = True
        with self._lock:
            self._thread_waits = False
            self._owner = threading.get_ident()
            batch, last = self._gather(first)
            del first  # or this frame, kept by a traceback, keeps it too
            answers = Answers()
            commit_together(self.session, batch, self._path, answers)
            self._owner = None
        news = answers.news
        _hand_over(batch, answers)
        self._announce(news)
        return last

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        """Return the jobs that wait, and whether there will be no more."""
        batch: list[Job] = [first] if first.take() else []
        while len(batch) < _MOST_A_COMMIT:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            if job.take():
                batch.append(job)
        return batch, False

    def _announce(self, news: int) -> None:
        """Say what there is to say, with no lock held: who hears it may call us."""
        session = self.session
        if session.has_to_tell:
            for notice in session.take_notices():
                _log.warning("%s", notice)
            for fact in session.take_facts():
                self._tell(fact)
            session.keep_promises()
        for brought, tell in self._listeners.items() if news else ():
            if news & brought:
                tell()


def _hand_over(batch: list[Job], answers: Answers) -> None:
    for job, answer in zip(batch, answers.each, strict=True):
        job.finish(answer)
    batch.clear()
    answers.clear()


def closed() -> EngineClosed:
    """Return the error for a call that came too late."""
    return EngineClosed(
        "sqlite: the engine is closed, so nothing was done. Make a new one with "
        "connect(), or keep this one open while it is used: in a service, open it in "
        "the lifespan."
    )
