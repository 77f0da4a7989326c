"""What a guarded call asks of the outside, each blocking and awaiting.

Steps that talk to the store end although their task is cancelled, in whichever
way: cancelled between a claim and its answer, it would hold the key until the
lease runs out.
"""

from __future__ import annotations

import _thread
import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from operator import methodcaller
from typing import Any, ClassVar, TypeVar

from syncpatterns._flow import Effect
from syncpatterns._landing import Closable
from syncpatterns._loops import current_loop
from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._bell import News, TaskBell, ThreadBell
from syncpatterns.idempotency._call import Call
from syncpatterns.idempotency._context import Context, current, lease_lost
from syncpatterns.idempotency._core import ClaimAnswer, StoredOutcome
from syncpatterns.idempotency._flights import Flight
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._policy import Probe
from syncpatterns.idempotency._ports import AsyncIdempotencyStore, IdempotencyStore

T = TypeVar("T")

_log = logging.getLogger("syncpatterns")

#: How `run` and `arun` perform a step that knows how to be done: any effect
#: with these two methods.
do: Callable[[Any], Any] = methodcaller("do")
ado: Callable[[Any], Awaitable[Any]] = methodcaller("ado")


class Step(Effect[T], ABC):
    """A request that knows how to be done on a thread and on a loop."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call = call

    @abstractmethod
    def do(self) -> T:
        """Do it, blocking."""

    @abstractmethod
    async def ado(self) -> T:
        """Do it on an event loop."""


class StoreStep(Step[T]):
    """One call of the store; it ends although its task is cancelled."""

    __slots__ = ()
    shield: ClassVar[bool] = True

    @property
    def in_place(self) -> bool:
        return self.call.setup.in_place


class Claim(StoreStep[ClaimAnswer]):
    """Take the key."""

    __slots__ = ()

    def do(self) -> ClaimAnswer:
        store: IdempotencyStore = self.call.port
        return store.claim(self.call.request)

    async def ado(self) -> ClaimAnswer:
        store: AsyncIdempotencyStore = self.call.port
        return await store.claim(self.call.request)


class _Settle(StoreStep[bool]):
    """A change that needs the token; False if it was stale."""

    __slots__ = ("token",)

    def __init__(self, call: Call, token: int) -> None:
        self.call = call
        self.token = token


class Complete(_Settle):
    """Store the answer."""

    __slots__ = ("outcome",)

    def __init__(self, call: Call, token: int, outcome: StoredOutcome) -> None:
        self.call = call
        self.token = token
        self.outcome = outcome

    def do(self) -> bool:
        store: IdempotencyStore = self.call.port
        windows = self.call.plan.windows
        return store.complete(self.call.key, self.token, self.outcome, windows)

    async def ado(self) -> bool:
        store: AsyncIdempotencyStore = self.call.port
        windows = self.call.plan.windows
        return await store.complete(self.call.key, self.token, self.outcome, windows)


class Release(_Settle):
    """Give the key back: nothing happened."""

    __slots__ = ()

    def do(self) -> bool:
        store: IdempotencyStore = self.call.port
        return store.release(self.call.key, self.token)

    async def ado(self) -> bool:
        store: AsyncIdempotencyStore = self.call.port
        return await store.release(self.call.key, self.token)


class Abandon(_Settle):
    """Mark the outcome unknown."""

    __slots__ = ()

    def do(self) -> bool:
        store: IdempotencyStore = self.call.port
        return store.abandon(self.call.key, self.token)

    async def ado(self) -> bool:
        store: AsyncIdempotencyStore = self.call.port
        return await store.abandon(self.call.key, self.token)


class Lapse(_Settle):
    """End the lease now, for the next caller to find the key abandoned."""

    __slots__ = ()

    def do(self) -> bool:
        store: IdempotencyStore = self.call.port
        return store.renew(self.call.key, self.token, 0.0, self.call.plan.windows)

    async def ado(self) -> bool:
        store: AsyncIdempotencyStore = self.call.port
        windows = self.call.plan.windows
        return await store.renew(self.call.key, self.token, 0.0, windows)


class Pause(Step[None]):
    """Wait before asking the store again; a cancelled waiter just goes."""

    __slots__ = ("seconds",)

    def __init__(self, call: Call, seconds: float) -> None:
        self.call = call
        self.seconds = seconds

    def do(self) -> None:
        places = self.call.setup.policy.max_waiters
        with self.call.setup.flights.waiting_room(places):
            self.call.setup.clock.sleep(self.seconds)

    async def ado(self) -> None:
        places = self.call.setup.policy.max_waiters
        with self.call.setup.flights.waiting_room(places):
            await self.call.setup.clock.asleep(self.seconds)


class Rest(Pause):
    """Wait before offering a result again; it must not be lost."""

    __slots__ = ()
    shield: ClassVar[bool] = True

    def do(self) -> None:
        self.call.setup.clock.sleep(self.seconds)

    async def ado(self) -> None:
        await self.call.setup.clock.asleep(self.seconds)


class Follow(Step[tuple[bool, News]]):
    """Sleep until the leader ends: (True, its news), or (False, None): too long."""

    __slots__ = ("leader", "seconds")

    def __init__(self, call: Call, leader: Flight, seconds: float) -> None:
        self.call = call
        self.leader = leader
        self.seconds = seconds

    def do(self) -> tuple[bool, News]:
        flights, bell = self.call.setup.flights, ThreadBell()
        with flights.waiting_room(self.call.setup.policy.max_waiters):
            if not flights.follow(self.leader, bell):
                return True, None
            try:
                rung = bell.wait(self.call.setup.clock, self.seconds)
            finally:
                flights.unfollow(self.leader, bell)
        return rung, bell.news

    async def ado(self) -> tuple[bool, News]:
        flights, bell = self.call.setup.flights, TaskBell()
        with flights.waiting_room(self.call.setup.policy.max_waiters):
            if not flights.follow(self.leader, bell):
                return True, None
            try:
                rung = await bell.wait(self.call.setup.clock, self.seconds)
            finally:
                flights.unfollow(self.leader, bell)
        return rung, bell.news


class Run(Step[Outcome[Any]]):
    """Call the user's function; whatever it raises comes back as a value."""

    __slots__ = ("context", "lease")

    def __init__(self, call: Call, context: Context, lease: Lease) -> None:
        self.call = call
        self.context = context
        self.lease = lease

    def do(self) -> Outcome[Any]:
        before = current.set(self.context)
        try:
            value = self._function()(self.context)
            if hasattr(value, "__await__"):
                return Err(_never_awaited(self.call.where, value))
            return Ok(value)
        except BaseException as error:  # noqa: BLE001 - the flow decides
            return Err(error)
        finally:
            current.reset(before)

    async def ado(self) -> Outcome[Any]:
        import anyio  # noqa: PLC0415 - sync users never pay for the event loop

        scope = anyio.CancelScope()
        call_soon = current_loop().soon

        def stop() -> None:
            self.call.land()
            # A loop that is closed meanwhile has nobody left to cancel. Raised
            # here, it would end the heartbeat of every call of the process.
            with suppress(RuntimeError):
                call_soon(scope.cancel)

        self.lease.on_lost = stop
        before = current.set(self.context)
        try:
            with Closable(scope):
                value = self._function()(self.context)
                return Ok(await value if inspect.isawaitable(value) else value)
        except GeneratorExit:
            raise  # nothing can be awaited any more: see `closed`
        except BaseException as error:  # noqa: BLE001 - the flow decides
            return Err(error)
        finally:
            with suppress(ValueError):  # closed in another context, which has none
                current.reset(before)
            self.lease.on_lost = self.call.land
        return Err(lease_lost(self.call.plan.operation, self.context.key_hash))

    def closed(self, closing: BaseException) -> Outcome[Any]:
        """Tell the flow as an outcome: the key is to be given back, or is unknown."""
        return Err(closing)

    def _function(self) -> Any:
        return self.call.effect


