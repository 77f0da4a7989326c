"""What the flows of a queue ask of the outside, on a thread or on a loop."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns._outcome import Err, Ok, Outcome

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared

T = TypeVar("T")


class Step(Effect[Any], ABC):
    """Something that is done here or awaited there."""

    __slots__ = ()

    @abstractmethod
    def do(self, shared: Shared) -> Any:
        """Do it on this thread."""

    @abstractmethod
    async def ado(self, shared: Shared) -> Any:
        """Do it on the running loop."""


class Ask(Step):
    """A method of the store, by name; its twins take and return the same."""

    __slots__ = ("args", "method", "options")

    def __init__(self, method: str, *args: Any, **options: Any) -> None:
        self.method = method
        self.args = args
        self.options = options

    def do(self, shared: Shared) -> Any:
        """Ask the blocking store."""
        return getattr(shared.ready(), self.method)(
            shared.name, *self.args, **self.options
        )

    async def ado(self, shared: Shared) -> Any:
        """Ask the store of the loop."""
        store = await shared.aready()
        return await getattr(store, self.method)(
            shared.name, *self.args, **self.options
        )


class Store(Ask):
    """`enqueue`, whose request names the queue itself."""

    __slots__ = ()

    def do(self, shared: Shared) -> Any:
        """Ask the blocking store."""
        return getattr(shared.ready(), self.method)(*self.args, **self.options)

    async def ado(self, shared: Shared) -> Any:
        """Ask the store of the loop."""
        return await getattr(await shared.aready(), self.method)(*self.args)


class StoreHeld(Store):
    """`enqueue` of an item that its caller holds from the first moment.

    Cancelled while that is committed, nobody would know its number: the item, and
    its lane, would stand still until the lease ends. So the commit is waited for,
    as long as the engine has patience, and the cancellation is heard right after.
    """

    __slots__ = ()

    shield = True
    limit = math.inf


class Settle(Ask):
    """`settle`, which lands also when its task is cancelled."""

    __slots__ = ()

    shield = True


class Compute(Step):
    """A plain function of the user's; answered with its `Outcome`."""

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function = function
        self.args = args

    def do(self, shared: Shared) -> Outcome[Any]:  # noqa: ARG002 - needs nothing of them
        """Call it."""
        try:
            return Ok(self.function(*self.args))
        except Exception as error:  # noqa: BLE001 - the flow raises it
            return Err(error)

    async def ado(self, shared: Shared) -> Outcome[Any]:
        """Call it: it computes and does not wait."""
        return self.do(shared)


class Wait(Step):
    """Until the queue has changed since it was looked at, at most so many seconds."""

    __slots__ = ("seconds", "seen")

    def __init__(self, seen: int, seconds: float) -> None:
        self.seen = seen
        self.seconds = seconds

    def do(self, shared: Shared) -> None:
        """Block this thread."""
        shared.changes.wait(self.seen, self.seconds)

    async def ado(self, shared: Shared) -> None:
        """Suspend this task."""
        await shared.changes.await_change(self.seen, self.seconds)


def do(shared: Shared, flow: Callable[[], Flow[Any, T]]) -> T:
    """Run *flow* on this thread."""
    return run(flow, lambda step: step.do(shared))


async def ado(shared: Shared, flow: Callable[[], Flow[Any, T]]) -> T:
    """Run *flow* on the running loop."""
    return await arun(flow, lambda step: step.ado(shared))
