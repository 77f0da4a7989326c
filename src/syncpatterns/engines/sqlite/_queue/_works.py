"""What each call of the store does inside its transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from syncpatterns.clock import Clock
from syncpatterns.engines.sqlite._queue import (
    _claims as claims,
    _hands as hands,
    _time as times,
)
from syncpatterns.engines.sqlite._queue._bulk import store_plain
from syncpatterns.engines.sqlite._queue._check import check
from syncpatterns.engines.sqlite._queue._crowd import Crowd
from syncpatterns.engines.sqlite._queue._desk import Desk, Now
from syncpatterns.engines.sqlite._queue._enqueue import enqueue
from syncpatterns.engines.sqlite._queue._looks import Looks
from syncpatterns.engines.sqlite._queue._numbers import Numbers
from syncpatterns.engines.sqlite._queue._settle import settle
from syncpatterns.engines.sqlite._writing._transaction import (
    QUEUED,
    SqliteTransaction,
    apart,
    inside,
)
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import (
    Ack,
    Durability,
    Ended,
    Enqueued,
    Finding,
    Hold,
    Item,
    Pause,
    QueueRules,
    Settled,
    Settlement,
    Staged,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, Turn

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._life import Life

T = TypeVar("T")

#: Words that a process keeps in mind.
_WORDS: Final = 1000


class Work(NamedTuple, Generic[T]):
    """One call that writes.

    Args:
        first: Runs in the transaction.
        relaxed: Its commit need not wait for the disk.
        again: Runs if the answer to the commit was lost; None if asking twice
            could not be answered like asking once.
        done: Makes the call's answer of the work's, once that is committed.
    """

    first: Callable[[SqliteTransaction], Any]
    relaxed: bool
    again: Callable[[SqliteTransaction], Any] | None
    done: Callable[[Any], T]


def _as_it_is(answer: T) -> T:
    return answer


class Office(Looks):
    """What the stores of one engine share.

    Args:
        clock: The host's clock.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.crowd = Crowd()
        self._lock = threading.Lock()  # guards the two below
        self._durability: dict[str, Durability] = {}
        self._untold: dict[str, times.Told] = {}

    def start_over(self) -> None:
        """In a forked child: the parent's lock may be held by nobody."""
        self._lock = threading.Lock()
        self.crowd.start_over()

    def start_clock(self, tx: SqliteTransaction) -> float:
        """Find out where the clock counts from."""
        return self.clock.start(tx.connection)

    def is_told(self, queue: str) -> bool:
        """Tell whether this process has been told the rules of *queue*."""
        return queue in self._durability

    def told(self, queue: str, rules: QueueRules) -> None:
        """Remember which commits of this process have to wait for the disk."""
        with self._lock:
            self._durability[queue] = rules.durability

    # ---------------------------------------------------------------- writing

    def configure(self, queue: str, rules: QueueRules) -> Work[None]:
        """Keep rules that are new."""
        work = partial(self._configure, queue=queue, rules=rules)
        return Work(work, False, work, _as_it_is)  # noqa: FBT003 - relaxed

    def configure_in(self, life: Life, tx: Any, queue: str, rules: QueueRules) -> None:
        """Keep rules that are new, in somebody's transaction.

        Raises:
            ConfigurationError: It is another engine's, or has ended.
        """
        joined = _same_engine(life, tx)
        apart(joined, partial(self._configure, queue=queue, rules=rules))
        joined.after_commit(partial(self.told, queue, rules))

    def _configure(self, tx: SqliteTransaction, queue: str, rules: QueueRules) -> None:
        inside(tx).keep_reserve()
        now = self._now(tx)
        desk = self._find(tx.connection, queue, now)
        if desk is not None and desk.rules == rules:
            return
        if desk is None:
            Desk.ruled(tx.connection, queue, rules, now)
        else:
            hands.keep_rules(desk, rules)
        inside(tx).news |= QUEUED

    def enqueue(self, request: EnqueueRequest) -> Work[list[Enqueued]]:
        """Store items in a transaction of their own."""
        work = partial(self._enqueue, request)
        relaxed = self._durability.get(request.queue) == "normal"
        return Work(work, relaxed, work, self._learned)

    def _learned(self, answer: tuple[Desk | None, list[Enqueued]]) -> list[Enqueued]:
        """Keep the words of a transaction that is committed."""
        desk, stored = answer
        if desk is not None and desk.numbers:
            with self._lock:
                known = {**self._numbers, **desk.numbers}
                self._numbers = dict(list(known.items())[-_WORDS:])
                self._words = {number: word for word, number in self._numbers.items()}
        return stored

    def enqueue_in(
        self, life: Life, tx: Any, request: EnqueueRequest
    ) -> list[Enqueued]:
        """Store items in somebody's transaction.

        Raises:
            ConfigurationError: It is another engine's, or has ended.
        """
        joined = _same_engine(life, tx)
        return apart(joined, partial(self._enqueue, request))[1]

    def _enqueue(
        self, request: EnqueueRequest, tx: SqliteTransaction
    ) -> tuple[Desk | None, list[Enqueued]]:
        if not request.items:
            return None, []
        desk, numbers = self._to_fill(tx, request.queue)
        stored = enqueue(desk, request, numbers)
        inside(tx).news |= QUEUED
        return desk, stored

    def _to_fill(self, tx: SqliteTransaction, queue: str) -> tuple[Desk, Numbers]:
        """Return where new items go: into a queue of its own if nobody made it."""
        inside(tx).require_room()
        now = self._now(tx)
        found = Desk.find_to_fill(tx.connection, queue, now)
        if found is None:
            desk = Desk.ruled(tx.connection, queue, QueueRules(), now)
            return desk, Numbers(desk)
        desk, counts = found
        self._lend_words(desk)
        return desk, Numbers(desk, counts)

    def enqueue_together(
        self, tx: SqliteTransaction, queue: str, requests: Sequence[EnqueueRequest]
    ) -> list[tuple[Desk | None, list[Enqueued]]] | None:
        """Store plain requests as if they were one; None if that cannot be done.

        The answers are those of `enqueue`, before `Work.done`.
        """
        desk, numbers = self._to_fill(tx, queue)
        items = [new for request in requests for new in request.items]
        stored = store_plain(desk, items, numbers)
        if stored is None:
            return None
        inside(tx).news |= QUEUED
        left = iter(stored)
        return [(desk, list(islice(left, len(each.items)))) for each in requests]

    def claim(self, request: ClaimRequest) -> Work[list[Item] | None]:
        """Take items; None if time has more to do first: ask again."""

        def work(tx: SqliteTransaction) -> tuple[times.Told | None, list[Item] | None]:
            inside(tx).draining = True
            found = self._in_time(tx, request.queue)
            return (None, []) if found is None else _claimed(tx, *found, request)

        def done(
            answer: tuple[times.Told | None, list[Item] | None],
        ) -> list[Item] | None:
            told, items = answer
            if told:
                self._keep(request.queue, told)
            return items

        return Work(work, self._relaxed(request.queue), work, done)

    def settle_and_claim(
        self, request: ClaimRequest, settlements: Sequence[Settlement]
    ) -> Work[Turn]:
        """Settle, and take items in the same transaction."""
        queue = request.queue

        def work(
            tx: SqliteTransaction, *, again: bool = False
        ) -> tuple[times.Told | None, Turn]:
            inside(tx).draining = True
            found = self._in_time(tx, queue)
            if found is None:
                return None, Turn([_stale(said) for said in settlements], [])
            settled = _settled(found[0], tx, settlements, again=again)
            if not all(isinstance(said, Ack) for said in settlements):
                # What went back may be past its age, and what took its place may
                # have parents; an Ack leaves nothing behind that time acts on.
                found = self._in_time(tx, queue) or found
            told, items = _claimed(tx, *found, request)
            return told, Turn(settled, items or [])

        def done(answer: tuple[times.Told | None, Turn]) -> Turn:
            told, turn = answer
            if told:
                self._keep(queue, told)
            return turn

        again = partial(work, again=True)
        return Work(work, self._relaxed(queue), again, done)

    def stage(self, queue: str) -> Work[Staged | None]:
        """Let time pass; None if there is more of it."""

        def work(tx: SqliteTransaction) -> tuple[times.Told, float | None]:
            inside(tx).draining = True
            told = times.Told()
            found = self._in_time(tx, queue)
            if found is None:
                return told, float("inf")
            desk, due = found
            all_done = not due or times.advance(desk, told)
            if all_done:
                times.end_pauses(desk, told)
            if told:
                inside(tx).news |= QUEUED
            return told, times.next_due(desk) if all_done else None

        def done(answer: tuple[times.Told, float | None]) -> Staged | None:
            told, next_due = answer
            self._keep(queue, told)
            return None if next_due is None else self._tell(queue).staged(next_due)

        return Work(work, self._relaxed(queue), work, done)

    def extend(
        self, queue: str, holds: Sequence[Hold], lease: float
    ) -> Work[list[Hold]]:
        """Move leases."""

        def work(desk: Desk, _: SqliteTransaction) -> list[Hold]:
            return claims.extend(desk, holds, lease)

        return self._at(queue, work, [])

    def settle(
        self, queue: str, settlements: Sequence[Settlement]
    ) -> Work[list[Settled]]:
        """Settle items in a transaction of its own."""
        work = partial(self._settle, queue=queue, settlements=settlements)
        again = partial(work, again=True)
        return Work(work, self._relaxed(queue), again, _as_it_is)

    def settle_in(
        self,
        life: Life,
        tx: Any,
        queue: str,
        settlements: Sequence[Settlement],
    ) -> list[Settled]:
        """Settle items in somebody's transaction.

        Raises:
            ConfigurationError: It is another engine's, or has ended.
        """
        joined = _same_engine(life, tx)
        work = partial(self._settle, queue=queue, settlements=settlements)
        return apart(joined, work)

    def _settle(
        self,
        tx: SqliteTransaction,
        queue: str,
        settlements: Sequence[Settlement],
        *,
        again: bool = False,
    ) -> list[Settled]:
        inside(tx).draining = True
        desk = self._find(tx.connection, queue, self._now(tx))
        if desk is None:
            return [_stale(said) for said in settlements]
        return _settled(desk, tx, settlements, again=again)

    def pause(self, queue: str, target: str, seconds: float, reason: str) -> Work[None]:
        """Stop claims."""

        def work(tx: SqliteTransaction) -> None:
            inside(tx).draining = True
            desk = Desk.make(tx.connection, queue, self._now(tx))
            if hands.pause(desk, target, seconds, reason):
                inside(tx).news |= QUEUED

        return Work(work, self._relaxed(queue), work, _as_it_is)

    def resume(self, queue: str, target: str) -> Work[list[Pause]]:
        """End pauses."""

        def work(desk: Desk, tx: SqliteTransaction) -> list[Pause]:
            inside(tx).news |= QUEUED
            return hands.resume(desk, target)

        return self._by_hand(queue, work)

    def requeue(
        self, queue: str, seqs: Sequence[int], *, tail: bool
    ) -> Work[list[int]]:
        """Let items run again."""

        def work(desk: Desk, tx: SqliteTransaction) -> list[int]:
            inside(tx).news |= QUEUED
            return hands.requeue(desk, seqs, tail=tail)

        return self._by_hand(queue, work)

    def discard(self, queue: str, seqs: Sequence[int]) -> Work[list[Ended]]:
        """End DEAD or PARKED items."""

        def work(desk: Desk, tx: SqliteTransaction) -> list[Ended]:
            inside(tx).news |= QUEUED
            return hands.discard(desk, seqs)

        return self._by_hand(queue, work)

    def sent_before_in(
        self, life: Life, tx: Any, queue: str, seq: int, at: float
    ) -> None:
        """Keep when an imported item was first sent, in somebody's transaction.

        Raises:
            ConfigurationError: It is another engine's, or has ended.
        """

        def work(inner: SqliteTransaction) -> None:
            desk = self._find(inner.connection, queue, self._now(inner))
            if desk is not None:
                hands.sent_before(desk, seq, at)

        apart(_same_engine(life, tx), work)

    def cancel(self, queue: str, seqs: Sequence[int]) -> Work[list[Ended]]:
        """End items that nobody holds."""

        def work(desk: Desk, tx: SqliteTransaction) -> list[Ended]:
            inside(tx).news |= QUEUED
            return hands.cancel(desk, seqs)

        return self._by_hand(queue, work)

    def purge(self, queue: str, limit: int) -> Work[int]:
        """Forget outcomes."""
        return self._at(queue, lambda desk, _: hands.purge(desk, limit), 0)

    def repair(self, queue: str) -> Work[list[Finding]]:
        """Put right what does not fit."""

        def work(desk: Desk, tx: SqliteTransaction) -> list[Finding]:
            inside(tx).news |= QUEUED
            return check(desk, repair=True)

        return self._at(queue, work, [])

    # ----------------------------------------------------------------- inside

    def _in_time(self, tx: SqliteTransaction, queue: str) -> tuple[Desk, bool] | None:
        found = Desk.find_in_time(tx.connection, queue, self._now(tx))
        if found is not None:
            self._lend_words(found[0])
        return found

    def _now(self, tx: SqliteTransaction) -> Now:
        return Now(self.clock.now(tx.connection), self._host.time())

    def _relaxed(self, queue: str) -> bool:
        return self._durability.get(queue, "full") != "full"

    def _at(
        self,
        queue: str,
        work: Callable[[Desk, SqliteTransaction], T],
        otherwise: T,
    ) -> Work[T]:
        """Work on a queue that is there."""

        def at_desk(tx: SqliteTransaction) -> T:
            inside(tx).draining = True
            desk = self._find(tx.connection, queue, self._now(tx))
            return otherwise if desk is None else work(desk, tx)

        return Work(at_desk, self._relaxed(queue), at_desk, _as_it_is)

    def _by_hand(
        self, queue: str, work: Callable[[Desk, SqliteTransaction], list[T]]
    ) -> Work[list[T]]:
        """Work whose answer names what changed: asked again, it would be empty."""
        nothing: list[T] = []
        return self._at(queue, work, nothing)._replace(again=None)

    def _keep(self, queue: str, told: times.Told) -> None:
        with self._lock:
            self._untold.setdefault(queue, times.Told()).add(told)

    def _tell(self, queue: str) -> times.Told:
        with self._lock:
            return self._untold.pop(queue, times.Told())


