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
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        function_of(function)
    )
