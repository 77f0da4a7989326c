"""Mode single: one transaction holds claim, effect, events and answer.

The record is written once, at the end: until the commit nobody else can see a
claim anyway, because SQLite has one writer. The functions here run inside the
transaction and do no I/O but through it.
"""

from __future__ import annotations

from typing import Any

from syncpatterns import _testpoints
from syncpatterns.codec import Codec
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Owned,
    StoredOutcome,
    complete,
    decide_claim,
)
from syncpatterns.operation import _wiring
from syncpatterns.operation._answer import Answer
from syncpatterns.operation._effect import Done, Effect, run_effect
from syncpatterns.operation._ports import EngineTransaction, TransactionalEngine
from syncpatterns.operation._rendering import Answers
from syncpatterns.retry import Retry
from syncpatterns.retry._retry import about


def attempt(
    tx: EngineTransaction, effect: Effect, command: Any, request: ClaimRequest
) -> Done | ClaimAnswer:
    """Run *effect* under the key, or say why not; for one transaction."""
    _testpoints.hit("single.before_claim")
    record = tx.load_record(request.key)
    if record is not None and record.nonce == request.nonce and record.outcome:
        # Our own commit, whose answer got lost on the way back: also when its
        # replay window was over before we could ask.
        return Done(record.outcome, _decoded(effect, record.outcome))
    answer, claimed = decide_claim(record, request, tx.clock)
    if not isinstance(answer, Owned) or claimed is None:
        return answer
    _testpoints.hit("single.after_claim")
    tx.begin_effect(request.key[:8])
    done = run_effect(tx, effect, command, request.operation, request.key)
    _testpoints.hit("single.after_effect")
    finished = complete(claimed, answer.token, done.outcome, request.windows, tx.clock)
    if finished is None:
        raise ConfigurationError(
            f"The effect of {request.operation} changed its own idempotency record."
        )
    tx.save_record(finished)
    _testpoints.hit("single.before_commit")
    return done


def _decoded(effect: Effect, outcome: StoredOutcome) -> Any:
    return None if outcome.kind == "refusal" else effect.codec.decode(outcome.body)


class SingleMode:
    """The calls of one operation whose effect and record share a commit.

    Args:
        engine: Where the transaction is.
        effect: What it does.
        retry: What is tried again around the whole transaction; None: nothing.
        answers: Renders what comes out.
    """

    kind = "single"
    guarantee = "exactly_once"

    def __init__(
        self,
        engine: TransactionalEngine,
        effect: Effect,
        retry: Retry | None,
        answers: Answers,
    ) -> None:
        self._engine = engine
        self._effect = effect
        self._retry = retry
        self._answers = answers
        self._undoable = bool(effect.refusals.classes)

    @property
    def result_codec(self) -> Codec[Any]:
        """How its results are stored."""
        return self._effect.codec

    def command_codec(self, name: str) -> Codec[Any]:
        """Return how a command is kept while it waits in a queue."""
        return _wiring.command_codec(name, self._effect.run, position=1)

    def call(self, command: Any, request: ClaimRequest) -> Answer[Any]:
        """Do it on this thread."""

        def once() -> Done | ClaimAnswer:
            return self._engine.transact(
                lambda tx: attempt(tx, self._effect, command, request),
                undoable=self._undoable,
            )

        retry = self._retry_of(request)
        settled = once() if retry is None else retry.call(once)
        return self._answer(settled, request)

    async def acall(self, command: Any, request: ClaimRequest) -> Answer[Any]:
        """Do it from an event loop; the effect runs on the engine's thread."""

        async def once() -> Done | ClaimAnswer:
            return await self._engine.atransact(
                lambda tx: attempt(tx, self._effect, command, request),
                undoable=self._undoable,
            )

        retry = self._retry_of(request)
        settled = await once() if retry is None else await retry.acall(once)
        return self._answer(settled, request)

    def _retry_of(self, request: ClaimRequest) -> Retry | None:
        if self._retry is None:
            return None
        return about(self._retry, *self._answers.about(request))

    def _answer(
        self, settled: Done | ClaimAnswer, request: ClaimRequest
    ) -> Answer[Any]:
        _testpoints.hit("single.after_commit")
        if isinstance(settled, Done):
            return self._answers.done(settled, request)
        return self._answers.known(settled, request)
