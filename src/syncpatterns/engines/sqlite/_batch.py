"""Run jobs in one transaction, and answer each as if it had been alone.

Needs the writer's lock. No function here raises what one job did to another:
a job's own failure is its own outcome, and a transaction that is lost as a
whole is done again, each job in one of its own.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from syncpatterns._outcome import Err, Ok
from syncpatterns.engines.sqlite import _errors
from syncpatterns.engines.sqlite._jobs import Job
from syncpatterns.engines.sqlite._session import WriteSession
from syncpatterns.engines.sqlite._transaction import SqliteTransaction
from syncpatterns.errors import OutcomeUnknown

T = TypeVar("T")

Work: TypeAlias = Callable[[SqliteTransaction], T]


class _Ran(NamedTuple):
    """What one job did inside the transaction, which is not committed yet."""

    outcome: Ok[Any] | Err
    published: int = 0


def commit_alone(
    session: WriteSession, work: Work[T], path: str, *, undoable: bool
) -> tuple[T, int]:
    """Run *work* in a transaction of its own.

    Returns:
        Its result, once committed, and how many events it published.

    Raises:
        BaseException: What *work* raised, or our error for SQLite's; nothing
            was written then, except after `OutcomeUnknown`.
    """
    return _finish(session, _begin(session, path), work, path, undoable=undoable)


def _begin(session: WriteSession, path: str) -> SqliteTransaction:
    try:
        return session.begin()
    except BaseException as error:
        _roll_back(session)
        known = _known(error, path)
        if known is error:
            raise
        raise known from error


def _finish(
    session: WriteSession,
    tx: SqliteTransaction,
    work: Work[T],
    path: str,
    *,
    undoable: bool,
) -> tuple[T, int]:
    try:
        if undoable:
            session.savepoint()
        value = _call(session, work, tx)
        session.commit()
    except BaseException as error:
        known = _known(error, path, lost=not _roll_back(session))
        if known is error:
            raise
        raise known from error
    session.after_commit()
    return value, tx.published


def commit_together(
    session: WriteSession, batch: Sequence[Job], path: str
) -> tuple[list[Ok[Any] | Err], int]:
    """Commit *batch* and return an outcome for each, and the events published.

    Never raises: the thread that calls it serves everybody.
    """
    try:
        if len(batch) > 1:
            shared = _shared(session, batch, path)
            if shared is not None:
                return shared
        # One caller; or the shared transaction was lost with one of them. A full
        # disk, say, rolls everybody back: alone, each gets its own answer.
        return _one_by_one(session, batch, path)
    except BaseException as error:  # noqa: BLE001 - a mistake of ours: they must hear of it
        session.broken = True
        return [Err(_twin(error)) for _ in batch], 0


def _one_by_one(
    session: WriteSession, batch: Sequence[Job], path: str
) -> tuple[list[Ok[Any] | Err], int]:
    ran: list[_Ran] = []
    for job in batch:
        try:
            tx = _begin(session, path)
        except Exception as error:  # noqa: BLE001 - nobody from here on ran
            # Waiting the whole time-out again for every job would keep the
            # last of 100 callers for minutes.
            ran += [_Ran(Err(_twin(error))) for _ in batch[len(ran) :]]
            break
        ran.append(_captured(session, tx, job, path))
    return _sum(ran)


def _captured(
    session: WriteSession, tx: SqliteTransaction, job: Job, path: str
) -> _Ran:
    try:
        value, published = _finish(session, tx, job.work, path, undoable=job.undoable)
    except BaseException as error:  # noqa: BLE001 - raised where the caller waits
        return _Ran(Err(error))
    return _Ran(Ok(value), published)


def _shared(
    session: WriteSession, batch: Sequence[Job], path: str
) -> tuple[list[Ok[Any] | Err], int] | None:
    """Return everybody's outcome, or None if the transaction was lost."""
    try:
        _begin(session, path)
    except Exception as error:  # noqa: BLE001 - nobody ran, everybody hears why
        return [Err(_twin(error)) for _ in batch], 0
    ran: list[_Ran] = []
    try:
        for job in batch:
            one = _within(session, job, path)
            if one is None:
                return None
            ran.append(one)
    except BaseException:  # noqa: BLE001 - a bracket failed; each is tried again, alone
        _roll_back(session)
        return None
    try:
        session.commit()
    except OutcomeUnknown as error:
        # Never run again here: it may be done. Who can look, looks himself.
        _roll_back(session)
        return [_unsettled(one.outcome, error) for one in ran], 0
    except BaseException as error:  # noqa: BLE001 - each is tried again, alone
        undone = _roll_back(session) or isinstance(error, Exception)
        if undone:
            return None
        return [_unsettled(one.outcome, session.lost()) for one in ran], 0
    session.after_commit()
    return _sum(ran)


def _sum(ran: Sequence[_Ran]) -> tuple[list[Ok[Any] | Err], int]:
    return [one.outcome for one in ran], sum(one.published for one in ran)


def _within(session: WriteSession, job: Job, path: str) -> _Ran | None:
    """Run *job* inside the shared transaction; None if that was lost.

    A frame of its own: the traceback of a failed job must not hold the other
    callers' work and results, for a log that shows local variables would.
    """
    session.savepoint()
    try:
        tx = session.transaction()
        ran = _Ran(Ok(_call(session, job.work, tx)), tx.published)
    except BaseException as error:  # noqa: BLE001 - that caller's alone
        if not session.in_transaction:
            return None
        session.rollback_to_savepoint()
        ran = _Ran(Err(_caused(_known(error, path), error)))
    session.release_savepoint()
    return ran


def _call(session: WriteSession, work: Work[T], tx: SqliteTransaction) -> T:
    session.allow_effects()
    try:
        value = work(tx)
    finally:
        session.end_effects()
        tx.end()
    if not session.in_transaction:
        raise _errors.ended()
    return value


def _roll_back(session: WriteSession) -> bool:
    """Undo what is open; False if there was nothing left to undo."""
    try:
        was_open = session.in_transaction
        session.rollback()
    except sqlite3.Error:
        # Without a working rollback the connection must not be used again;
        # closing it rolls back.
        session.broken = True
        return True
    return was_open


def _known(error: BaseException, path: str, *, lost: bool = False) -> BaseException:
    """Return our error for SQLite's, also for one that SQLAlchemy wrapped.

    Args:
        error: What came.
        path: For the message.
        lost: SQLite had ended the transaction already.
    """
    cause = getattr(error, "orig", error)
    if not isinstance(cause, sqlite3.Error):
        return error
    if lost and _errors.not_allowed(cause):
        return _errors.ended()
    return _errors.translate(cause, path) or error


def _unsettled(outcome: Ok[Any] | Err, error: OutcomeUnknown) -> Ok[Any] | Err:
    # What failed was undone before the commit, whatever became of that.
    return Err(_twin(error)) if type(outcome) is Ok else outcome


def _caused(known: BaseException, error: BaseException) -> BaseException:
    if known is not error:
        known.__cause__ = error
    return known


def _twin(error: BaseException) -> BaseException:
    """Return a copy: one object raised on several threads mixes up their traces."""
    try:
        twin = copy.copy(error)
    except TypeError:  # a class that cannot be built from its args
        return error
    twin.__cause__ = error.__cause__
    return twin
