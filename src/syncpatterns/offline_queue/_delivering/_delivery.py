"""One delivery of one item: read it, call its handler, say what that means.

Written once as a flow; what it asks for is done on a thread or on a loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.offline_queue._core import Ended, Item
from syncpatterns.offline_queue._core._meanings import meaning_of
from syncpatterns.offline_queue._delivering import _invoking
from syncpatterns.offline_queue._delivering._context import ItemContext
from syncpatterns.offline_queue._delivering._guarding import answers_as_values
from syncpatterns.offline_queue._delivering._resolving import resolved
from syncpatterns.offline_queue._delivering._verdicts import Judge
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._registering._handlers import Handler
from syncpatterns.offline_queue._registering._payloads import (
    Unreadable,
    has_references,
    request_of,
)
from syncpatterns.offline_queue._results import stored_result
from syncpatterns.offline_queue._sealing._seals import ShutEnded, ShutItem
from syncpatterns.offline_queue._shared import Shared
from syncpatterns.sealing._errors import SealError


class Step(Effect[Any], ABC):
    """Something a delivery asks of the outside."""

    __slots__ = ()

    @abstractmethod
    def do(self) -> Any:
        """Do it on this thread."""

    @abstractmethod
    async def ado(self) -> Any:
        """Do it on the running loop."""


class Parents(Step):
    """How what the item waited for has ended; answered with an `Outcome`."""

    __slots__ = ("flight", "shared")

    def __init__(self, shared: Shared, flight: Flight) -> None:
        self.shared = shared
        self.flight = flight

    def do(self) -> Outcome[dict[int, Ended]]:
        """Ask the blocking store."""
        shared = self.shared
        try:
            store = shared.stores.store()
            return Ok(store.parents(shared.name, self.flight.item.seq))
        except Exception as error:  # noqa: BLE001 - put back, and asked again
            return Err(error)

    async def ado(self) -> Outcome[dict[int, Ended]]:
        """Ask the store of the loop."""
        shared = self.shared
        try:
            store = shared.stores.astore()
            return Ok(await store.parents(shared.name, self.flight.item.seq))
        except Exception as error:  # noqa: BLE001 - put back, and asked again
            return Err(error)


class Invoke(Step):
    """Call a user's function; answered with its `Outcome`."""

    __slots__ = ("args", "breaker", "conflicts", "flight", "function")

    def __init__(
        self,
        flight: Flight,
        function: Callable[..., Any],
        *args: Any,
        breaker: Any = None,
        conflicts: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.flight = flight
        self.function = function
        self.args = args
        self.breaker = breaker
        self.conflicts = conflicts

    def do(self) -> Outcome[Any]:
        """Call it on this thread."""

        def called() -> Any:
            return _invoking.call(self._begin, self.function, *self.args)

        try:
            if self.breaker is None:
                return Ok(called())
            outcome: Outcome[Any] = self.breaker.call(
                answers_as_values(called, self.conflicts)
            )
            return outcome  # noqa: TRY300 - both ways out may raise
        except Exception as error:  # noqa: BLE001 - the judge decides
            return Err(error)

    async def ado(self) -> Outcome[Any]:
        """Call it on the running loop."""

        async def called() -> Any:
            limiter = self.flight.limiter
            return await _invoking.acall(
                self._begin, self.function, *self.args, limiter=limiter
            )

        try:
            if self.breaker is None:
                return Ok(await called())
            outcome: Outcome[Any] = await self.breaker.acall(
                answers_as_values(called, self.conflicts, awaited=True)
            )
            return outcome  # noqa: TRY300 - both ways out may raise
        except Exception as error:  # noqa: BLE001 - the judge decides
            return Err(error)

    def _begin(self) -> None:
        self.flight.begun = True


class Delivery:
    """Delivers the items of one queue.

    Args:
        shared: Of the queue.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared: Final = shared

    def deliver(self, flight: Flight) -> Verdict:
        """Deliver on this thread; raises nothing but what interrupts it."""
        return run(lambda: self._flow(flight), lambda step: step.do())

    async def adeliver(self, flight: Flight) -> Verdict:
        """Deliver on the running loop; raises nothing but the cancellation."""
        return await arun(
            lambda: self._flow(flight, loop=True), lambda step: step.ado()
        )

    def _flow(self, flight: Flight, *, loop: bool = False) -> Flow[Step, Verdict]:
        shared, item = self._shared, flight.item
        judge, now = shared.judge, shared.clock.time()
        handler = shared.handlers.named(item.operation)
        if handler is None:
            return judge.unknown_here(item, "unknown-operation", now)
        if item.version > handler.payloads.version:
            return judge.unknown_here(item, "newer", now)
        parents: Outcome[dict[int, Ended]] = Ok({})
        if has_references(item):
            parents = yield from Parents(shared, flight)
        if isinstance(parents, Err):
            return judge.unread(item, parents.error)
        shut = _shut(item, parents.value)
        if shut is not None:
            return judge.shut(item, shut)
        try:
            payload = handler.payloads.read(item, parents.value)
            context = shared.context(flight, handler)
            invoke = _asked(handler, flight, payload, context, loop=loop)
        except Unreadable as error:
            return _unread(judge, item, error)
        outcome: Outcome[Any] = yield from invoke
        if isinstance(outcome, Ok):
            result, shown = stored_result(handler, item, outcome.value)
            return judge.done(item, shown, result)
        raised = outcome.error
        if flight.acked:
            return judge.done_before(item, raised, flight.acked_with)
        meaning = meaning_of(raised, handler.conflicts)
        if handler.on_conflict is None or meaning.kind != "conflict":
            return judge.raised(item, raised, meaning)
        decided: Outcome[Any] = yield from Invoke(
            flight, handler.on_conflict, payload, raised, context
        )
        return resolved(shared, handler, flight, raised, decided)


def _unread(judge: Judge, item: Item, error: Unreadable) -> Verdict:
    """Return what is to become of an item whose payload has another form."""
    if error.parked:
        return judge.parked(item, error.reason)
    return judge.failed(item, error.reason, error.__cause__)


def _shut(item: Item, parents: dict[int, Ended]) -> SealError | None:
    """Return why *item*, or what it needs of its parents, cannot be opened here."""
    if isinstance(item, ShutItem):
        return item.why
    shut = (each.why for each in parents.values() if isinstance(each, ShutEnded))
    return next(shut, None)


def _asked(
    handler: Handler, flight: Flight, payload: Any, context: ItemContext, *, loop: bool
) -> Invoke:
    operation = handler.operation
    guard = {"breaker": handler.breaker, "conflicts": handler.conflicts}
    if operation is None:
        args = (payload, context) if handler.wants_context else (payload,)
        return Invoke(flight, handler.function, *args, **guard)
    key, age = request_of(flight.item), context.age
    if key.age:  # it was tried before it got here
        age = max(age, key.age + context.waited)
    key = replace(key, age=age)
    call = operation.acall if loop else operation.call

    def asked() -> Any:
        return call(payload, key=key, scope=context.scope)

    async def aasked() -> Any:
        return await asked()

    return Invoke(flight, aasked if loop else asked, **guard)
