"""The arguments of a call: bound to their names, in parts or as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from syncpatterns.errors import ConfigurationError, KeyMissing

_PLAIN = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class Arguments:
    """Names for the arguments of one function.

    ``f(1)`` and ``f(order_id=1)`` are one call, and so is leaving out a
    default and passing it.

    Args:
        function: Whose arguments.
        drop_first: The first one is the object or class a method is bound to.
    """

    __slots__ = ("_dropped", "_names", "_signature")

    def __init__(self, function: Callable[..., Any], *, drop_first: bool) -> None:
        self._signature = inspect.signature(function)
        parameters = list(self._signature.parameters.values())
        simple = all(parameter.kind in _PLAIN for parameter in parameters)
        self._names = [each.name for each in parameters] if simple else None
        self._dropped = parameters[0].name if drop_first and parameters else None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, defaults included.

        Raises:
            TypeError: The function cannot be called like this.
        """
        names = self._names
        if names is not None and not kwargs and len(args) == len(names):
            # Signature.bind takes ten times as long, and most calls are this.
            return dict(zip(names, args, strict=True))
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def asked_for(self, bound: dict[str, Any]) -> dict[str, Any]:
        """Return those of *bound* that say what is wanted: all but self or cls."""
        if self._dropped is None:
            return bound
        return {name: bound[name] for name in bound if name != self._dropped}

    def path(self, operation: str, path: str) -> Callable[[dict[str, Any]], Any]:
        """Return what finds ``"order.id"`` in the bound arguments.

        Raises:
            ConfigurationError: The function has no such argument.
        """
        first, *rest = path.split(".")
        if first not in self._signature.parameters or not all(rest):
            known = ", ".join(self._signature.parameters) or "none"
            raise ConfigurationError(
                f"{operation}: key={path!r} starts with no argument of the function. "
                f"It has: {known}."
            )

        def find(bound: dict[str, Any]) -> Any:
            value = bound[first]
            for step in rest:
                value = _step(operation, path, value, step)
            return value

        return find


def _step(operation: str, path: str, value: Any, step: str) -> Any:
    items: Any = value
    try:
        if isinstance(value, Mapping):
            return items[step]
        if isinstance(value, Sequence) and step.isdecimal():
            return items[int(step)]
        return getattr(items, step)
    except (AttributeError, LookupError) as error:
        raise KeyMissing(
            f"{operation}: the idempotency key {path!r} is not there: a "
            f"{type(items).__name__} has no {step!r}."
        ) from error
