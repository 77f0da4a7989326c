"""Call a handler from a thread or a loop, whichever kind it is.

====================  =============================  =========================
handler               in a blocking worker           on an event loop
====================  =============================  =========================
plain                 on the worker's thread         on a thread of the limiter
async                 on the portal's event loop     on the loop
====================  =============================  =========================
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from syncpatterns._functions import is_async
from syncpatterns._loops import LoopLimiter
from syncpatterns.errors import NoAnswer

if TYPE_CHECKING:
    from anyio import CapacityLimiter

T = TypeVar("T")

#: Blocking handlers that `acall` runs at a time on one loop. A limiter of its
#: own: a hanging target must not stop the threads everything else runs on.
THREADS = 40
_limiter = LoopLimiter(THREADS)


class Exited(RuntimeError):
    """A handler wanted the program to end: an answer like any other error.

    A library that takes itself for a program calls ``sys.exit``, and one written in
    Rust panics with a class of its own beside `Exception`. Passed on, it ends
    the drain, and the next one, at the same item each time; on asyncio, before what
    others have done is stored.

    Args:
        error: What it raised.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"The handler raised {type(error).__name__}.")


def call(begin: Callable[[], object], function: Callable[..., Any], *args: Any) -> Any:
    """Call *function* and return what it returns, on a thread.

    Args:
        begin: Called right before.
        function: Plain or async.
        *args: Its own.

    Raises:
        Exited: It asked for the end of the program. On the main thread that may
            have been a signal, which is passed on.
        NoAnswer: What it waited for was cancelled, such as a loop of its own.
    """
    begin()
    if is_async(function):
        return _through_the_portal(_answered, function, *args)
    if threading.current_thread() is threading.main_thread():
        value = _on_main(function, *args)
    else:
        value = _off_main(function, *args)
    if inspect.isawaitable(value):  # a plain function around an async one
        return _through_the_portal(_answered, _this, value)
    return value


def _on_main(function: Callable[..., Any], *args: Any) -> Any:
    """Call *function* where signals are heard."""
    try:
        return function(*args)
    except BaseException as error:
        if not _is_asyncio_cancelled(error):
            raise
        raise _cancelled_there() from error


def _off_main(function: Callable[..., Any], *args: Any) -> Any:
    """Call *function* where no signal is heard: what it raises is its own."""
    try:
        return function(*args)
    except Exception:
        raise
    except BaseException as error:
        # Nobody cancels a thread: not the drain, whose task would be taken for it.
        if _is_asyncio_cancelled(error):
            raise _cancelled_there() from error
        raise Exited(error) from error


def _through_the_portal(function: Callable[..., Any], *args: Any) -> Any:
    from syncpatterns import _portal  # noqa: PLC0415 - asyncio takes 15 ms to import

    try:
        return _portal.call_async(function, *args)
    except SystemExit as error:
        raise Exited(error) from error


async def acall(
    begin: Callable[[], object],
    function: Callable[..., Any],
    *args: Any,
    limiter: CapacityLimiter | None = None,
) -> Any:
    """Call *function* and return what it returns, on a loop.

    A plain function whose caller is cancelled goes on, for a thread cannot be
    stopped: its result is dropped. One that had no thread yet is never called.

    Raises:
        Exited: It asked for the end of the program.
    """
    if is_async(function):
        begin()
        return await _answered(function, *args)
    from anyio.to_thread import run_sync  # noqa: PLC0415 - sync users never pay for it

    begun = threading.Lock()  # taken by the thread, or by the end of the wait

    def boxed() -> list[Any]:  # trio takes a returned coroutine for a mistake
        if not begun.acquire(blocking=False):
            return [None]  # nobody waits any more, and the item is given back
        begin()
        return [_off_main(function, *args)]

    try:
        (value,) = await run_sync(
            boxed, abandon_on_cancel=True, limiter=limiter or _limiter.here()
        )
    except BaseException:
        if not begun.acquire(blocking=False):
            begin()  # the thread may not have come so far as to say it
        raise
    return await _answered(_this, value) if inspect.isawaitable(value) else value


async def _answered(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Await *function*; what was cancelled in there has not cancelled us.

    A future that the handler waited for can be cancelled by its owner, such as a
    client that closes. Taken for a cancellation of the delivery, it would end the
    task of the drain.
    """
    try:
        return await function(*args)
    except Exception:
        raise
    except BaseException as error:
        if _is_asyncio_cancelled(error):
            if _are_we_cancelled():
                raise
            raise _cancelled_there() from error
        if _ends_more_than_a_handler(error):
            raise
        raise Exited(error) from error


def _cancelled_there() -> NoAnswer:
    return NoAnswer("What the handler waited for was cancelled; it may have been done.")


def _is_asyncio_cancelled(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _are_we_cancelled() -> bool:
    task = sys.modules["asyncio"].current_task()
    return task is None or task.cancelling() > 0


def _ends_more_than_a_handler(error: BaseException) -> bool:
    """Tell whether it is a signal, the end of a coroutine, or trio's cancellation."""
    trio = sys.modules.get("trio")
    if trio is not None and isinstance(error, trio.Cancelled):
        return True
    return isinstance(error, KeyboardInterrupt | GeneratorExit | BaseExceptionGroup)


def _this(value: Awaitable[T]) -> Awaitable[T]:
    return value
