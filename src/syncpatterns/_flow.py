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

from collections.abc import Awaitable, Callable, Generator
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from syncpatterns.errors import CleanupTimedOut

T = TypeVar("T")
E = TypeVar("E", bound="Effect[Any]")

#: Seconds that a shielded effect may take on an event loop.
CLEANUP_TIMEOUT = 5.0


class Effect(Generic[T]):
    """A request to the outside; ``answer = yield from effect`` is typed T."""

    __slots__ = ()

    shield: ClassVar[bool] = False

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
    flow: Callable[[], Flow[E, T]], perform: Callable[[E], Awaitable[Any]]
) -> T:
    """Drive one run of *flow* on the running event loop."""
    steps = flow()
    try:
        effect = next(steps)
        while True:
            try:
                if effect.shield:
                    answer = await _shielded(perform, effect)
                else:
                    answer = await perform(effect)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                effect = steps.throw(error)
            else:
                effect = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def _shielded(perform: Callable[[E], Awaitable[Any]], effect: E) -> Any:
    """Finish a clean-up although the task is cancelled, but not for ever.

    Cancellation is level-triggered: without the shield the first await of the
    clean-up raises again and a claim stays held until its lease runs out.
    """
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    with anyio.move_on_after(CLEANUP_TIMEOUT, shield=True):
        return await perform(effect)
    raise CleanupTimedOut(type(effect).__name__, CLEANUP_TIMEOUT)
