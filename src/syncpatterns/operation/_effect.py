"""What an operation runs inside a transaction, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Protocol

from syncpatterns._transaction import Transaction
from syncpatterns.codec import Codec, JsonCodec
from syncpatterns.errors import (
    ConfigurationError,
    ResultNotStorable,
    SyncPatternsError,
)
from syncpatterns.idempotency._core import StoredOutcome
from syncpatterns.operation._answer import Result
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
        engine: Of its records, for errors.
    """

    run: Callable[[Any, Any], Any]
    codec: Codec[Any]
    refusals: Refusals
    status: int
    engine: str


class Undoable(Transaction, Protocol):
    """A transaction whose rows can be taken back while it stays open."""

    def undo(self) -> None:
        """Take back everything written so far."""
        ...


class NotYet(Exception):
    """What was returned has not happened; only `in_words` shows it to anybody."""


def run_effect(
    tx: Undoable, effect: Effect, command: Any, operation: str, key: str
) -> Done:
    """Call the effect; a declared refusal undoes its rows and is the answer.

    Args:
        tx: Where it writes.
        effect: What to call.
        command: With what.
        operation: Whose it is, for errors.
        key: Under which storage key, for errors.
    """
    try:
        returned = effect.run(tx, command)
    except effect.refusals.classes as error:
        with _naming(effect, operation, key):
            outcome = effect.refusals.outcome(error)
        tx.undo()
        return Done(outcome)
    with _naming(effect, operation, key):
        return _done(effect, returned)


@contextmanager
def _naming(effect: Effect, operation: str, key: str) -> Generator[None]:
    """Say whose answer cannot be stored.

    Not around the effect: it may call another operation, whose error already
    names that one.
    """
    try:
        yield
    except (NotYet, ResultNotStorable) as error:
        where = f"{operation} [{key[:8]}] on {effect.engine}"
        raise in_words(error, where) from error


def in_words(error: NotYet | ResultNotStorable, where: str) -> SyncPatternsError:
    """Return *error* with the name of the action that it is about."""
    if isinstance(error, NotYet):
        return ConfigurationError(f"{where}: {error}")
    return ResultNotStorable(f"{where}: {error}")


def _done(effect: Effect, returned: Any) -> Done:
    if not isinstance(returned, Result):
        refuse_lazy(returned)
        body = effect.codec.encode(returned)
        value = _as_replayed(effect, returned, body)
        return Done(StoredOutcome("value", body, effect.status), value)
    result: Result[Any] = returned  # pyright: ignore[reportUnknownVariableType]  # isinstance knows no argument
    refuse_lazy(result.value)
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


def refuse_lazy(returned: object) -> None:
    """Refuse what has not happened yet, though it looks like a result.

    Raises:
        NotYet: A coroutine, because the effect calls an async
            function; or an iterator, which storing would use up: the first
            caller would get it empty, the second one full.
    """
    if isinstance(returned, CoroutineType):
        returned.close()  # else Python warns that it was never awaited
        raise NotYet(
            "it returned a coroutine, so nothing was done. It runs inside a "
            "transaction and cannot await: make it a plain function."
        )
    if isinstance(returned, Iterator):
        raise NotYet(
            "it returned an iterator, which can be read only once. Return a list."
        )
