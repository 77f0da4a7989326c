"""How users call the public API; read by mypy and pyright, never run.

Add lines for every public name. `assert_type` states what a call gives back; a
`type: ignore` states what must be refused, and fails once it is accepted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import assert_type

import syncpatterns
from syncpatterns import (
    SINGLE_TENANT,
    Answer,
    CircuitBreaker,
    Event,
    Gap,
    Hub,
    Idempotency,
    Operation,
    Position,
    Publisher,
    Result,
    Retry,
    connect,
    idempotent,
)
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import (
    InProgress,
    KeyReused,
    NotExecuted,
    SyncPatternsError,
)
from syncpatterns.idempotency import (
    Committed,
    Context,
    NotCommitted,
    Record,
    current_context,
)
from syncpatterns.operation import FencedContext, Transaction, Unsettled
from syncpatterns.realtime import Delivered
from syncpatterns.retry import (
    Attempt,
    RetryBudget,
    deadline,
    equal_jitter,
    remaining,
)
from syncpatterns.testing import instant

version: str = syncpatterns.__version__

# ------------------------------------------------------------- clock, errors
clock: Clock = SystemClock()
assert_type(clock.time(), float)
assert_type(clock.monotonic(), float)


def handle(error: SyncPatternsError) -> float | None:
    """An error says when to come back, and whether anything happened."""
    assert_type(error.status, int)
    assert_type(error.problem, str)
    if isinstance(error, KeyReused | InProgress):
        assert_type(error, KeyReused | InProgress)
    return error.retry_after if isinstance(error, NotExecuted) else None


# --------------------------------------------------------------------- retry
retry = Retry(on=ConnectionError, attempts=3, wait=equal_jitter(cap=2.0))
Retry()  # type: ignore[call-arg]  # what may be retried has no default


shared = RetryBudget(size=20, ratio=0.1)
options = Retry(
    on=(ConnectionError, TimeoutError),
    attempts=None,
    timeout=30,
    budget=shared,
    result=lambda value: value is None,
    patient=True,
)
assert_type(options.budget, RetryBudget | None)
assert_type(shared.tokens, float)
assert_type(remaining(), float)
Retry(on=ConnectionError, budget=None)
Retry(on=ConnectionError, budget=10)  # type: ignore[arg-type]  # a number is no budget


@retry
def reserve(order: str, *, count: int = 1) -> int:
    """A decorated function keeps its signature."""
    return len(order) * count


@retry
async def areserve(order: str) -> int:
    """And so does a coroutine function."""
    return len(order)


@retry
def orders(first: int) -> Iterator[int]:
    """A generator function stays one."""
    yield first


@retry
async def aorders(first: int) -> AsyncIterator[int]:
    """And so does an async one."""
    yield first


def use_blocks() -> None:
    """A block is a loop over attempts."""
    for attempt in retry:
        with attempt as entered, deadline(2.0):
            assert_type(attempt, Attempt)
            assert_type(entered.number, int)
    assert_type(list(orders(1)), list[int])
    with instant() as waited:
        assert_type(waited.sleeps, list[float])


async def use_retry() -> None:
    """A call gives what the function gives."""
    async for attempt in retry:
        with attempt:
            assert_type(attempt.number, int)
    assert_type([item async for item in aorders(1)], list[int])
    assert_type(reserve("a", count=2), int)
    assert_type(await areserve("a"), int)
    assert_type(retry.call(reserve, "a", count=2), int)
    assert_type(await retry.acall(areserve, "a"), int)
    reserve(1)  # type: ignore[arg-type]  # an order is a string
    retry.call(reserve, order=1)  # type: ignore[arg-type]  # as above


# ----------------------------------------------------------------- operation
@dataclass(frozen=True, slots=True)
class Confirm:
    """A command."""

    booking_id: str


@dataclass(frozen=True, slots=True)
class Booking:
    """What comes of it."""

    booking_id: str
    status: str


def confirm_booking(tx: Transaction, command: Confirm) -> Booking:
    """An effect gets the transaction and the command."""
    tx.publish()
    return Booking(command.booking_id, "confirmed")


def confirm_created(tx: Transaction, command: Confirm) -> Result[Booking]:
    """It may add a status and headers to its value."""
    booking = confirm_booking(tx, command)
    return Result(booking, status=201, headers={"Location": "/bookings/1"})


engine = connect("memory://")
confirm = Operation("bookings.confirm", engine, effect=confirm_booking)
create = Operation("bookings.create", engine, effect=confirm_created)
assert_type(confirm, Operation[Confirm, Booking])
assert_type(create, Operation[Confirm, Booking])


async def use_operation(key: str) -> None:
    """An answer holds what the effect returned."""
    command = Confirm("b1")
    answer = confirm.call(command, key=key, scope=SINGLE_TENANT)
    assert_type(answer, Answer[Booking])
    assert_type(answer.value, Booking)
    assert_type(answer.replayed, bool)
    later = await create.acall(command, key=key, scope="tenant")
    assert_type(later.value, Booking)
    confirm.call(command, key=key)  # type: ignore[call-arg]  # the scope is required
    confirm.call("b1", key=key, scope="t")  # type: ignore[arg-type]  # not a Confirm


# ---------------------------------------------------------- operation, fenced
@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider answers."""

    number: int


