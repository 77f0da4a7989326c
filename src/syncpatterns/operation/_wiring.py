"""What an operation is checked for when it is declared."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from types import UnionType
from typing import Any, Final, Union, cast, get_args, get_origin

from syncpatterns._functions import function_of, is_async
from syncpatterns._http import MAX_KEY_LENGTH
from syncpatterns.codec import (
    Codec,
    JsonCodec,
    annotation_of,
    codec_for,
    return_annotation,
)
from syncpatterns.errors import (
    ConfigurationError,
    KeyInvalid,
    KeyMissing,
    NotExecuted,
)
from syncpatterns.idempotency import _keys
from syncpatterns.idempotency._core import Windows
from syncpatterns.operation._answer import Result
from syncpatterns.operation._ports import TransactionalEngine
from syncpatterns.retry import Retry
from syncpatterns.retry._retry import judges_values

#: The key under which a record is stored, as `Unsettled.key` shows it.
STORAGE_KEY: Final = re.compile(r"[0-9a-f]{64}")


def checked_engine(name: str, engine: object) -> TransactionalEngine:
    """Return *engine* if it can hold effect and record in one commit.

    Raises:
        ConfigurationError: It cannot.
    """
    if isinstance(engine, type) or not isinstance(engine, TransactionalEngine):
        kind = getattr(engine, "name", type(engine).__name__)
        raise ConfigurationError(
            f"{name}: the engine {kind!r} has no transaction that could hold the "
            "effect and its record in one commit. Use sqlite:///file.db, or "
            "@idempotent for an effect outside a database."
        )
    return engine


def checked_effect(name: str, effect: object) -> Callable[[Any, Any], Any]:
    """Return *effect* if it is a plain function of (tx, command).

    Raises:
        ConfigurationError: It is a coroutine or generator function, or takes
            other arguments.
    """
    if not callable(effect):
        raise ConfigurationError(f"{name}: effect= takes a function, not {effect!r}.")
    call = function_of(effect)
    if is_async(effect) or inspect.isasyncgenfunction(call):
        raise ConfigurationError(
            f"{name}: the effect runs inside a SQLite transaction, on the writer's "
            "thread, and cannot await. Make it a plain function; do network calls "
            "before or after the operation."
        )
    if inspect.isgeneratorfunction(call):
        raise ConfigurationError(
            f"{name}: the effect is a generator; its body would never run. Return "
            "the result instead."
        )
    try:
        inspect.signature(effect).bind(object(), object())
    except TypeError as error:
        raise ConfigurationError(
            f"{name}: the effect is called as effect(tx, command): {error}."
        ) from error
    except ValueError:  # a builtin without a signature: it will say so when called
        pass
    return effect


def result_codec(name: str, effect: Callable[..., Any]) -> Codec[Any]:
    """Return the codec for what *effect* is annotated to return.

    Raises:
        ConfigurationError: The annotation names something unknown, or a type
            without a JSON form.
    """
    target = inspect.unwrap(function_of(effect))
    annotations = getattr(target, "__annotations__", {})
    if "return" not in annotations:
        return JsonCodec()
    try:
        annotation = return_annotation(target)
    except Exception as error:
        raise ConfigurationError(
            f"{name}: the effect's return annotation cannot be read ({error}). Name a "
            "type that is known in its module, or pass codec=."
        ) from error
    try:
        return codec_for(_without_result(annotation))
    except TypeError as error:
        raise ConfigurationError(f"{name}: {error}") from error


def _without_result(annotation: Any) -> Any:
    """Return R for Result[R], also inside a union."""
    origin = get_origin(annotation)
    if annotation is Result or origin is Result:
        (inner,) = get_args(annotation) or (Any,)
        return inner
    if origin in (Union, UnionType):
        return Union[tuple(_without_result(each) for each in get_args(annotation))]  # noqa: UP007 - built at run time
    return annotation


def key_text(name: str, key: object) -> str:
    """Return *key* as stable text.

    Raises:
        KeyMissing: It is None.
        KeyInvalid: It is empty, over 255 characters, or of an unstable type.
    """
    if key is None:
        raise KeyMissing(
            f"{name}: an idempotency key is required. Mint one where the person "
            "acts, and send the same one with every retry."
        )
    text = _keys.key_text(name, key)
    if len(text) > MAX_KEY_LENGTH:
        raise KeyInvalid(
            f"{name}: the idempotency key must have 1 to {MAX_KEY_LENGTH} characters; "
            f"this one has {len(text)}. Send a UUID, or a hash of what identifies it."
        )
    return text


def checked_windows(name: str, windows: object) -> Windows:
    """Return *windows* if an answer can be replayed at all.

    Raises:
        ConfigurationError: No `Windows`, or a replay window of nothing.
    """
    if not isinstance(windows, Windows) or not windows.replay > 0:
        raise ConfigurationError(
            f"{name}: windows= takes Windows(replay=, dedupe=) with 0 < replay <= "
            f"dedupe, in seconds; got {windows!r}."
        )
    return windows


def checked_derivation(name: str, key: object) -> Callable[[Any], object] | None:
    """Return *key* if it is None or a plain function of the command.

    Raises:
        ConfigurationError: It is a key itself, or an async function.
    """
    if key is None:
        return None
    if not callable(key) or is_async(key):
        raise ConfigurationError(
            f"{name}: key= takes a plain function that derives the key from the "
            "command. The key of one call is given to call() or acall()."
        )
    return key


def checked_retry(name: str, retry: object) -> Retry | None:
    """Return *retry* if it is a `Retry` or None.

    Raises:
        ConfigurationError: It is something else.
    """
    if retry is not None and not isinstance(retry, Retry):
        raise ConfigurationError(
            f"{name}: retry= takes a Retry(on=...) or None, not {retry!r}."
        )
    return retry


def checked_repeats(name: str, retry: object) -> Retry | None:
    """Return *retry* if it repeats nothing that has been done.

    Raises:
        ConfigurationError: It judges what was returned, or is no `Retry`.
    """
    found = checked_retry(name, retry)
    if found is not None and judges_values(found):
        raise ConfigurationError(
            f"{name}: retry= judges returned values, with result= or in on=. What was "
            "returned is the answer of a call that was done, and to repeat it would do "
            "it twice. Raise NotSent for an answer that means: not now."
        )
    return found


def checked_namespace(name: str, namespace: object) -> str:
    """Return *namespace* if it is text.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(namespace, str):
        raise ConfigurationError(f"{name}: namespace= must be text.")
    return namespace


