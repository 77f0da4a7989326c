"""One decorated function: from its arguments to a call of its guard."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from syncpatterns._functions import function_of
from syncpatterns._http import RequestKey
from syncpatterns.codec import Codec, codec_for, return_annotation
from syncpatterns.errors import ConfigurationError, ResultNotStorable
from syncpatterns.idempotency._arguments import Arguments
from syncpatterns.idempotency._base import GuardBase
from syncpatterns.idempotency._call import Call, Plan, Port
from syncpatterns.idempotency._core import Windows
from syncpatterns.idempotency._fingerprint import fingerprint
from syncpatterns.idempotency._keys import checked_scope
from syncpatterns.idempotency._wiring import (
    checked_operation,
    checked_plain,
    plan_for,
)


class Wanted(NamedTuple):
    """What `idempotent` was told."""

    key: Callable[..., object] | str
    scope: str | Callable[..., str]
    operation: str | None
    windows: Windows | None
    store_exceptions: tuple[type[Exception], ...]
    codec: Codec[Any] | None
    fingerprint: Callable[..., object] | None


class GuardedFunction:
    """A function, and how its key, scope, payload and result type are found.

    Raises:
        TypeError: It is no function, a generator function or a class.
        ConfigurationError: Key, scope, name or result type cannot work.
    """

    def __init__(
        self, guard: GuardBase, wanted: Wanted, function: Any, *, drop_first: bool
    ) -> None:
        refuse_what_cannot_run_once(function)
        self._function = function
        self._operation = checked_operation(
            _name_of(function) if wanted.operation is None else wanted.operation
        )
        self._fingerprint = wanted.fingerprint
        if self._fingerprint is not None:
            checked_plain(self._operation, "fingerprint", self._fingerprint)
        self._arguments = Arguments(function, drop_first=drop_first)
        self._find_key = self._key_finder(wanted.key)
        self._scope = wanted.scope
        if callable(wanted.scope):
            checked_plain(self._operation, "scope", wanted.scope)
        else:
            checked_scope(self._operation, wanted.scope)
        # Nobody chose a key that was derived from arguments, so nobody knows
        # to mint another: after the window the same arguments are new.
        replay = guard.policy.windows.replay
        self._make_plan = functools.partial(
            plan_for,
            self._operation,
            windows=(
                Windows(replay, replay) if wanted.windows is None else wanted.windows
            ),
            exceptions=wanted.store_exceptions,
        )
        self._plan = self._plan_with(wanted.codec)

    def prepare(
        self, guard: GuardBase, port: Port, args: tuple[Any, ...], kwargs: Any
    ) -> Call:
        """Return the call of *guard* for these arguments."""
        function = self._function
        bound = self._arguments.bind(args, kwargs)
        key = self._find_key(bound, args, kwargs)
        scope = self._scope
        return guard.make_call(
            key,
            None if isinstance(key, RequestKey) else self._wanted(bound, args, kwargs),
            scope(*args, **kwargs) if callable(scope) else scope,
            self._plan or self._late_plan(),
            lambda _: function(*args, **kwargs),
            port,
        )

    def _wanted(
        self, bound: dict[str, Any], args: tuple[Any, ...], kwargs: Any
    ) -> bytes:
        if self._fingerprint is not None:
            return fingerprint(self._fingerprint(*args, **kwargs))
        asked_for = self._arguments.asked_for(bound)
        try:
            return fingerprint(asked_for)
        except ResultNotStorable as error:
            names = ", ".join(n for n, v in asked_for.items() if not _has_json(v))
            raise ConfigurationError(
                f"{self._operation}: the arguments say what is asked for, and {names} "
                "cannot be written as JSON. Say fingerprint=, a function of the same "
                "arguments that returns those that count."
            ) from error

    def _key_finder(
        self, key: Callable[..., object] | str
    ) -> Callable[[dict[str, Any], tuple[Any, ...], Any], object]:
        if callable(key):
            find_key = checked_plain(self._operation, "key", key)
            return lambda _, args, kwargs: find_key(*args, **kwargs)
        if not isinstance(key, str):
            raise ConfigurationError(
                f"{self._operation}: key= takes a function of the same arguments, or "
                f"a path such as 'order.id'; got {key!r}."
            )
        find = self._arguments.path(self._operation, key)
        return lambda bound, _, __: find(bound)

    # ---------------------------------------------------------------- results

    def _plan_with(self, codec: Codec[Any] | None) -> Plan | None:
        """Return the plan; None if the annotation names something not yet known."""
        if codec is None and "return" in _annotations(self._function):
            try:
                codec = self._codec_of_annotation()
            except NameError:
                return None
        return self._make_plan(codec)

    def _late_plan(self) -> Plan:
        """Return the plan at the first call, when all names must be known."""
        try:
            plan = self._make_plan(self._codec_of_annotation())
        except NameError as error:
            raise ConfigurationError(
                f"{self._operation}: the return annotation cannot be read: {error}. "
                "Name a type known in its module, or pass codec=."
            ) from error
        self._plan = plan
        return plan

    def _codec_of_annotation(self) -> Codec[Any]:
        annotation = return_annotation(function_of(self._function))
        try:
            return codec_for(annotation)
        except ResultNotStorable as error:
            raise ConfigurationError(f"{self._operation}: {error}") from error


def refuse_what_cannot_run_once(function: Any) -> None:
    """Refuse what has no one result to store.

    Raises:
        TypeError: It is no function, a generator function or a class.
    """
    name = getattr(function, "__qualname__", repr(function))
    if isinstance(function, type):
        raise TypeError(f"@idempotent: {name} is a class. Decorate its methods.")
    if not callable(function):
        raise TypeError(f"@idempotent: {name} is no function.")
    inner = function_of(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TypeError(
            f"@idempotent: {name} is a generator; it has no one result that could be "
            "stored and given again. Return a list instead."
        )


def _name_of(function: Any) -> str:
    inner = function_of(function)
    name = f"{inner.__module__}.{inner.__qualname__}".replace("<locals>.", "")
    if "<lambda>" in name:
        raise ConfigurationError(
            f"operation= is needed: {name} has no name of its own, and keys of two "
            "such functions would meet."
        )
    return name


def _annotations(function: Any) -> dict[str, Any]:
    return getattr(function_of(function), "__annotations__", {})


def _has_json(value: Any) -> bool:
    try:
        fingerprint(value)
    except ResultNotStorable:
        return False
    return True
