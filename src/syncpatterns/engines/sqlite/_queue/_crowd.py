"""Requests that wait for the writer are stored together, each with its own answer.

A request alone costs its transaction a savepoint, a look at the queue and
statements of its own; measured with 64 tasks, 133 us of processor time an item,
and 26 us in one request of 64. So whoever finds the writer busy joins a crowd, and
the whole crowd is one job. Nobody notices: each has its own place in the order,
its own answer, its own refusal, and can withdraw for as long as the job has not
begun.

A crowd's plain items go into the tables with one statement for all keys and one
for all rows. Where that is refused (a key is known, there is too little room),
nothing is kept of it, and they are stored one after the other, each in a savepoint.
What fails in a way that only the whole transaction can answer for is tried again,
each caller alone.

Source of the idea: group commit, and the batching of a leader for its followers
that RocksDB's write groups do.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from syncpatterns._loops import Loop, current_loop
from syncpatterns._outcome import Err, Ok
from syncpatterns.engines.sqlite._queue._bulk import is_plain
from syncpatterns.engines.sqlite._writing._batch import twin
from syncpatterns.engines.sqlite._writing._jobs import Job, outcome_of
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction, apart
from syncpatterns.errors import (
    DatabaseRefused,
    DiskFull,
    EngineBusy,
    EngineClosed,
    OutcomeUnknown,
)
from syncpatterns.offline_queue._ports import EnqueueRequest

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._queue._works import Office, Work
    from syncpatterns.engines.sqlite._writing._writer import Writer

#: What a request is answered that has to be made again, by itself.
ALONE: Final = object()

#: Requests of one crowd: more would keep the others of a commit waiting.
_MOST: Final = 512
#: Errors of a transaction that each request in it would have met as well.
_FOR_ALL: Final = (DatabaseRefused, EngineBusy, EngineClosed, OutcomeUnknown)


class Waiting(Job):
    """One caller's request, and how the caller is woken."""

    __slots__ = ("loop", "request")

    def __init__(
        self,
        work: Callable[[SqliteTransaction], Any],
        request: EnqueueRequest,
        finished: Callable[[], None],
        loop: Loop | None = None,
    ) -> None:
        super().__init__(work, undoable=False, finished=finished)
        self.request = request
        self.loop = loop  # where *finished* has to be called; None: anywhere


