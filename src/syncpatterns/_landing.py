"""Clean-ups that end although their task is cancelled, in whichever way.

Two ways there are. A cancel scope of anyio or trio cancels again at every
await, until the task has left it: without a shield the first await of a
clean-up raises, and a claim stays held until its lease runs out.
``asyncio.timeout``, ``asyncio.wait_for``, ``task.cancel`` and the end of
``asyncio.run`` cancel once, and know no shields: heard in the middle of a
commit, it lands all the same, and nobody gets its answer.

So a native cancellation of asyncio is kept until the clean-up has landed, and
heard then (`shielded`); or by somebody else, who is cancelled too (`whole`).
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from syncpatterns.errors import CleanupTimedOut

if TYPE_CHECKING:
    import asyncio as asyncio_

T = TypeVar("T")

#: What cancelled a clean-up, until somebody hears it; the last one counts.
Late: TypeAlias = list[BaseException]

#: What a wait does with a native cancellation: it is given when the wait ends at the
#: latest, by the loop's clock, and returns when it does from now on; or raises.
_Hears: TypeAlias = Callable[[BaseException, float], float]


async def shielded(
    work: Callable[[], Awaitable[T]],
    name: str,
    limit: float,
    late: Late,
    *,
    in_place: bool = False,
) -> T:
    """Await *work* to its end whatever cancels this task, but not for ever.

    Args:
        work: Makes what is awaited.
        name: What an error calls it.
        limit: Seconds after which it is cancelled itself, and once.
        late: Gets a native cancellation of asyncio; the caller raises it later.
        in_place: *work* never has its own task cancelled: it sets no time-out
            and no cancel scope has a deadline in it. Then whatever cancels the
            task comes from outside, and no task of its own is needed.

    Raises:
        CleanupTimedOut: It did not end within *limit*.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not _runs(asyncio):
        return await _bounded(work, name, limit)
    if in_place:
        return cast("T", await _held(work(), name, limit, late))
    return await _landed(_bounded(work, name, limit), late)


async def whole(work: Coroutine[Any, Any, T], patience: float) -> T:
    """Await *work* to its end, for a task that somebody else ends in order.

    Who cancels every task there is, as ``asyncio.run`` does when it ends, has
    cancelled that one as well, which needs this task to end in order; so the
    cancellation is forgotten, and the task goes on. A scope that is cancelled is the
    doing of whoever ends it, and is obeyed at once.

    Args:
        work: What is awaited; in a task of its own on asyncio.
        patience: Seconds of the event loop that it has once the task was cancelled.

    Raises:
        asyncio.CancelledError: It did not end within *patience*; or a scope was
            cancelled. It is cancelled then.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not _runs(asyncio):
        return await work  # trio has scopes only
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    here = asyncio.current_task()
    late: Late = []

    def forget(error: BaseException, _ends: float) -> float:
        if anyio.current_effective_deadline() == -math.inf:
            raise error
        here.uncancel()
        late[:] = [error]
        return float(asyncio.get_running_loop().time()) + patience

    landing = _apart(work)
    try:
        if not await _awaited(landing, math.inf, forget):
            raise late.pop()
    except asyncio.CancelledError:
        landing.cancel()
        raise
    return landing.result()


async def _bounded(work: Callable[[], Awaitable[T]], name: str, limit: float) -> T:
    import anyio  # noqa: PLC0415 - as above

    with Closable(anyio.move_on_after(limit, shield=True)):
        return await work()
    raise CleanupTimedOut(name, limit)


async def _landed(work: Coroutine[Any, Any, T], late: Late) -> T:
    """Await *work* in a task of its own; what cancels ours goes to *late*."""
    import anyio  # noqa: PLC0415 - as above

    landing = _apart(work)
    with Closable(anyio.CancelScope(shield=True)):
        await _awaited(landing, math.inf, partial(_keep, late))
    return landing.result()


def _apart(work: Coroutine[Any, Any, T]) -> asyncio_.Task[T]:
    """Start *work* in a task that whoever cancels all tasks there are does not meet.

    He meets the one that waits for it here.
    """
    import asyncio  # noqa: PLC0415 - as above

    task = asyncio.get_running_loop().create_task(work)
    asyncio.tasks._unregister_task(task)  # noqa: SLF001 - documented, for those who extend asyncio
    return task


def _keep(late: Late, error: BaseException, ends: float) -> float:
    late[:] = [error]
    return ends


@types.coroutine
def _held(
    work: Awaitable[Any], name: str, limit: float, late: Late
) -> Generator[Any, Any, Any]:
    """Await *work* in this task; what cancels the task goes to *late*.

    To cancel a task is to cancel the future that it waits for: here one of ours,
    and none of those that *work* waits for. A *work* that never waits, such as a
    store in memory, costs next to nothing.
    """
    import asyncio  # noqa: PLC0415 - as above

    hears = partial(_keep, late)
    steps = work.__await__()
    go_on: Callable[[], Any] = steps.__next__
    ends, over = -math.inf, False
    try:
        while True:
            try:
                awaited = go_on()
            except StopIteration as stop:
                return stop.value
            except asyncio.CancelledError:
                if over:
                    raise CleanupTimedOut(name, limit) from None
                raise
            import anyio  # noqa: PLC0415 - as above

            if ends < 0.0:
                ends = asyncio.get_running_loop().time() + limit
            in_time = True
            # Entered for the wait alone: a scope that *work* has open is left in
            # its turn, as the one entered last.
            with Closable(anyio.CancelScope(shield=True)):
                in_time = yield from _until_done(awaited, ends, hears)
            go_on = steps.__next__
            if not in_time:
                over, ends = True, math.inf  # told once: it may tidy up
                awaited.cancel()
                go_on = partial(steps.throw, asyncio.CancelledError())
    finally:
        steps.close()


def _until_done(
    awaited: asyncio_.Future[Any] | None, ends: float, hears: _Hears
) -> Generator[Any, Any, bool]:
    """Wait for *awaited*, None is a turn of the loop; False if *ends* came first."""
    import asyncio  # noqa: PLC0415 - as above

    if awaited is None:
        try:
            yield
        except asyncio.CancelledError as error:
            hears(error, ends)
        return True
    awaited._asyncio_future_blocking = False  # noqa: SLF001 - as a task does that waits for it
    loop = awaited.get_loop()
    while not awaited.done():
        if loop.time() >= ends:
            return False
        ours: asyncio_.Future[None] = loop.create_future()
        wake = partial(_wake, ours)
        awaited.add_done_callback(wake)
        timer = None if ends == math.inf else loop.call_at(ends, wake)
        try:
            yield from ours
        except asyncio.CancelledError as error:
            ends = hears(error, ends)
        finally:
            awaited.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()
    return True


#: The same, to be awaited.
_awaited = types.coroutine(_until_done)


def _wake(waiter: asyncio_.Future[None], *_: object) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _runs(asyncio: Any) -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


class Closable:
    """A cancel scope that can be left by a coroutine that is being closed.

    Closed by the garbage collector, or by anybody but its own task, a scope
    objects that it is left in another task than it was entered in, and that
    objection would hide the GeneratorExit that has to get through.

    Args:
        scope: A scope of anyio's.
    """

    __slots__ = ("_scope",)

    def __init__(self, scope: AbstractContextManager[Any, bool | None]) -> None:
        self._scope = scope

    def __enter__(self) -> Any:
        return self._scope.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            return bool(self._scope.__exit__(kind, error, traceback))
        except BaseException:
            if kind is GeneratorExit:
                return False  # which raises it again
            raise
