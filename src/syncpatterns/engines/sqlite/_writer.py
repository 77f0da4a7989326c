"""The one writer of a process: callers that wait are committed together.

A commit costs one wait for the disk, whether it carries one booking or fifty.
A blocking caller who finds the writer idle runs on its own thread (no hop);
everybody else queues, and the writer's thread takes all who wait into one
transaction, each inside its own savepoint.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio

from syncpatterns._outcome import Err, Ok
from syncpatterns.engines._wake import current_waker
from syncpatterns.engines.sqlite._errors import translate
from syncpatterns.engines.sqlite._jobs import Job, blocking_job, loop_job
from syncpatterns.engines.sqlite._session import WriteSession
from syncpatterns.engines.sqlite._transaction import SqliteTransaction
from syncpatterns.errors import ConfigurationError, EngineClosed, OutcomeUnknown

T = TypeVar("T")

_MOST_A_COMMIT: Final = 256


class Writer:
    """Runs work in write transactions on one connection.

    Args:
        session: The open writing connection; the writer owns it from now on.
        path: For error messages.
        published: Called after a commit that wrote outbox rows.
    """

    def __init__(
        self, session: WriteSession, path: str, published: Callable[[], None]
    ) -> None:
        self.session = session
        self._path = path
        self._published = published
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # whoever holds it has the connection
        self._gate = threading.Lock()  # guards the three below
        self._thread: threading.Thread | None = None
        self._closed = False
        self._owner: int | None = None

    def run(
        self, work: Callable[[SqliteTransaction], T], *, undoable: bool = False
    ) -> T:
        """Run *work* in a transaction and return its result, once committed."""
        self._refuse_nested()
        if self._queue.empty() and self._lock.acquire(blocking=False):
            try:
                if self._closed:
                    raise _closed()
                return self._alone(work, undoable=undoable)
            finally:
                self._lock.release()
        job, wait = blocking_job(work, undoable=undoable)
        self._submit(job)
        wait()
        result: T = job.result()
        return result

    async def arun(
        self, work: Callable[[SqliteTransaction], T], *, undoable: bool = False
    ) -> T:
        """Do the same from an event loop; *work* runs on the writer's thread."""
        self._refuse_nested()
        done = anyio.Event()
        job = loop_job(
            work, undoable=undoable, waker=current_waker(), finished=done.set
        )
        self._submit(job)
        try:
            await done.wait()
        except BaseException:
            job.withdraw()
            raise
        result: T = job.result()
        return result

    def exclusively(self, work: Callable[[WriteSession], T]) -> T:
        """Run *work* between two transactions, with the connection alone."""
        self._refuse_nested()
        with self._lock:
            if self._closed:
                raise _closed()
            return work(self.session)

    def close(self) -> None:
        """Finish what waits, then close the connection; a second call does nothing."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()
        with self._lock:
            self.session.close()

    def _submit(self, job: Job) -> None:
        with self._gate:
            if self._closed:
                raise _closed()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._serve, name="syncpatterns-sqlite-writer", daemon=True
                )
                self._thread.start()
            self._queue.put(job)

    def _refuse_nested(self) -> None:
        if self._owner == threading.get_ident():
            raise ConfigurationError(
                "sqlite: an effect called the engine that it runs in; waiting for "
                "itself it would never end. Do everything through `tx`, or call the "
                "other operation after this one has returned."
            )

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            with self._lock:
                batch, last = self._gather(first)
                self._commit_together(batch)
            if last:
                return

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        batch = [first]
        while len(batch) < _MOST_A_COMMIT:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return [job for job in batch if job.take()], True
            batch.append(job)
        return [job for job in batch if job.take()], False

    def _commit_together(self, batch: list[Job]) -> None:
        """Commit *batch* as one transaction and tell every caller."""
        if len(batch) > 1:
            outcomes = self._shared(batch)
            if outcomes is not None:
                for job, outcome in zip(batch, outcomes, strict=True):
                    job.finish(outcome)
                return
        # One caller; or the shared transaction was lost with one of them. A full
        # disk, say, rolls everybody back: alone, each gets an answer of its own.
        for job in batch:
            job.finish(self._capture(job))

    def _capture(self, job: Job) -> Ok[Any] | Err:
        try:
            return Ok(self._alone(job.work, undoable=job.undoable))
        except BaseException as error:  # noqa: BLE001 - raised where the caller waits
            return Err(error)

    def _alone(self, work: Callable[[SqliteTransaction], T], *, undoable: bool) -> T:
        session = self.session
        try:
            tx = session.begin()
            if undoable:
                session.savepoint()
            value = self._call(work, tx)
            session.commit()
        except BaseException as error:
            self._rollback()
            translated = self._translate(error)
            if translated is error:
                raise
            raise translated from error
        self._after(tx.published)
        return value

    def _shared(self, batch: list[Job]) -> list[Ok[Any] | Err] | None:
        """Return everybody's outcome, or None if the transaction was lost."""
        session = self.session
        outcomes: list[Ok[Any] | Err] = []
        published = 0
        try:
            session.begin()
            for job in batch:
                tx = session.transaction()
                session.savepoint()
                try:
                    outcomes.append(Ok(self._call(job.work, tx)))
                    published += tx.published
                except BaseException as error:  # noqa: BLE001 - that caller's alone
                    if not session.in_transaction:
                        return None
                    session.rollback_to_savepoint()
                    outcomes.append(Err(self._translate(error)))
                session.release_savepoint()
            session.commit()
        except OutcomeUnknown as error:
            # Never run again here: it may be done. Who can look, looks himself.
            self._rollback()
            return [Err(error) if type(o) is Ok else o for o in outcomes]
        except BaseException:  # noqa: BLE001 - each is tried again, alone
            self._rollback()
            return None
        self._after(published)
        return outcomes

    def _call(self, work: Callable[[SqliteTransaction], T], tx: SqliteTransaction) -> T:
        session = self.session
        self._owner = threading.get_ident()
        session.allow_effects()
        try:
            return work(tx)
        finally:
            session.end_effects()
            self._owner = None
            tx.end()

    def _rollback(self) -> None:
        try:
            self.session.rollback()
        except sqlite3.Error:
            # Without a working rollback the connection must not be used again.
            self.session.broken = True

    def _translate(self, error: BaseException) -> BaseException:
        cause = getattr(error, "orig", error)  # SQLAlchemy wraps the driver's error
        if isinstance(cause, sqlite3.Error):
            return translate(cause, self._path) or error
        return error

    def _after(self, published: int) -> None:
        self.session.after_commit()
        if published:
            self._published()


def _closed() -> EngineClosed:
    return EngineClosed(
        "sqlite: the engine is closed, so nothing was done. Open it in the "
        "application's lifespan, or try again when the service has started."
    )
