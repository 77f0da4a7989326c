"""Write an operation once; run it blocking or awaiting.

A *flow* is a generator that yields *effects* (requests to the outside) and is
driven by `run` on a thread or by `arun` on asyncio or trio. The five rules:

1. `run` and `arun` take a factory, never a generator: a spent generator run a
   second time returns None in silence.
2. A user's function is an effect whose answer is an `Outcome`, so that its
   StopIteration never meets the generator protocol.
3. An effect with ``shield = True`` is a clean-up: it outlives cancellation, in
   whichever of its ways, is bounded in time, and a time-out raises
   `CleanupTimedOut`.
4. A flow never yields while it holds a lock.
5. A flow fits on one screen (40 lines); what it decides lives in a `_core`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeAlias, TypeVar

from syncpatterns import _landing

T = TypeVar("T")
E = TypeVar("E", bound="Effect[Any]")

#: Seconds that a shielded effect may take on an event loop.
CLEANUP_TIMEOUT = 5.0


class Effect(Generic[T]):
    """A request to the outside; ``answer = yield from effect`` is typed T."""

    __slots__ = ()

    shield: ClassVar[bool] = False
    #: Seconds that a shielded one may take; None: `CLEANUP_TIMEOUT`.
    limit: ClassVar[float | None] = None

    @property
    def in_place(self) -> bool:
        """Whether a shielded one never has its own task cancelled; see `_landing`."""
        return False

    def closed(self, closing: BaseException) -> T:
        """Return what the flow is told if it ends with *closing* in here.

        Its coroutine is being closed, or was cancelled in the clean-up before
        this effect, which is not begun then. By default the flow gets
        *closing* itself, as any error.
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

    A cancellation that comes in the middle of a clean-up is heard right after
    it: by the flow, if it goes on, and by the caller, whatever the flow says.

    Args:
        flow: Makes the generator.
        perform: Does what an effect asks for.
        last: Does a shielded effect once the coroutine is being closed, by its
            ``close()`` or the garbage collector, and nothing can be awaited
            any more; without waiting for anything either. None: nobody can.
    """
    steps = flow()
    late: _landing.Late = []  # what cancelled a clean-up, which landed all the same
    try:
        effect = next(steps)
        while True:
            try:
                answer = await _answered(perform, effect, late)
            except GeneratorExit as closing:
                _closed(steps, effect, closing, last)
            except BaseException as error:  # noqa: BLE001 - the flow decides
                effect = steps.throw(error)
            else:
                effect = steps.send(answer)
    except StopIteration as stop:
        if late:
            raise late.pop() from None
        result: T = stop.value
        return result
    except Exception as error:
        if late:  # told of the error alone, the caller might go on
            raise late.pop() from error
        raise


async def land(work: Callable[[], Awaitable[T]]) -> T:
    """Await what *work* makes to its end; a cancellation is heard right after it.

    Raises:
        CleanupTimedOut: It did not end in time.
    """
    return await arun(lambda: iter(_Land(work)), lambda step: step.work())


class _Land(Effect[T]):
    """Ask for one thing that outlives cancellation."""

    __slots__ = ("work",)

    shield: ClassVar[bool] = True

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self.work = work


def _closed(
    steps: Flow[E, T],
    effect: E,
    closing: GeneratorExit,
    last: Callable[[E], Any] | None,
) -> NoReturn:
    """Let *steps* clean up although their coroutine is being closed.

    Asked to await now, Python says "coroutine ignored GeneratorExit", and a
    claim stays held until its lease runs out. So clean-ups are handed to
    *last*; whatever else the flow asks for is answered with *closing*, which is
    what the flow is told in the form of `_Closed`.

    Raises:
        GeneratorExit: The flow has ended, whatever came of it.
    """
    answer: Callable[[], Any] = lambda: effect.closed(closing)  # noqa: E731 - the first of several
    try:
        while True:
            try:
                told = answer()
            except GeneratorExit:
                effect = steps.throw(_Closed())
            except BaseException as error:  # noqa: BLE001 - the flow decides
                effect = steps.throw(error)
            else:
                effect = steps.send(told)
            if effect.shield and last is not None:
                answer = partial(last, effect)
            else:
                answer = partial(_refuse, closing)
    except (StopIteration, _Closed):
        raise closing from None  # nobody is left to be told what came of it


class _Closed(BaseException):
    """Stands for GeneratorExit inside a flow.

    Thrown into a generator that waits in ``yield from``, GeneratorExit itself
    closes the inner ones, whose clean-ups then are "generator ignored GeneratorExit".
    """


def _refuse(closing: GeneratorExit) -> Any:
    raise closing


async def _answered(
    perform: Callable[[E], Awaitable[Any]], effect: E, late: _landing.Late
) -> Any:
    if not effect.shield:
        return effect.closed(late.pop()) if late else await perform(effect)
    limit = CLEANUP_TIMEOUT if effect.limit is None else effect.limit
    return await _landing.shielded(
        partial(perform, effect),
        type(effect).__name__,
        limit,
        late,
        in_place=effect.in_place,
    )
