"""What kind of function somebody handed us, whatever it is wrapped in."""

from __future__ import annotations

import functools
import inspect
from typing import Any


def function_of(function: Any) -> Any:
    """Return the function behind a partial or a callable object."""
    if isinstance(function, functools.partial):
        return function_of(function.func)
    return function if inspect.isroutine(function) else type(function).__call__


def is_async(function: object) -> bool:
    """Tell whether what *function* returns must be awaited, as far as it can be seen.

    It is ``async def``, or a partial of one, or an object whose ``__call__`` is, or
    a partial of such an object.
    """
    if not callable(function):
        return False
    # As given first: a mock, or what `inspect.markcoroutinefunction` marked, says
    # so itself and not by its class.
    return _is_coroutine_function(function) or _is_coroutine_function(
        function_of(function)
    )


def _is_coroutine_function(function: Any) -> bool:
    # A mock with the spec of a function passes for one down to its code, whose flags
    # are a mock as well: `inspect` finds them true, or cannot read them at all.
    inner = function
    while (wrapped := _within(inner)) is not None:
        inner = wrapped
    if inspect.isfunction(inner):
        flags: object = inner.__code__.co_flags
        if not isinstance(flags, int):
            return False
    return inspect.iscoroutinefunction(function)


def _within(function: Any) -> Any:
    if inspect.ismethod(function):
        return function.__func__
    return function.func if isinstance(function, functools.partial) else None