def _settled(
    desk: Desk,
    tx: SqliteTransaction,
    settlements: Sequence[Settlement],
    *,
    again: bool,
) -> list[Settled]:
    """Settle each, apart from the others."""
    settled = [settle(desk, said, again=again) for said in settlements]
    if any(each.accepted for each in settled):
        inside(tx).news |= QUEUED
    return settled


def _stale(said: Settlement) -> Settled:
    return Settled(False, said.hold.seq)  # noqa: FBT003 - accepted


def _claimed(
    tx: SqliteTransaction,
    desk: Desk,
    due: bool,  # noqa: FBT001 - as `Desk.find_in_time` says it
    request: ClaimRequest,
) -> tuple[times.Told | None, list[Item] | None]:
    """Let time pass, and take items; None if time has more to do than fits."""
    told: times.Told | None = None
    if due:
        inside(tx).news |= QUEUED
        told = times.Told()
        if not times.advance(desk, told):
            return told, None
    return told, claims.claim(desk, request)


def _same_engine(life: Life, tx: Any) -> SqliteTransaction:
    if isinstance(tx, SqliteTransaction) and life.owns(tx):
        return tx
    raise ConfigurationError(
        "sqlite: tx= takes the open transaction of the engine that holds the queue, "
        f"as an effect gets it, not {type(tx).__name__} of something else. Nothing "
        "was stored. Make the queue and the operation with one and the same engine."
    )