async def asend(command: Confirm, ctx: FencedContext) -> Receipt:
    """A provider that is awaited."""
    assert_type(ctx.remaining(), float)
    assert_type(ctx.downstream_key("sms"), str)
    assert_type(await ctx.astep("one", areceipt), Receipt)
    return Receipt(ctx.attempt)


async def areceipt() -> Receipt:
    """What a step returns."""
    return Receipt(0)


def send(command: Confirm, ctx: FencedContext) -> Receipt:
    """A provider that blocks."""
    assert_type(ctx.step("one", lambda: 1), int)
    return Receipt(ctx.attempts)


def find(command: Confirm, ctx: FencedContext) -> Receipt | None:
    """A lookup."""
    return None


def record(tx: Transaction, command: Confirm, receipt: Receipt) -> Booking:
    """Write the rows."""
    return Booking(command.booking_id, str(receipt.number))


def record_created(
    tx: Transaction, command: Confirm, receipt: Receipt
) -> Result[Booking]:
    """And choose the status."""
    return Result(record(tx, command, receipt), status=201)


def check(tx: Transaction, command: Confirm) -> None:
    """Refuse before anything leaves."""


fenced = Operation(
    "sms.send",
    engine,
    call=send,
    lookup=find,
    commit=record,
    check=check,
    breaker=CircuitBreaker(name="sms"),
    timeout=10.0,
    on_abandoned="rerun",
)
afenced = Operation("sms.asend", engine, call=asend, commit=record)
fenced_created = Operation("sms.created", engine, call=send, commit=record_created)
afenced_created = Operation("sms.acreated", engine, call=asend, commit=record_created)
bare = Operation("sms.bare", engine, call=send)
abare = Operation("sms.abare", engine, call=asend)
assert_type(fenced, Operation[Confirm, Booking])
assert_type(afenced, Operation[Confirm, Booking])
assert_type(fenced_created, Operation[Confirm, Booking])
assert_type(afenced_created, Operation[Confirm, Booking])
assert_type(bare, Operation[Confirm, Receipt])
assert_type(abare, Operation[Confirm, Receipt])


async def use_fenced(key: str) -> None:
    """What nobody knew is listed with its command, and settled."""
    answer = await afenced.acall(Confirm("b1"), key=key, scope="t")
    assert_type(answer.value, Booking)
    assert_type(fenced.unresolved(), list[Unsettled[Confirm]])
    for unsettled in await fenced.aunresolved(10):
        assert_type(unsettled.command, Confirm | None)
        assert_type(fenced.resolve(unsettled, Committed(Receipt(1)), by="ann"), bool)
        assert_type(await fenced.aresolve(key, NotCommitted(), scope="t"), bool)
        fenced.recheck(unsettled, by="ann")
    fenced.call("b1", key=key, scope="t")  # type: ignore[arg-type]  # not a Confirm


# --------------------------------------------------------------- idempotency
guard = Idempotency(engine, lease=10.0)
idempotent(engine, key="order")  # type: ignore[call-arg]  # the scope is required


@idempotent(engine, key="order", scope=SINGLE_TENANT)
def ship(order: str, count: int = 1) -> list[str]:
    """A guarded function keeps its signature."""
    assert_type(current_context(), Context)
    return [order] * count


@idempotent(guard, key=lambda order: order, scope=SINGLE_TENANT)
async def aship(order: str) -> bytes:
    """And so does a guarded coroutine function."""
    return order.encode()


class Warehouse:
    """A guarded method is called like any other."""

    @idempotent(guard, key="order", scope=SINGLE_TENANT)
    def ship(self, order: str) -> int:
        """Count."""
        return len(order)


def effect(context: Context) -> float:
    """What is to happen once."""
    return float(context.attempts)


async def aeffect(context: Context) -> float:
    """And awaited."""
    return float(context.attempts)


async def use_idempotency() -> None:
    """A replay has the type of the first answer."""
    assert_type(ship("a", count=2), list[str])
    assert_type(await aship("a"), bytes)
    assert_type(Warehouse().ship("a"), int)
    ship(1)  # type: ignore[arg-type]  # an order is a string
    assert_type(guard.execute("k", effect, scope="t", operation="o"), float)
    assert_type(await guard.aexecute("k", aeffect, scope="t", operation="o"), float)
    guard.execute("k", effect, operation="o")  # type: ignore[call-arg]  # no scope
    assert_type(guard.inspect("k", scope="t", operation="o"), Record | None)


# ------------------------------------------------------------------ realtime
hub = Hub()
publisher: Publisher = hub


async def use_realtime() -> None:
    """A subscriber sees events with their positions, or a gap."""
    event = Event("bookings", "booking.confirmed", {"id": "b1"})
    await publisher.apublish(event)
    since = {"bookings": Position.parse("e:5")}
    async with hub.subscribe("bookings", since=since) as subscription:
        async for item in subscription:
            assert_type(item, Delivered | Gap)
            if isinstance(item, Gap):
                assert_type(item.top, Position)
            else:
                assert_type(item.event, Event)
    hub.subscribe("bookings", since="yesterday")  # type: ignore[arg-type]  # no such place
