"""Whose owner died, or lost its lease: looked up, fenced, settled."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from syncpatterns.errors import (
    InProgress,
    LeaseLost,
    NotExecuted,
    OutcomeUnknown,
)
from syncpatterns.events import Busy
from syncpatterns.idempotency import Committed
from syncpatterns.idempotency._verdicts import Undecided
from syncpatterns.operation import FencedContext
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import run_in_threads
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Fault,
    OptedOut,
    Receipt,
    Send,
    Sent,
    dropped,
    lost,
    open_sqlite,
)


async def abandoned(
    desk: Desk, call: Caller, fault: Fault, *, after: float = 31, **options: Any
) -> Any:
    """Leave a key as a process does that dies in the middle of a request."""
    operation = desk.operation(**options)
    store = desk.engine.idempotency_store()
    request = operation._request(Send(), "k1", "acme")
    mode: Any = operation._mode
    dead = mode.make_call(Send(), request, mode.guard.port())
    desk.provider.faults = [fault]
    owned = store.claim(dead.request)
    assert owned.token
    if fault.taken:
        desk.provider.messages.append("lead-1")
    desk.provider.faults = []
    desk.clock.advance(after)
    return operation


async def test_a_busy_key_says_when_to_ask_again(desk: Desk, call: Caller) -> None:
    """As a guard says it: most calls end long before their lease does."""
    operation = await abandoned(desk, call, lost(), after=0)

    with pytest.raises(InProgress) as raised:
        await call(operation, Send())

    assert raised.value.retry_after == 5.0
    (fact,) = [each for each in desk.heard if isinstance(each, Busy)]
    assert fact.retry_after == 5.0


@pytest.mark.case("OPR-19", part="lease over")
async def test_a_dead_owners_message_is_adopted(desk: Desk, call: Caller) -> None:
    """The lookup finds it: one message, one row; the check is not asked."""
    operation = await abandoned(desk, call, lost(), check=_refuse)

    answer = await call(operation, Send())

    assert (answer.value, answer.replayed) == (Sent("lead-1", 1), False)
    assert (desk.provider.messages, desk.provider.calls) == (["lead-1"], [])
    assert desk.written() == [("lead-1", 1)]
    assert desk.told() == ["Abandoned", "Executed"]


def _refuse(tx: Any, command: Send) -> None:
    raise OptedOut("They said STOP meanwhile.")


@pytest.mark.case("OPR-20", part="lease over")
async def test_a_dead_owner_who_sent_nothing_is_replaced(
    desk: Desk, call: Caller
) -> None:
    """Twice absent: sent now, told that it is the second execution."""
    operation = await abandoned(desk, call, dropped())

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    (context,) = desk.provider.calls
    assert (context.attempts, context.abandoned, context.doubtful) == (2, True, False)
    assert len(desk.provider.looks) == 2


async def test_the_check_is_asked_again_once_it_is_certainly_absent(
    desk: Desk, call: Caller
) -> None:
    """Who said STOP between crash and takeover gets no message; it is the answer."""
    operation = await abandoned(desk, call, dropped(), check=_refuse)

    replayed = []
    for _ in range(2):
        with pytest.raises(OptedOut) as raised:
            await call(operation, Send())
        replayed.append(raised.value.replayed)

    assert replayed == [False, True]
    assert (desk.provider.messages, desk.provider.calls) == ([], [])


async def test_a_check_that_says_not_now_at_a_takeover_gives_the_key_back(
    desk: Desk, call: Caller
) -> None:
    """It must not stay held until another lease is over."""

    def check(tx: Any, command: Send) -> None:
        raise NotExecuted("Not at night.")

    operation = await abandoned(desk, call, dropped(), check=check)

    with pytest.raises(NotExecuted, match="night"):
        await call(operation, Send())

    assert desk.state(operation) == "free"


async def test_a_takeover_that_cannot_look_is_unknown(desk: Desk, call: Caller) -> None:
    """Whether the dead owner sent is for somebody to find out."""
    operation = await abandoned(desk, call, lost())
    desk.provider.down = True

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert (desk.state(operation), desk.provider.calls) == ("unknown", [])


@pytest.mark.parametrize("policy", ["quarantine", "rerun"])
async def test_without_a_lookup_the_policy_decides(
    desk: Desk, call: Caller, policy: Any
) -> None:
    """At most once, or at least once: as ``guarantee`` says."""
    operation = await abandoned(desk, call, lost(), lookup=None, on_abandoned=policy)

    if policy == "quarantine":
        with pytest.raises(OutcomeUnknown):
            await call(operation, Send())
    else:
        assert (await call(operation, Send())).value == Sent("lead-1", 2)

    assert len(desk.provider.messages) == (1 if policy == "quarantine" else 2)
    expected = "at_most_once" if policy == "quarantine" else "at_least_once"
    assert operation.guarantee == expected


async def test_what_is_rerun_is_checked_again(desk: Desk, call: Caller) -> None:
    """Who opted out meanwhile gets no second one; whether a first, nobody knows."""
    operation = await abandoned(
        desk, call, lost(), lookup=None, on_abandoned="rerun", check=_refuse
    )

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert (desk.state(operation), desk.provider.messages) == ("unknown", ["lead-1"])


async def test_a_lapsed_claim_is_listed_and_settled(desk: Desk, call: Caller) -> None:
    """Also before anybody called again; its late owner is fenced."""
    operation = await abandoned(desk, call, lost())
    token = desk.record(operation).token  # type: ignore[union-attr]  # it is there

    (unsettled,) = operation.unresolved()
    verdict = operation.recheck(unsettled, by="ann")

    assert verdict == Committed(Receipt(1))
    assert desk.written() == [("lead-1", 1)]
    store = desk.engine.idempotency_store()
    assert store.release(unsettled.key, token) is False
    assert operation.unresolved() == []
    assert operation.recheck(unsettled) == Undecided()
    assert desk.written() == [("lead-1", 1)]


@pytest.mark.case("OPR-21", part="two engines")
def test_a_late_receipt_is_fenced(tmp_path: Any) -> None:
    """A hung call; another engine took over by its lookup: one row, LeaseLost."""
    slow_clock, clock = FakeClock(), FakeClock(auto_advance=True)
    path = tmp_path / "two.db"
    ours = Desk(open_sqlite(path, slow_clock), slow_clock, "plain")
    theirs = Desk(open_sqlite(path, clock), clock, "plain", provider=ours.provider)
    hung, go = threading.Event(), threading.Event()

    def hang() -> None:
        hung.set()
        go.wait(120)

    ours.provider.faults = [Fault(before=hang)]
    operation, other = ours.operation(), theirs.operation()
    with ours.engine, theirs.engine:
        (join,) = run_in_threads(lambda: operation.call(Send(), key="k1", scope="acme"))
        assert hung.wait(120)
        clock.advance(31)
        ours.provider.messages.append("lead-1")  # it did arrive there
        answer = other.call(Send(), key="k1", scope="acme")
        go.set()
        with pytest.raises(LeaseLost):
            join()

        assert answer.value == Sent("lead-1", 1)
        assert theirs.written() == [("lead-1", 1)]
        assert ours.told() == ["Fenced"]


async def test_a_lost_lease_cancels_an_async_call(tmp_path: Any) -> None:
    """It is not left to finish what somebody else does again."""
    clock = FakeClock()
    desk = Desk(open_sqlite(tmp_path / "l.db", clock), clock, "async")
    ended: list[str] = []
    started = anyio.Event()

    async def send(command: Send, ctx: FencedContext) -> Receipt:
        started.set()
        try:
            await anyio.Event().wait()
        except BaseException as error:
            ended.append(type(error).__name__)
            raise
        return Receipt(1)

    operation = desk.operation(call=send)
    errors: list[Exception] = []

    async def call() -> None:
        try:
            await operation.acall(Send(), key="k1", scope="acme")
        except LeaseLost as error:
            errors.append(error)

    with desk.engine as engine:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await started.wait()
            store = engine.idempotency_store()
            key = operation.storage_key("k1", scope="acme")
            record = store.inspect(key)
            assert record is not None
            store.release(key, record.token)  # as if others had it now
            clock.advance(11)

    assert len(errors) == 1
    assert ended in (["CancelledError"], ["Cancelled"])
