"""What an operation is checked for when it is declared."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

from syncpatterns._http import MAX_KEY_LENGTH
from syncpatterns.codec import Codec, JsonCodec, codec_for
from syncpatterns.errors import ConfigurationError, KeyInvalid, KeyMissing
from syncpatterns.idempotency._core import Windows
from syncpatterns.operation._answer import Result
from syncpatterns.operation._ports import TransactionalEngine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


def checked_name(name: object) -> str:
    """Return *name*; it is stored, logged and used as a metrics label.

    Raises:
        ConfigurationError: It has other characters or is too long.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"An operation's name is 1 to 100 of A-Z a-z 0-9 _ . : -, such as "
            f"'bookings.confirm'; got {name!r}."
        )
    return name


def checked_engine(name: str, engine: object) -> TransactionalEngine:
    """Return *engine* if it can hold effect and record in one commit.

    Raises:
        ConfigurationError: It cannot.
    """
    if not isinstance(engine, TransactionalEngine):
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
    call = _function_of(effect)
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
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


def _function_of(effect: Callable[..., Any]) -> Any:
    """Return the function behind a partial or a callable object."""
    if isinstance(effect, functools.partial):
        return _function_of(effect.func)
    return effect if inspect.isroutine(effect) else type(effect).__call__


def result_codec(name: str, effect: Callable[..., Any]) -> Codec[Any]:
    """Return the codec for what *effect* is annotated to return.

    Raises:
        ConfigurationError: The annotation names something unknown, or a type
            without a JSON form.
    """
    target = _function_of(effect)
    if "return" not in getattr(target, "__annotations__", {}):
        return JsonCodec()
    try:
        annotation = get_type_hints(target).get("return", Any)
    except (NameError, TypeError) as error:
        raise ConfigurationError(
            f"{name}: the effect's return annotation cannot be read ({error}). Name a "
            "type that is known in its module, or pass codec=."
        ) from error
    if annotation is Result or get_origin(annotation) is Result:
        (annotation,) = get_args(annotation) or (Any,)
    try:
        return codec_for(annotation)
    except TypeError as error:
        raise ConfigurationError(f"{name}: {error}") from error


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
    text = _stable(key)
    if text is None:
        raise KeyInvalid(
            f"{name}: a {type(key).__name__} is no idempotency key. Use text, a "
            "number, a UUID, a date, a Decimal or an Enum."
        )
    if not 1 <= len(text) <= MAX_KEY_LENGTH:
        raise KeyInvalid(
            f"{name}: the idempotency key must have 1 to {MAX_KEY_LENGTH} characters; "
            f"this one has {len(text)}."
        )
    return text


def _stable(key: object) -> str | None:
    if isinstance(key, Enum):
        return _stable(key.value)
    if isinstance(key, bool) or not isinstance(key, str | int | UUID | Decimal | date):
        return None
    return key.isoformat() if isinstance(key, date | datetime) else str(key)


def checked_scope(name: str, scope: object) -> str:
    """Return *scope*, who the key belongs to.

    Raises:
        ConfigurationError: It is empty or no text: keys of two tenants would meet.
    """
    if not isinstance(scope, str) or not scope:
        raise ConfigurationError(
            f"{name}: scope= says whose key it is, such as the tenant's id, and must "
            "be text. Say scope=SINGLE_TENANT if there is one tenant only."
        )
    return scope


def checked_status(name: str, status: object) -> int:
    """Return *status* if a success can have it.

    Raises:
        ConfigurationError: It is not 200 to 399.
    """
    if type(status) is not int or not 200 <= status <= 399:  # noqa: PLR2004 - HTTP's own figures
        raise ConfigurationError(f"{name}: status= must be 200 to 399.")
    return status


def checked_windows(name: str, windows: Windows) -> Windows:
    """Return *windows* if they can be kept.

    Raises:
        ConfigurationError: Negative, not finite, or forgotten before replayed.
    """
    if not 0 < windows.replay <= windows.dedupe < float("inf"):
        raise ConfigurationError(
            f"{name}: windows must be 0 < replay <= dedupe, in seconds; got "
            f"replay={windows.replay:g}, dedupe={windows.dedupe:g}."
        )
    return windows
