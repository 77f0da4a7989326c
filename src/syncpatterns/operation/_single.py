"""Mode single: one transaction holds claim, effect, events and answer.

The record is written once, at the end: until the commit nobody else can see a
claim anyway, because SQLite has one writer. The functions here run inside the
transaction and do no I/O but through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CoroutineType
from typing import Any

from syncpatterns import _testpoints
from syncpatterns.codec import Codec, JsonCodec
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Owned,
    StoredOutcome,
    complete,
    decide_claim,
)
from syncpatterns.operation._answer import Result
from syncpatterns.operation._ports import EngineTransaction
from syncpatterns.operation._refusals import Refusals


@dataclass(frozen=True, slots=True)
class Done:
    """The effect ran in this call; *value* is what it returned, if it did."""

    outcome: StoredOutcome
    value: Any = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What one operation does, apart from when and how often.

    Args:
        run: The user's function.
        codec: How its result is stored.
        refusals: Which of its exceptions are answers.
        status: HTTP status of a result that names none.
    """

    run: Callable[[Any, Any], Any]
    codec: Codec[Any]
    refusals: Refusals
    status: int


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
    done = _run(tx, effect, command)
    _testpoints.hit("single.after_effect")
    finished = complete(claimed, answer.token, done.outcome, request.windows, tx.clock)
    if finished is None:
        raise ConfigurationError(
            f"The effect of {request.operation} changed its own idempotency record."
        )
    tx.save_record(finished)
    _testpoints.hit("single.before_commit")
    return done


def _run(tx: EngineTransaction, effect: Effect, command: Any) -> Done:
    try:
        returned = effect.run(tx, command)
    except effect.refusals.classes as error:
        outcome = effect.refusals.outcome(error)
        tx.undo()
        return Done(outcome)
    if not isinstance(returned, Result):
        _refuse_lazy(returned)
        body = effect.codec.encode(returned)
        value = _as_replayed(effect, returned, body)
        return Done(StoredOutcome("value", body, effect.status), value)
    result: Result[Any] = returned  # pyright: ignore[reportUnknownVariableType]  # isinstance knows no argument
    _refuse_lazy(result.value)
    body = effect.codec.encode(result.value)
    headers = tuple(result.headers.items())
    value = _as_replayed(effect, result.value, body)
    return Done(StoredOutcome("value", body, result.status, headers), value)


def _as_replayed(effect: Effect, value: Any, body: bytes) -> Any:
    """Return what a replay will give, where no annotation says what that is.

    Plain JSON knows no tuples: the first caller would get (1, 2), all later
    ones [1, 2].
    """
    return effect.codec.decode(body) if type(effect.codec) is JsonCodec else value


def _refuse_lazy(returned: object) -> None:
    """Refuse what has not happened yet, though it looks like a result.

    Raises:
        ConfigurationError: A coroutine, because the effect calls an async
            function; or an iterator, which storing would use up: the first
            caller would get it empty, the second one full.
    """
    if isinstance(returned, CoroutineType):
        returned.close()  # else Python warns that it was never awaited
        raise ConfigurationError(
            "The effect returned a coroutine, so nothing was done. It runs inside a "
            "transaction and cannot await: make it a plain function."
        )
    if isinstance(returned, Iterator):
        raise ConfigurationError(
            "The effect returned an iterator, which can be read only once. Return a "
            "list."
        )


def _decoded(effect: Effect, outcome: StoredOutcome) -> Any:
    return None if outcome.kind == "refusal" else effect.codec.decode(outcome.body)