class Ask(Run):
    """Call the user's probe instead."""

    __slots__ = ("probe",)

    def __init__(
        self, call: Call, context: Context, lease: Lease, probe: Probe
    ) -> None:
        super().__init__(call, context, lease)
        self.probe = probe

    def _function(self) -> Any:
        return self.probe


def hand_on(step: Step[Any]) -> Any:
    """Have *step*, a clean-up, done by a thread; for a coroutine that is being closed.

    The garbage collector may be closing it, in the middle of anything, so this
    waits for nobody: not for the store, whose lock this very thread may hold,
    and not, as `threading.Thread.start` does, for the new thread either.

    Returns:
        True, as if it had been done: nobody is left to be told otherwise.
    """
    call, store = step.call, step.call.setup.stores.blocking
    why: object = "it can only be awaited"
    if store is not None:
        done = _thread.allocate_lock()
        done.acquire()
        before, call.handed = call.handed, done
        try:
            _thread.start_new_thread(_do_last, (step, store, before, done))
        except RuntimeError as error:  # the interpreter ends, or has no room
            done.release()
            why = error
        else:
            return True
    _log.warning(
        "%s: its coroutine was closed while it ran, and the store cannot be told "
        "(%s); the key is held until its lease runs out.",
        call.where,
        why,
    )
    return True


def _do_last(
    step: Step[Any],
    store: IdempotencyStore,
    before: _thread.LockType | None,
    done: _thread.LockType,
) -> None:
    step.call.port = store
    try:
        if before is not None:  # a receipt is kept before the key is let go
            with before:
                pass
        step.do()
    except Exception as error:  # noqa: BLE001 - the lease runs out by itself
        _log.warning("%s: the key could not be settled: %s", step.call.where, error)
    finally:
        done.release()


def _never_awaited(where: str, value: Any) -> ConfigurationError:
    """Close a coroutine that nobody will await: nothing in it has run."""
    if inspect.iscoroutine(value):
        value.close()
    return ConfigurationError(
        f"{where}: the function returned something to await. Use aexecute, or "
        "decorate an `async def`."
    )
