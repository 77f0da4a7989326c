"""One caller's work on its way through the writer, and how the caller waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from syncpatterns._loops import Flag, Loop
from syncpatterns._outcome import Err, Ok
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction

_log = logging.getLogger("syncpatterns.sqlite")


class Job:
    """Work for one transaction. *finished* is called once, on any thread."""

    __slots__ = (
        "_taken",
        "finished",
        "outcome",
        "relaxed",
        "undoable",
        "unheard",
        "work",
    )

    def __init__(
        self,
        work: Callable[[SqliteTransaction], Any],
        *,
        undoable: bool,
        finished: Callable[[], None],
        relaxed: bool = False,
    ) -> None:
        self.work = work
        self.undoable = undoable
        self.relaxed = relaxed
        self.finished = finished
        self.outcome: Ok[Any] | Err | None = None
        self.unheard = False  # the caller was cancelled when the work had begun
        self._taken = threading.Lock()

    def take(self) -> bool:
        """Start the work; False if the caller withdrew it before."""
        return self._taken.acquire(blocking=False)

    def withdraw(self) -> bool:
        """Give up waiting; True if the work had not begun and never will."""
        return self._taken.acquire(blocking=False)

    def finish(self, outcome: Ok[Any] | Err) -> None:
        """Hand over the *outcome* and wake the caller."""
        self.decide(outcome)
        self.finished()

    def decide(self, outcome: Ok[Any] | Err) -> None:
        """Hand over the *outcome*; the caller is woken later."""
        self.outcome = outcome
        if self.unheard and isinstance(outcome, Err):
            # Without its message, which may hold a person's data.
            kind = type(outcome.error).__name__
            _log.warning("sqlite: the work of a cancelled caller failed: %s", kind)

    def result(self) -> Any:
        """Return or raise the outcome where the caller stands."""
        outcome, self.outcome = self.outcome, None
        if outcome is None:
            raise RuntimeError("the job has not finished")
        if isinstance(outcome, Ok):
            return outcome.value
        # The frame of a raise stays in the exception's traceback. Without this,
        # frame and exception hold each other until the collector comes by, and
        # with them all that the effect had in its hands.
        try:
            raise outcome.error
        finally:
            del outcome


def blocking_job(
    work: Callable[[SqliteTransaction], Any], *, undoable: bool, relaxed: bool = False
) -> tuple[Job, threading.Lock]:
    """Return a job and a lock that is free once the job is done."""
    gate = threading.Lock()
    gate.acquire()
    job = Job(work, undoable=undoable, relaxed=relaxed, finished=gate.release)
    return job, gate


def loop_job(
    work: Callable[[SqliteTransaction], Any],
    *,
    undoable: bool,
    loop: Loop,
    finished: Callable[[], None],
    relaxed: bool = False,
) -> Job:
    """Return a job that calls *finished* on its caller's event loop."""
    return Job(
        work,
        undoable=undoable,
        relaxed=relaxed,
        finished=lambda: loop.later(finished),
    )


async def outcome_of(job: Job, done: Flag) -> Any:
    """Return or raise what came of a job whose *finished* sets *done*.

    A caller who is cancelled before the work began leaves nothing behind;
    cancelled later, the work still commits.
    """
    try:
        await done.wait()
    except BaseException:
        if not job.withdraw():
            job.unheard = True
        raise
    return job.result()
