"""Run jobs in one transaction, and answer each as if it had been alone.

Needs the writer's lock. No function here raises what one job did to another:
a job's own failure is its own outcome, and a transaction that is lost as a
whole is done again, each job in one of its own.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

from syncpatterns._outcome import Err, Ok
from syncpatterns.engines.sqlite import _errors
from syncpatterns.engines.sqlite._writing._jobs import Job
from syncpatterns.engines.sqlite._writing._reserve import LogInTheWay
from syncpatterns.engines.sqlite._writing._session import WriteSession
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction, inside
from syncpatterns.errors import OutcomeUnknown, StoreUnavailable

T = TypeVar("T")

Work: TypeAlias = Callable[[SqliteTransaction], T]


class Answers:
    """What came of each job of a batch, in the batch's order.

    One object that is emptied in the end. A traceback keeps every frame below
    and above it alive, and an answer left in a local variable of one of these
    would be in a cycle with its own error, and next to the other callers' data.
    """

    __slots__ = ("after", "each", "news")

    def __init__(self) -> None:
        self.each: list[Ok[Any] | Err] = []
        self.news = 0
        self.after: list[Callable[[], object]] = []

    def done(self, value: object, news: int) -> None:
        """Note that a job has returned *value*."""
        self.each.append(Ok(value))
        self.news |= news

    def failed(self, error: BaseException) -> None:
        """Note that a job has failed; what it wrote is undone."""
        self.each.append(Err(error))

    def fill(self, error: BaseException, count: int) -> None:
        """Give the same *error* to all up to the *count*-th."""
        self.each += [Err(twin(error)) for _ in range(count - len(self.each))]

    def unsettle(self, error: OutcomeUnknown) -> None:
        """Take back what is done: nobody knows if it was committed.

        What failed was undone before the commit, whatever became of that.
        """
        self.news = 0
        for n, answer in enumerate(self.each):
            if type(answer) is Ok:
                self.each[n] = Err(twin(error))

    def clear(self) -> None:
        """Forget everything."""
        self.each.clear()
        self.after.clear()
        self.news = 0


def commit_alone(
    session: WriteSession,
    work: Work[T],
    path: str,
    *,
    undoable: bool,
    relaxed: bool = False,
) -> tuple[T, int]:
    """Run *work* in a transaction of its own.

    Returns:
        Its result, once committed, and who wants to hear of it.

    Raises:
        BaseException: What *work* raised, or our error for SQLite's; nothing
            was written then, except after `OutcomeUnknown`.
    """
    tx = _begin(session, path, relaxed=relaxed)
    return _finish(session, tx, work, path, undoable=undoable)


def _begin(session: WriteSession, path: str, *, relaxed: bool) -> SqliteTransaction:
    try:
        session.relax(relaxed=relaxed)
        return session.begin()
    except BaseException as error:
        _roll_back(session)
        _raise_if_ours(error, path)
        raise


def _finish(
    session: WriteSession,
    tx: SqliteTransaction,
    work: Work[T],
    path: str,
    *,
    undoable: bool,
) -> tuple[T, int]:
    try:
        return _once(session, tx, work, path, undoable=undoable)
    except StoreUnavailable as error:
        if not _wants_room(session, error) or not session.make_room():
            raise
    # Nothing was written, and there is more room now than there was.
    again = _begin(session, path, relaxed=session.relaxed)
    inside(again).again = True
    return _once(session, again, work, path, undoable=undoable)


def _once(
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
        _raise_if_ours(error, path, lost=not _roll_back(session))
        raise
    here = inside(tx)
    if here.after:
        session.promise(here.after)
    session.after_commit()
    return value, here.news


def commit_together(
    session: WriteSession, batch: Sequence[Job], path: str, answers: Answers
) -> None:
    """Commit *batch* and put an answer for each into *answers*.

    Never raises: the thread that calls it serves everybody.
    """
    try:
        # One caller; or the shared transaction was lost with one of them. A full
        # disk, say, rolls everybody back: alone, each gets its own answer.
        if len(batch) < 2 or not _shared(session, batch, path, answers):  # noqa: PLR2004 - a pair shares
            answers.clear()
            _one_by_one(session, batch, path, answers)
    except BaseException as error:  # noqa: BLE001 - a mistake of ours: they must hear of it
        session.broken = True
        answers.fill(error, len(batch))


def _one_by_one(
    session: WriteSession, batch: Sequence[Job], path: str, answers: Answers
) -> None:
    for job in batch:
        try:
            tx = _begin(session, path, relaxed=job.relaxed)
        except Exception as error:  # noqa: BLE001 - nobody from here on ran
            # Waiting the whole time-out again for every job would keep the
            # last of 100 callers for minutes.
            answers.fill(error, len(batch))
            return
        _answer(session, tx, job, path, answers)


def _answer(
    session: WriteSession,
    tx: SqliteTransaction,
    job: Job,
    path: str,
    answers: Answers,
) -> None:
    try:
        answers.done(*_finish(session, tx, job.work, path, undoable=job.undoable))
    except BaseException as error:  # noqa: BLE001 - raised where the caller waits
        answers.failed(error)


def _shared(
    session: WriteSession, batch: Sequence[Job], path: str, answers: Answers
) -> bool:
    """Answer everybody after one commit; False if the transaction was lost."""
    try:
        # One caller who needs the disk makes the commit wait for it.
        _begin(session, path, relaxed=all(job.relaxed for job in batch))
    except Exception as error:  # noqa: BLE001 - nobody ran, everybody hears why
        answers.fill(error, len(batch))
        return True
    try:
        if not all(_within(session, job, path, answers) for job in batch):
            _roll_back(session)
            return False
    except BaseException:  # noqa: BLE001 - a bracket failed; each is tried again, alone
        _roll_back(session)
        return False
    try:
        session.commit()
    except OutcomeUnknown as error:
        # Never run again here: it may be done. Who can look, looks himself.
        _roll_back(session)
        answers.unsettle(error)
        return True
    except BaseException as error:  # noqa: BLE001 - certainly undone, or not even an error
        if _roll_back(session) or isinstance(error, Exception):
            return False
        answers.unsettle(session.lost())
        return True
    session.promise(answers.after)
    session.after_commit()
    return True


def _within(session: WriteSession, job: Job, path: str, answers: Answers) -> bool:
    """Run *job* inside the shared transaction; False if that was lost."""
    session.savepoint()
    tx = session.transaction()
    try:
        value = _call(session, job.work, tx)
        here = inside(tx)
        answers.done(value, here.news)
        answers.after += here.after
    except BaseException as error:  # noqa: BLE001 - that caller's alone
        if not session.in_transaction or _wants_room(session, error):
            return False
        session.rollback_to_savepoint()
        answers.failed(_known(error, path) or error)
    session.release_savepoint()
    return True


def _wants_room(session: WriteSession, error: BaseException) -> bool:
    """Tell whether the job should run once more, alone, with room made for it."""
    full = isinstance(error, LogInTheWay) or _errors.no_room(error)
    return full and session.room.wanted


def _call(session: WriteSession, work: Work[T], tx: SqliteTransaction) -> T:
    session.allow_effects()
    try:
        value = work(tx)
    finally:
        session.end_effects()
        inside(tx).is_open = False
    if not session.in_transaction:
        raise _errors.ended()
    if session.room.tight:
        session.check_room(tx)
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


def _known(
    error: BaseException, path: str, *, lost: bool = False
) -> BaseException | None:
    """Return our error for SQLite's, also for one that SQLAlchemy wrapped.

    Args:
        error: What came.
        path: For the message.
        lost: SQLite had ended the transaction already.
    """
    cause = getattr(error, "orig", error)
    if not isinstance(cause, sqlite3.Error):
        return None
    if lost and _errors.not_allowed(cause):
        known: BaseException | None = _errors.ended()
    else:
        known = _errors.translate(cause, path)
    if known is not None:
        known.__cause__ = error
    return known


def _raise_if_ours(error: BaseException, path: str, *, lost: bool = False) -> None:
    known = _known(error, path, lost=lost)
    if known is None:
        return
    try:
        raise known
    finally:
        # A frame that keeps the error it raised is a cycle: only the collector
        # would free the two, and all that the effect had in its hands.
        del known, error


def twin(error: BaseException) -> BaseException:
    """Return a copy: one object raised on several threads mixes up their traces."""
    try:
        twin = copy.copy(error)
    except TypeError:  # a class that cannot be built from its args
        return error
    twin.__cause__ = error.__cause__
    return twin