def checked_function(
    name: str, argument: str, function: object, takes: str
) -> Callable[..., Any]:
    """Return *function* if it can be called with what *takes* names.

    Raises:
        ConfigurationError: It cannot.
    """
    if not callable(function) or inspect.isclass(function):
        raise ConfigurationError(
            f"{name}: {argument}= takes a function of ({takes}), not {function!r}."
        )
    call = function_of(function)
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise ConfigurationError(
            f"{name}: {argument}= is a generator; its body would never run. Return "
            "the result instead."
        )
    try:
        inspect.signature(function).bind(*[object() for _ in takes.split(",")])
    except TypeError as error:
        raise ConfigurationError(
            f"{name}: {argument}= is called as {argument}({takes}): {error}."
        ) from error
    except ValueError:  # a builtin without a signature: it will say so when called
        pass
    return function


def optional_function(
    name: str, argument: str, function: object, takes: str
) -> Callable[..., Any] | None:
    """Return *function*, checked, or None if none was given."""
    if function is None:
        return None
    return checked_function(name, argument, function, takes)


def command_codec(
    name: str, call: Callable[..., Any], *, position: int = 0
) -> Codec[Any]:
    """Return the codec for the command that *call* is annotated to take.

    Args:
        name: Of the operation.
        call: Takes the command.
        position: Which of its parameters that is.

    Raises:
        ConfigurationError: The annotation names a type without a JSON form.
    """
    target = inspect.unwrap(function_of(call))
    try:
        command = list(inspect.signature(call).parameters)[position]
        annotation = annotation_of(target, command)
    except (LookupError, ValueError):
        return JsonCodec()  # it says nothing: a plain JSON value
    except Exception as error:
        raise ConfigurationError(
            f"{name}: the annotation of the command cannot be read ({error}). Name a "
            "type that is known in the module of call=."
        ) from error
    try:
        return codec_for(annotation)
    except TypeError as error:
        raise ConfigurationError(f"{name}: {error}") from error


def checked_abandoned(name: str, on_abandoned: object) -> None:
    """Refuse a word that means nothing, also where a lookup leaves it unused.

    Raises:
        ConfigurationError: It is neither of the two.
    """
    if on_abandoned not in ("rerun", "quarantine"):
        raise ConfigurationError(
            f"{name}: on_abandoned= takes 'quarantine' or 'rerun', not "
            f"{on_abandoned!r}. A function that looks is lookup=."
        )


def checked_breaker(name: str, breaker: object) -> Any:
    """Return *breaker* if it can guard blocking and awaiting calls.

    Raises:
        ConfigurationError: It is no `CircuitBreaker`.
    """
    guards = hasattr(breaker, "call") and hasattr(breaker, "acall")
    if breaker is None or (guards and not inspect.isclass(breaker)):
        return breaker
    raise ConfigurationError(
        f"{name}: breaker= takes a syncpatterns.CircuitBreaker, not {breaker!r}."
    )


def checked_timeout(name: str, seconds: object) -> float | None:
    """Return *seconds* if it is None or a number above 0.

    Raises:
        ConfigurationError: It is not; with 0 no call could ever be answered.
    """
    if seconds == 0:
        raise ConfigurationError(
            f"{name}: timeout=0 would end every call before its answer. Give seconds "
            "above 0, or None for no time-out."
        )
    return checked_seconds(name, "timeout", seconds)


def checked_seconds(name: str, argument: str, seconds: object) -> float | None:
    """Return *seconds* if it is None or a number from 0 on.

    Raises:
        ConfigurationError: It is not.
    """
    if seconds is None:
        return None
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 <= cast("float", seconds) < math.inf:
        raise ConfigurationError(
            f"{name}: {argument}= takes seconds, 0 or more; not {seconds!r}."
        )
    return float(cast("float", seconds))


def checked_answers(name: str, refusals: tuple[type[Exception], ...]) -> None:
    """Refuse a declared refusal that would take in what is no answer.

    Raises:
        ConfigurationError: One is so wide that a time-out would be stored as
            the provider's answer, or says that nothing happened, so that there
            is nothing to store.
    """
    for cls in refusals:
        if issubclass(NotExecuted, cls) or issubclass(cls, NotExecuted):
            raise ConfigurationError(
                f"{name}: {cls.__name__} in refusals= would be stored as the "
                "provider's answer. Name the exceptions with which it says no; "
                "NotExecuted, and what it is a kind of, mean that it was not asked."
            )
