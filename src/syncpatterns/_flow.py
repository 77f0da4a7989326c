"""Write an operation once; run it blocking or awaiting.

A *flow* is a generator that yields *effects* (requests to the outside) and is
driven by `run` on a thread or by `arun` on asyncio or trio. The five rules:

1. `run` and `arun` take a factory, never a generator: a spent generator run a
   second time returns None in silence.
2. A user's function is an effect whose answer is an `Outcome`, so that its
   StopIteration never meets the generator protocol.
3. An effect with ``shield = True`` is a clean-up: it outlives cancellation,
   is bounded in time, and a time-out raises `CleanupTimedOut`.
4. A flow never yields while it holds a lock.
5. A flow fits on one screen (40 lines); what it decides lives in a `_core`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from syncpatterns.errors import CleanupTimedOut

if TYPE_CHECKING:
    import asyncio as asyncio_

T = TypeVar("T")
E = TypeVar("E", bound="Effect[Any]")

#: Seconds that a shielded effect may take on an event loop.
CLEANUP_TIMEOUT = 5.0


class Effect(Generic[T]):
    """A request to the outside; ``answer = yield from effect`` is typed T."""

    __slots__ = ()

    shield: ClassVar[bool] = False
    #: A shielded one that ends although ``asyncio.timeout``, ``wait_for`` or
    #: ``task.cancel`` cancel its task: they know no shields.
    lands: ClassVar[bool] = False
    #: Seconds that a shielded one may take; None: `CLEANUP_TIMEOUT`.
    limit: ClassVar[float | None] = None

    def closed(self, closing: GeneratorExit) -> T:
        """Return what the flow is told if its coroutine is closed in here.

        By default the flow gets *closing* itself, as any error.
        """
        raise closing

    def __iter__(self) -> Generator[Self, Any, T]:
        answer: T = yield self
        return answer


Flow: TypeAlias = Generator[E, Any, T]
"""What a flow may ask for (E), and what it returns (T)."""


def run(flow: Callable[[], Flow[E, T]], perform: Callable[[E], Any]) -> T:
    """Drive one run of *flow* on this thread."""
    steps = flow()
    try:
        effect = next(steps)
        while True:
            try:
                answer = perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                effect = steps.throw(error)
            else:
                effect = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def arun(
    flow: Callable[[], Flow[E, T]],
    perform: Callable[[E], Awaitable[Any]],
    last: Callable[[E], Any] | None = None,
) -> T:
    """Drive one run of *flow* on the running event loop.

    Args:
        flow: Makes the generator.
        perform: Does what an effect asks for.
        last: Does a shielded effect once the coroutine is being closed, by its
            ``close()`` or the garbage collector, and nothing can be awaited
            any more; without waiting for anything either. None: nobody can.
    """
    steps = flow()
    late: list[BaseException] = []  # what cancelled a step that landed all the same
    try:
        effect = next(steps)
        while True:
            try:
                if effect.shield:
                    answer = await _shielded(perform, effect, late)
                elif late:
                    raise late.pop()  # noqa: TRY301 - the flow hears it, as any error
                else:
                    answer = await perform(effect)
            except GeneratorExit as closing:
                return _closed(steps, effect, closing, last)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                effect = steps.throw(error)
            else:
                effect = steps.send(answer)
    except StopIteration as stop:
        if late:
            raise late.pop() from None
        result: T = stop.value
        return result


def _closed(
    steps: Flow[E, T],
    effect: E,
    closing: GeneratorExit,
    last: Callable[[E], Any] | None,
) -> T:
    """Let *steps* clean up although their coroutine is being closed.

    Asked to await now, Python says "coroutine ignored GeneratorExit", and a
    claim stays held until its lease runs out. So clean-ups are handed to
    *last*; whatever else the flow asks for is answered with *closing*.

    Raises:
        StopIteration: The flow has ended.
    """
    answer: Callable[[], Any] = lambda: effect.closed(closing)  # noqa: E731 - the first of several
    while True:
        try:
            told = answer()
        except BaseException as error:  # noqa: BLE001 - the flow decides
            effect = steps.throw(error)
        else:
            effect = steps.send(told)
        if effect.shield and last is not None:
            answer = partial(last, effect)
        else:
            answer = partial(_refuse, closing)


def _refuse(closing: GeneratorExit) -> Any:
    raise closing


async def _shielded(
    perform: Callable[[E], Awaitable[Any]], effect: E, late: list[BaseException]
) -> Any:
    """Finish a clean-up although the task is cancelled, but not for ever.

    Cancellation is level-triggered: without the shield the first await of the
    clean-up raises again and a claim stays held until its lease runs out.
    """
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    limit = CLEANUP_TIMEOUT if effect.limit is None else effect.limit
    scope = anyio.move_on_after(limit, shield=True)
    with Closable(scope):
        if effect.lands:
            return await _landed(perform(effect), scope, late)
        return await perform(effect)
    raise CleanupTimedOut(type(effect).__name__, limit)


async def _landed(work: Awaitable[T], scope: Any, late: list[BaseException]) -> T:
    """Await *work* to its end; a cancellation meanwhile goes to *late*.

    Cancelled with its task, a commit that was already under way would land and
    nobody hear its answer: what it claimed stays held until the lease runs out.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not _is_here(asyncio):
        return await work  # trio, whose tasks are cancelled by scopes only
    landing: asyncio_.Future[T] = asyncio.ensure_future(work)
    while True:
        try:
            answer: T = await asyncio.shield(landing)
        except asyncio.CancelledError as error:
            if landing.cancelled():
                raise
            if scope.cancel_called:  # it took too long
                landing.cancel()
                raise
            late[:] = [error]
        else:
            return answer


def _is_here(asyncio: Any) -> bool:
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