class Crowd:
    """Where the requests of one engine meet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the crowds, and who is in them
        self._open: dict[tuple[str, bool], _Together] = {}

    def start_over(self) -> None:
        """In a forked child: whoever waits there waits in the parent."""
        self._lock = threading.Lock()
        self._open = {}

    def ask(
        self, office: Office, writer: Writer, request: EnqueueRequest, work: Work[Any]
    ) -> Any:
        """Return what the work of a request returned, or `ALONE`.

        Raises:
            EngineBusy: Its turn did not come for as long as the patience lasts.
            EngineClosed: The writer is closed; nothing was stored.
        """
        gate = threading.Lock()
        gate.acquire()
        waiting = Waiting(work.first, request, gate.release)
        self._join(office, writer, waiting, relaxed=work.relaxed)
        return writer.wait(waiting, gate)

    async def aask(
        self, office: Office, writer: Writer, request: EnqueueRequest, work: Work[Any]
    ) -> Any:
        """Do `ask` on an event loop; it waits until it is cancelled."""
        loop = current_loop()
        done = loop.flag()
        waiting = Waiting(work.first, request, done.set, loop)
        self._join(office, writer, waiting, relaxed=work.relaxed)
        return await outcome_of(waiting, done)

    def _join(
        self, office: Office, writer: Writer, waiting: Waiting, *, relaxed: bool
    ) -> None:
        writer.refuse_nested()
        key = waiting.request.queue, relaxed
        mine: _Together | None = None
        try:
            with self._lock:
                crowd = self._open.get(key)
                if crowd is None or len(crowd.members) >= _MOST:
                    crowd = mine = self._open[key] = _Together(self, key, office)
                crowd.members.append(waiting)
            if mine is not None:
                writer.submit(mine)
        except BaseException as error:
            # Nobody else would ever take those who have joined meanwhile.
            if mine is not None and mine.take():
                mine.finish(Err(error))
            raise

    def close(self, crowd: _Together, key: tuple[str, bool]) -> None:
        """Let nobody join *crowd* any more."""
        with self._lock:
            if self._open.get(key) is crowd:
                del self._open[key]


class _Together(Job):
    """All requests that were waiting when it began, as one job."""

    __slots__ = ("_crowd", "_key", "members")

    def __init__(self, crowd: Crowd, key: tuple[str, bool], office: Office) -> None:
        self.members: list[Waiting] = []
        work = partial(_store, office, key[0], self.members)
        super().__init__(work, undoable=False, finished=_nobody, relaxed=key[1])
        self._crowd = crowd
        self._key = key

    def take(self) -> bool:
        """Start with those who have not withdrawn; False if nobody is left."""
        self._crowd.close(self, self._key)
        if not super().take():
            return False
        self.members[:] = [waiting for waiting in self.members if waiting.take()]
        return bool(self.members)

    def finish(self, outcome: Ok[Any] | Err) -> None:
        """Hand each caller what is his, and wake each event loop once."""
        woken: dict[Loop, list[Callable[[], None]]] = {}
        for n, waiting in enumerate(self.members):
            answer = _answer(outcome, n, len(self.members))
            if (loop := waiting.loop) is None:
                waiting.finish(answer)
            else:
                waiting.decide(answer)
                woken.setdefault(loop, []).append(waiting.finished)
        for loop, wakes in woken.items():
            loop.later(partial(_wake, wakes))
        # A traceback may keep the list, and with it what others stored.
        self.members.clear()
        if isinstance(outcome, Ok):
            outcome.value.clear()


def _wake(wakes: list[Callable[[], None]]) -> None:
    for wake in wakes:
        wake()


def _answer(outcome: Ok[Any] | Err, n: int, of: int) -> Ok[Any] | Err:
    if isinstance(outcome, Ok):
        answer: Ok[Any] | Err = outcome.value[n]
        return answer
    if of > 1 and not isinstance(outcome.error, _FOR_ALL):
        return Ok(ALONE)
    return Err(twin(outcome.error)) if of > 1 else outcome


def _nobody() -> None:
    """Wake nobody: who waits is woken by himself."""


def _store(
    office: Office, queue: str, members: Sequence[Waiting], tx: SqliteTransaction
) -> list[Ok[Any] | Err]:
    """Store the requests of *members*, and answer each."""
    if len(members) == 1:
        return [Ok(members[0].work(tx))]  # what it raises is its own
    answers: list[Ok[Any] | Err] = []
    for plain, some in groupby(members, key=_is_plain):
        run = list(some)
        stored = _at_once(office, queue, run, tx) if plain and len(run) > 1 else None
        if stored is not None:
            answers += stored
        else:
            answers += [_one(waiting, tx) for waiting in run]
    return answers


def _is_plain(waiting: Waiting) -> bool:
    request = waiting.request
    return not request.lease > 0 and all(map(is_plain, request.items))


def _at_once(
    office: Office, queue: str, run: Sequence[Waiting], tx: SqliteTransaction
) -> list[Ok[Any] | Err] | None:
    """Store plain requests as if they were one; None if that cannot be done."""
    requests = [waiting.request for waiting in run]
    work = partial(office.enqueue_together, queue=queue, requests=requests)
    try:
        stored = apart(tx, work)
    except Exception:
        if not tx.connection.in_transaction:
            raise
        return None  # whatever it is, the one whose it is meets it again
    return None if stored is None else [Ok(answer) for answer in stored]


def _one(waiting: Waiting, tx: SqliteTransaction) -> Ok[Any] | Err:
    """Store one request after the others, in a savepoint of its own."""
    try:
        return Ok(apart(tx, waiting.work))
    except DiskFull:
        raise  # room is made for the transaction as a whole
    except Exception as error:
        if not tx.connection.in_transaction:
            raise
        if isinstance(error, sqlite3.Error):
            return Ok(ALONE)  # it is translated where it is the only one
        # Its frames would keep what the others store for as long as it is kept.
        return Err(error.with_traceback(None))
