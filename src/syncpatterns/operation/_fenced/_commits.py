"""The commits of a fenced operation: the claim with its check, and the result.

`SharedCommit` is for engines whose record and business rows share a
transaction; without one, `_separate.SeparateCommit` writes rows, then the record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from syncpatterns.errors import ConfigurationError, OutcomeUnknown
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    Owned,
    Record,
    Replay,
    State,
    StoredOutcome,
)
from syncpatterns.idempotency._ports import waits_in_place
from syncpatterns.operation._effect import Done, run_effect
from syncpatterns.operation._ports import EngineTransaction, TransactionalEngine

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._call import FencedCall

T = TypeVar("T")
Work = Callable[[EngineTransaction], T]


class Commits(Protocol):
    """What a fenced call commits, blocking and awaiting.

    Attributes:
        in_place: Its awaiting methods never have their own task cancelled.
    """

    in_place: bool

    def claim(self, call: FencedCall) -> ClaimAnswer:
        """Take the key, and check the command in the same commit."""
        ...

    async def aclaim(self, call: FencedCall) -> ClaimAnswer:
        """Do `claim` on an event loop."""
        ...

    def check(self, call: FencedCall, token: int) -> Done | None:
        """Check the command of a key that was taken over; the refusal, if any."""
        ...

    async def acheck(self, call: FencedCall, token: int) -> Done | None:
        """Do `check` on an event loop."""
        ...

    def result(self, call: FencedCall, token: int, receipt: Any) -> Done | None:
        """Write the business rows and the answer; None if *token* is stale."""
        ...

    async def aresult(self, call: FencedCall, token: int, receipt: Any) -> Done | None:
        """Do `result` on an event loop."""
        ...


class SharedCommit:
    """Rows and record in one transaction of *engine*."""

    def __init__(self, engine: TransactionalEngine) -> None:
        self._engine = engine
        self.in_place = waits_in_place(engine)

    def claim(self, call: FencedCall) -> ClaimAnswer:
        """Take the key, and check the command in the same commit."""
        return self._settled(lambda tx: _claim(tx, call))

    async def aclaim(self, call: FencedCall) -> ClaimAnswer:
        """Do `claim` on an event loop."""
        return await self._asettled(lambda tx: _claim(tx, call))

    def check(self, call: FencedCall, token: int) -> Done | None:
        """Check the command of a key that was taken over."""
        return self._settled(lambda tx: _check_again(tx, call, token))

    async def acheck(self, call: FencedCall, token: int) -> Done | None:
        """Do `check` on an event loop."""
        return await self._asettled(lambda tx: _check_again(tx, call, token))

    def result(self, call: FencedCall, token: int, receipt: Any) -> Done | None:
        """Write the business rows and the answer; None if *token* is stale."""
        return self._settled(lambda tx: _result(tx, call, token, receipt))

    async def aresult(self, call: FencedCall, token: int, receipt: Any) -> Done | None:
        """Do `result` on an event loop."""
        return await self._asettled(lambda tx: _result(tx, call, token, receipt))

    def _settled(self, work: Work[T]) -> T:
        # A commit whose answer got lost is made again: the record tells the
        # second time, by nonce or token, that it was there already.
        try:
            return self._engine.transact(work, undoable=True)
        except OutcomeUnknown:
            return self._engine.transact(work, undoable=True)

    async def _asettled(self, work: Work[T]) -> T:
        try:
            return await self._engine.atransact(work, undoable=True)
        except OutcomeUnknown:
            return await self._engine.atransact(work, undoable=True)


def _claim(tx: EngineTransaction, call: FencedCall) -> ClaimAnswer:
    # Anew for every try: a refusal whose commit failed is nobody's answer.
    call.fresh = False
    record = tx.load_record(call.key)
    if (
        record is not None
        and record.nonce == call.request.nonce
        and record.state is State.COMPLETED
        and record.outcome is not None
    ):
        # Our own refusal, whose commit's answer got lost.
        call.fresh = True
        return Replay(record.outcome, call.plan.windows.replay)
    answer, claimed = _core.decide_claim(record, call.request, tx.clock)
    if isinstance(answer, Owned) and claimed is not None and not answer.abandoned:
        refused = _refused(tx, call)
        if refused is not None:
            call.fresh = True
            _complete(tx, call, claimed, answer.token, refused)
            return Replay(refused, call.plan.windows.replay)
    if claimed is not None:
        tx.save_record(claimed)
    return answer


def _check_again(tx: EngineTransaction, call: FencedCall, token: int) -> Done | None:
    record = tx.load_record(call.key)
    if not _core.holds(record, token):
        return None  # the attempt will find that its lease is lost
    refused = _refused(tx, call)
    if refused is None:
        return None
    if not call.doubtful:
        _complete(tx, call, record, token, refused)
    return Done(refused)


def _refused(tx: EngineTransaction, call: FencedCall) -> StoredOutcome | None:
    """Return the refusal of the operation's check, if it raises one."""
    mode = call.mode
    if mode.check is None:
        return None
    tx.begin_effect(call.key[:8])
    try:
        call.look_over(mode.check(tx, call.command))
    except mode.refusals.classes as error:
        outcome = call.refused(error)
        tx.undo()
        return outcome
    return None


def _result(
    tx: EngineTransaction, call: FencedCall, token: int, receipt: Any
) -> Done | None:
    record = tx.load_record(call.key)
    if record is None or record.token != token:
        return None
    effect = call.mode.effect(receipt)
    if record.state is State.COMPLETED and record.outcome is not None:
        return Done(record.outcome, effect.codec.decode(record.outcome.body))
    if record.state is not State.IN_PROGRESS:
        return None
    tx.begin_effect(call.key[:8])
    done = run_effect(tx, effect, call.command, call.plan.operation, call.key)
    _complete(tx, call, record, token, done.outcome)
    return done


def _complete(
    tx: EngineTransaction,
    call: FencedCall,
    record: Record,
    token: int,
    outcome: StoredOutcome,
) -> None:
    finished = _core.complete(record, token, outcome, call.plan.windows, tx.clock)
    if finished is None:
        raise ConfigurationError(
            f"{call.where}: the record was changed inside its own transaction."
        )
    tx.save_record(finished)
