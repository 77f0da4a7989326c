"""Call a user's function from a thread or a loop, whichever kind it is.

====================  =============================  =========================
function              under ``call()``               under ``acall()``
====================  =============================  =========================
plain                 on the caller's thread         on a worker thread
async                 on the portal's event loop     on the caller's loop
====================  =============================  =========================
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from syncpatterns import _portal
from syncpatterns._functions import is_async
from syncpatterns._landing import Closable
from syncpatterns._loops import LoopLimiter

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._context import FencedContext

T = TypeVar("T")

#: Blocking calls of one event loop at a time. A limiter of its own: forty
#: hanging providers must not stop the threads that everything else runs on.
THREADS = 40
_limiter = LoopLimiter(THREADS)


def check_blocking(function: object) -> None:
    """Say whether `call` can be used here at all.

    Raises:
        ConfigurationError: It would wait for itself; nothing was called.
    """
    if is_async(function):
        _portal.check()


def call(function: Callable[..., Any], command: Any, context: FencedContext) -> Any:
    """Call *function* and return what it returns, on a thread."""
    if is_async(function):
        return _portal.call_async(_bounded, function, command, context)
    value = function(command, context)
    if inspect.isawaitable(value):  # a plain function around an async one
        return _portal.call_async(_awaited, value, context)
    return value


async def acall(
    function: Callable[..., Any], command: Any, context: FencedContext
) -> Any:
    """Call *function* and return what it returns, on a loop."""
    if is_async(function):
        return await _bounded(function, command, context)
    value = await _in_thread(function, command, context)
    if inspect.isawaitable(value):  # a plain function around an async one
        return await _awaited(value, context)
    return value


class StillRunning(TimeoutError):
    """The time is over, and a thread that cannot be stopped goes on.

    What a lookup says meanwhile is not the last word: the request may leave
    after it.
    """


async def _in_thread(
    function: Callable[..., Any], command: Any, context: FencedContext
) -> Any:
    from anyio import move_on_after  # noqa: PLC0415 - sync users never pay for it
    from anyio.to_thread import run_sync  # noqa: PLC0415 - as above

    def boxed() -> list[Any]:  # trio takes a returned coroutine for a mistake
        return [function(command, context)]

    with Closable(move_on_after(_seconds(context))):
        (value,) = await run_sync(
            boxed, abandon_on_cancel=True, limiter=_limiter.here()
        )
        return value
    raise StillRunning("it took longer than its time-out, and was not waited for")


async def _bounded(
    function: Callable[..., Any], command: Any, context: FencedContext
) -> Any:
    return await _awaited(function(command, context), context)


async def _awaited(value: Awaitable[T], context: FencedContext) -> T:
    from anyio import move_on_after  # noqa: PLC0415 - sync users never pay for it

    with Closable(move_on_after(_seconds(context))):
        return await value
    raise TimeoutError("it took longer than its time-out")


def _seconds(context: FencedContext) -> float | None:
    left = context.remaining()
    return None if left == math.inf else left
