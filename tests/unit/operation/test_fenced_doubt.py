"""What nobody saw: never sent twice, never called refused, never lost."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
import time
import warnings
from typing import Any

import anyio
import pytest

from syncpatterns import _flow
from syncpatterns._http import RequestKey
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    ConfigurationError,
    DiskFull,
    LeaseLost,
    NotExecuted,
    OutcomeUnknown,
    ProviderUnavailable,
    ResultNotStorable,
)
from syncpatterns.events import Resolved
from syncpatterns.idempotency import Committed, NotCommitted
from syncpatterns.idempotency._verdicts import Undecided
from syncpatterns.operation import FencedContext, Operation
from syncpatterns.retry import CircuitBreaker
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import run_in_threads
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Fault,
    OptedOut,
    Receipt,
    Rejected,
    Send,
    Sent,
    dropped,
    lost,
    open_memory,
    open_sqlite,
    refused,
)

CANARY = "+12025550147"


# ------------------------------------------------------------------ the series


async def test_a_certain_failure_does_not_undo_an_earlier_doubt(
    desk: Desk, call: Caller
) -> None:
    """First a time-out, repeated on request, then refused connections: unknown."""
    operation = desk.operation(lookup=None, retry=desk.retry(on=Exception))
    desk.provider.faults = [lost(), *[refused() for _ in range(4)]]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"
    assert len(operation.unresolved()) == 1


async def test_a_circuit_that_opens_does_not_undo_an_earlier_doubt(
    desk: Desk, call: Caller
) -> None:
    """Nor does a refusal of our own breaker, which never let the attempt out."""
    breaker = CircuitBreaker(name="sms", clock=desk.clock, failures=1)
    operation = desk.operation(
        lookup=None, retry=desk.retry(on=Exception), breaker=breaker
    )
    desk.provider.faults = [lost()]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"


async def test_a_rejection_after_a_doubt_is_not_the_answer(
    desk: Desk, call: Caller
) -> None:
    """The first attempt may have been done; "rejected" would deny that."""
    operation = desk.operation(lookup=None, retry=desk.retry(on=TimeoutError))
    desk.provider.faults = [lost(), Fault(Rejected("twice"))]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"


async def test_no_retry_rule_repeats_what_may_have_been_done(
    desk: Desk, call: Caller
) -> None:
    """``Retry(on=Exception)`` and a lookup that is down: one message."""
    operation = desk.operation(retry=desk.retry(on=Exception))
    desk.provider.faults, desk.provider.down = [lost()], True

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert desk.provider.messages == ["lead-1"]


async def test_a_lookup_that_fails_once_is_asked_again(
    desk: Desk, call: Caller
) -> None:
    """By lookup_retry=; each try has the whole time-out."""
    operation = desk.operation(lookup_retry=desk.retry(on=Exception), timeout=5.0)
    desk.provider.faults = [lost()]
    desk.provider.blind = [ConnectionError("once"), ConnectionError("twice")]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert (len(desk.provider.calls), len(desk.provider.looks)) == (1, 3)


async def test_each_look_has_the_time_of_an_attempt(desk: Desk, call: Caller) -> None:
    """The pause between two looks is longer than the time-out and not part of it."""
    left: list[float] = []

    def find(command: Send, ctx: FencedContext) -> None:
        left.append(ctx.remaining())

    operation = desk.operation(lookup=find, timeout=2.0, look_pause=3.0)
    desk.provider.faults = [dropped()]

    await call(operation, Send())

    assert left == [pytest.approx(2.0, abs=0.5)] * 2


async def test_an_undeclared_not_executed_is_raised_as_it_is(
    desk: Desk, call: Caller
) -> None:
    """Our credentials are wrong: nothing was done, and nobody tries that again."""
    operation = desk.operation()
    desk.provider.faults = [Fault(NotExecuted("401", retry_after=60))]

    with pytest.raises(NotExecuted, match="401") as raised:
        await call(operation, Send())

    assert type(raised.value) is NotExecuted
    assert raised.value.retry_after == 60
    assert (desk.state(operation), len(desk.provider.calls)) == ("free", 1)


async def test_a_refusal_that_cannot_be_stored_gives_the_key_back(
    desk: Desk, call: Caller
) -> None:
    """It did say no; the mistake is told, and nothing stays held."""
    operation = desk.operation()
    desk.provider.faults = [Fault(Rejected("no", what=object()))]

    with pytest.raises(ResultNotStorable):
        await call(operation, Send())

    assert desk.state(operation) == "free"


@pytest.mark.parametrize("wrong", [False, True, "SM1", 7])
async def test_a_lookup_that_returns_no_receipt_decides_nothing(
    desk: Desk, call: Caller, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """False for "not there" would be committed as if it had been sent."""
    operation = desk.operation(lookup=lambda command, ctx: wrong)
    desk.provider.faults = [dropped()]

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert (desk.written(), len(desk.provider.calls)) == ([], 1)
    assert f"lookup= returned a {type(wrong).__name__}" in caplog.text
    assert operation.recheck("k1", scope="acme") == Undecided()


# ------------------------------------------------------------------ the commit


async def test_a_commit_that_fails_keeps_the_receipt(desk: Desk, call: Caller) -> None:
    """Once it is mended, recheck() writes the rows without asking anybody."""
    broken = [True]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if broken:
            raise RuntimeError(CANARY)
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)

    with pytest.raises(OutcomeUnknown, match="receipt is kept") as raised:
        await call(operation, Send())

    assert CANARY not in str(raised.value)
    (unsettled,) = operation.unresolved()
    assert unsettled.has_receipt
    assert desk.written() == []
    with pytest.raises(RuntimeError):
        operation.recheck(unsettled)
    broken.clear()
    assert operation.recheck(unsettled, by="ann") == Committed(Receipt(1))
    assert (desk.written(), desk.provider.looks) == ([("lead-1", 1)], [])
    replay = await call(operation, Send())
    assert (replay.value, replay.replayed) == (Sent("lead-1", 1), True)
    assert len(desk.provider.calls) == 1


async def test_a_receipt_of_none_was_done_all_the_same(
    desk: Desk, call: Caller
) -> None:
    """A provider that says nothing back; recheck() must not call that absent."""
    broken = [True]

    def send(command: Send, ctx: FencedContext) -> None:
        desk.provider.messages.append(command.to)

    def commit(tx: Any, command: Send, receipt: None) -> Sent:
        if broken:
            raise RuntimeError
        return desk.commit(tx, command, Receipt(0))

    operation = desk.operation(call=send, commit=commit, lookup=None)
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    broken.clear()
    (unsettled,) = operation.unresolved()

    assert unsettled.has_receipt
    assert operation.recheck(unsettled) == Committed(None)
    assert (await call(operation, Send())).replayed
    assert desk.provider.messages == ["lead-1"]


async def test_resolved_as_not_done_the_kept_receipt_is_void(
    desk: Desk, call: Caller
) -> None:
    """The next call sends; it does not commit the receipt of what was undone."""
    broken = [True]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if broken:
            raise RuntimeError
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    broken.clear()

    assert operation.resolve("k1", NotCommitted(), scope="acme", by="ann")
    answer = await call(operation, Send())

    assert (answer.replayed, len(desk.provider.calls)) == (False, 2)


async def test_a_result_that_cannot_be_stored_keeps_the_receipt(
    desk: Desk, call: Caller
) -> None:
    """The rows are undone with it, and somebody can mend it."""

    def commit(tx: Any, command: Send, receipt: Receipt) -> Any:
        desk.commit(tx, command, receipt)
        return object()

    operation = desk.operation(commit=commit)

    with pytest.raises(OutcomeUnknown) as raised:
        await call(operation, Send())

    assert isinstance(raised.value.__cause__, ResultNotStorable)
    (unsettled,) = operation.unresolved()
    assert unsettled.has_receipt
    if isinstance(desk.engine, SqliteEngine):
        assert desk.written() == []


async def test_a_receipt_that_cannot_be_kept_is_settled_all_the_same(
    desk: Desk, call: Caller
) -> None:
    """The key is unknown at once, not held until its lease is over."""

    def send(command: Send, ctx: FencedContext) -> Any:
        return object()

    def commit(tx: Any, command: Send, receipt: Any) -> Sent:
        raise RuntimeError

    operation: Any = desk.operation(call=send, commit=commit, lookup=None)

    with pytest.raises(OutcomeUnknown, match="ask the provider"):
        await call(operation, Send())

    assert desk.state(operation) == "unknown"


async def test_a_full_disk_at_the_commit_is_outlived(
    sqlite_desk: Desk, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is offered again while there is no room; nothing is sent again."""
    desk, tries = sqlite_desk, [DiskFull("full"), DiskFull("full")]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if tries:
            raise tries.pop()
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert (desk.written(), len(desk.provider.calls)) == ([("lead-1", 1)], 1)


async def test_a_disk_that_stays_full_leaves_it_unknown(
    sqlite_desk: Desk, call: Caller
) -> None:
    """And the receipt is found by whoever looks."""

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        raise DiskFull("full")

    operation = sqlite_desk.operation(commit=commit)

    with pytest.raises(OutcomeUnknown) as raised:
        await call(operation, Send())

    assert isinstance(raised.value.__cause__, DiskFull)
    assert len(operation.unresolved()) == 1


async def test_a_slow_commit_is_waited_for(
    sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch, way: str, call: Caller
) -> None:
    """Given up as a clean-up, it is asked again: it was written, and that is told."""
    desk = sqlite_desk
    monkeypatch.setattr(_flow, "CLEANUP_TIMEOUT", 0.05)
    slow = threading.Event()

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        slow.wait(0.2)
        return desk.commit(tx, command, receipt)

    operation = desk.operation(commit=commit)

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)
    assert desk.written() == [("lead-1", 1)]


# ----------------------------------------------------------------- the takeover


async def abandoned(desk: Desk, call: Caller, fault: Fault, **options: Any) -> Any:
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
    desk.clock.advance(31)
    return operation


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


# ----------------------------------------------------------------- settling


@pytest.mark.case("OPR-15", part="resolve")
@pytest.mark.parametrize("happened", [True, False])
async def test_what_was_unknown_is_settled_by_hand(
    desk: Desk, call: Caller, happened: bool, way: str
) -> None:
    """Done: rows are written and replayed. Not done: the key may be used again."""
    operation = desk.operation()
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    desk.provider.down = False
    verdict: Any = Committed(Receipt(41)) if happened else NotCommitted()

    settle: Any = operation.resolve if way == "blocking" else operation.aresolve
    settled = []
    for _ in range(2):
        done = settle("k1", verdict, scope="acme", by="ann", reason="seen")
        settled.append(done if way == "blocking" else await done)

    assert settled == [True, False]
    answer = await call(operation, Send())
    if happened:
        assert (answer.value, answer.replayed) == (Sent("lead-1", 41), True)
    else:
        assert (answer.replayed, len(desk.provider.calls)) == (False, 2)
    assert len(desk.written()) == 1
    (resolved,) = [fact for fact in desk.heard if isinstance(fact, Resolved)]
    assert (resolved.by, resolved.happened) == ("ann", happened)
    if isinstance(desk.engine, SqliteEngine):
        (kept,) = desk.engine.resolutions()
        assert (kept.by, kept.reason, kept.happened) == ("ann", "seen", happened)
        assert kept.key == operation.storage_key("k1", scope="acme")


async def test_settling_does_not_block_the_loop(call: Caller, clock: FakeClock) -> None:
    """Where rows are written elsewhere, that is done on a worker thread."""
    desk = Desk(open_memory(clock), clock, "async")
    threads: list[threading.Thread] = []

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        threads.append(threading.current_thread())
        return Sent(command.to, receipt.number)

    operation = desk.operation(commit=commit)
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert await operation.aresolve("k1", Committed(Receipt(1)), scope="acme")
    assert threads
    assert threading.current_thread() not in threads


async def test_only_ours_are_settled(desk: Desk, call: Caller) -> None:
    """Two operations share an engine; neither lists or settles the other's."""
    operation = desk.operation()
    other: Any = Operation(
        "sms.other", desk.engine, call=desk.provider.send, retry=None
    )
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    (unsettled,) = operation.unresolved()

    assert other.unresolved() == []
    assert other.resolve(unsettled, Committed(Receipt(1))) is False
    assert len(operation.unresolved()) == 1
    with pytest.raises(ConfigurationError, match="Committed"):
        operation.resolve(unsettled, "yes")  # type: ignore[arg-type]  # no verdict
    with pytest.raises(ConfigurationError, match="scope"):
        operation.resolve("k1", NotCommitted())


async def test_a_provider_that_cannot_be_asked_decides_nothing(
    desk: Desk, call: Caller
) -> None:
    """recheck() says so and leaves it unknown."""
    operation = desk.operation()
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert operation.recheck("k1", scope="acme") == Undecided()
    assert desk.state(operation) == "unknown"


# ------------------------------------------------------------------- the forms


def test_a_hung_thread_is_not_sent_after(sqlite_desk: Desk) -> None:
    """A plain call under acall() goes on after its time-out; it may send yet."""
    desk = sqlite_desk
    go = threading.Event()

    def hang() -> None:
        go.wait(10)

    operation = desk.operation(timeout=0.05)
    desk.provider.faults = [Fault(before=hang)]

    async def main() -> None:
        with pytest.raises(OutcomeUnknown):
            await operation.acall(Send(), key="k1", scope="acme")
        go.set()

    anyio.run(main)

    assert len(desk.provider.calls) == 1
    assert desk.state(operation) == "unknown"


async def test_a_plain_function_around_an_async_one(desk: Desk, call: Caller) -> None:
    """What it returns is awaited, not taken for the receipt."""
    provider = desk.provider
    operation = desk.operation(
        call=lambda command, ctx: provider.asend(Send(command.to), ctx),
        lookup=lambda command, ctx: provider.afind(Send(command.to), ctx),
    )
    desk.provider.faults = [lost()]

    answer = await call(operation, Send())

    assert answer.value == Sent("lead-1", 1)


@pytest.mark.case("OPR-31", part="portal")
def test_call_inside_a_running_loop_of_either_kind(tmp_path: Any) -> None:
    """An async provider is reached through the portal, from asyncio and from trio."""
    clock = FakeClock(auto_advance=True)
    found: list[str] = []
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="?")

    async def send(command: Send, ctx: FencedContext) -> Receipt:
        await anyio.lowlevel.checkpoint()
        asyncio.get_running_loop()
        found.append(who.get())
        return Receipt(1)

    with open_sqlite(tmp_path / "p.db", clock) as engine:
        operation: Any = Operation("sms.send", engine, call=send, timeout=5.0)

        async def main(backend: str) -> None:
            who.set(backend)
            operation.call(Send(), key=backend, scope="t")

        anyio.run(main, "asyncio", backend="asyncio")
        anyio.run(main, "trio", backend="trio")

    assert found == ["asyncio", "trio"]


def test_an_operation_that_waits_for_itself_is_told(tmp_path: Any) -> None:
    """call() in an async function on the portal would stand still for ever."""
    clock = FakeClock(auto_advance=True)
    with open_sqlite(tmp_path / "p.db", clock) as engine:

        async def inner(command: Send, ctx: FencedContext) -> Receipt:
            return Receipt(1)

        one: Any = Operation("inner", engine, call=inner)

        async def outer(command: Send, ctx: FencedContext) -> Receipt:
            return Receipt(one.call(Send(), key="k", scope="t").value.number)

        two: Any = Operation("outer", engine, call=outer)
        with pytest.raises(OutcomeUnknown) as raised:
            two.call(Send(), key="k", scope="t")

    assert isinstance(raised.value.__cause__, ConfigurationError)
    assert "acall" in str(raised.value.__cause__)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_child_has_a_portal_of_its_own(tmp_path: Any) -> None:
    """The parent's thread is not there; waiting for it would hang the child."""
    clock = FakeClock(auto_advance=True)
    engine = open_sqlite(tmp_path / "f.db", clock)

    async def send(command: Send, ctx: FencedContext) -> Receipt:
        return Receipt(7)

    operation: Any = Operation("sms.send", engine, call=send)
    assert operation.call(Send(), key="parent", scope="t").value == Receipt(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork
        child = os.fork()
        if child == 0:
            try:
                answer = operation.call(Send(), key="child", scope="t")
                os._exit(answer.value.number)
            finally:
                os._exit(1)
    deadline = time.monotonic() + 20
    done, status = 0, 0
    while not done and time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        threading.Event().wait(0.01)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
    engine.close()

    assert done
    assert os.waitstatus_to_exitcode(status) == 7


@pytest.mark.case("OPR-31", part="loop never blocked")
async def test_a_blocking_provider_does_not_stop_the_loop(
    sqlite_desk: Desk,
) -> None:
    """While call= blocks a thread, the loop turns within 20 ms."""
    desk = sqlite_desk
    free = threading.Event()
    operation = desk.operation(timeout=None)
    desk.provider.faults = [Fault(before=lambda: free.wait(0.3))]
    gaps: list[float] = []

    async def watch(scope: anyio.CancelScope) -> None:
        last = time.perf_counter()
        while not scope.cancel_called:
            await anyio.lowlevel.checkpoint()
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        answer = await operation.acall(Send(), key="k1", scope="acme")
        tasks.cancel_scope.cancel()

    assert answer.value == Sent("lead-1", 1)
    # A hiccup of a shared machine is not the library's; blocking would show as
    # one gap of the provider's whole 300 ms.
    assert sorted(gaps)[-5] < 0.02
    assert max(gaps) < 0.25


# --------------------------------------------------------------- lease and fence


@pytest.mark.case("OPR-21")
def test_a_late_receipt_is_fenced(tmp_path: Any) -> None:
    """A hung call; another engine took over by its lookup: one row, LeaseLost."""
    slow_clock, clock = FakeClock(), FakeClock(auto_advance=True)
    path = tmp_path / "two.db"
    ours = Desk(open_sqlite(path, slow_clock), slow_clock, "plain")
    theirs = Desk(open_sqlite(path, clock), clock, "plain", provider=ours.provider)
    hung, go = threading.Event(), threading.Event()

    def hang() -> None:
        hung.set()
        go.wait(20)

    ours.provider.faults = [Fault(before=hang)]
    operation, other = ours.operation(), theirs.operation()
    with ours.engine, theirs.engine:
        (join,) = run_in_threads(lambda: operation.call(Send(), key="k1", scope="acme"))
        assert hung.wait(20)
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


# ------------------------------------------------------------------ declarations


@pytest.mark.case("OPR-29")
async def test_downstream_keys(desk: Desk, call: Caller) -> None:
    """Equal over attempts, processes and releases; different over all else."""
    operation = desk.operation()
    desk.provider.faults = [refused()]
    await call(operation, Send())
    first = {ctx.downstream_key("sms") for ctx in desk.provider.calls}
    (one,) = first
    await call(operation, Send(), scope="other")
    scoped = desk.provider.calls[-1].downstream_key("sms")
    other: Any = Operation("sms.other", desk.engine, call=desk.provider.send)
    await call(other, Send())
    named = desk.provider.calls[-1].downstream_key("sms")

    assert len({one, scoped, named, desk.provider.calls[0].downstream_key("x")}) == 4
    assert len(one) == 32


@pytest.mark.case("OPR-35", part="fenced")
def test_the_guarantee_is_told(sqlite_desk: Desk) -> None:
    """By the property and by repr, the same."""
    kept = sqlite_desk.operation()
    rerun = sqlite_desk.operation(on_abandoned="rerun", lookup=None)

    assert (kept.guarantee, rerun.guarantee) == ("at_most_once", "at_least_once")
    assert repr(kept) == (
        "Operation('sms.send', engine='sqlite', mode='fenced', "
        "guarantee='at_most_once')"
    )


async def acommit(tx: Any, command: Send, receipt: Receipt) -> Sent:
    """Cannot be run in a transaction."""
    return Sent("", 0)


class AsyncCommit:
    """Nor can this."""

    async def __call__(self, tx: Any, command: Send, receipt: Receipt) -> Sent:
        return Sent("", 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"commit": acommit}, "commit="),
        ({"commit": AsyncCommit()}, "commit="),
        ({"check": lambda tx: None}, "check="),
        ({"lookup": lambda command: None}, "lookup="),
        ({"call": None}, "call="),
        ({"call": Send}, "call="),
        ({"timeout": -1}, "timeout="),
        ({"look_pause": float("nan")}, "look_pause="),
        ({"retry": 3}, "retry="),
        ({"breaker": 3}, "breaker="),
        ({"effect": lambda tx, command: 1}, "call="),
    ],
)
def test_a_wrong_declaration_is_refused(
    sqlite_desk: Desk, options: dict[str, Any], says: str
) -> None:
    """At start, with the argument's name."""
    with pytest.raises(ConfigurationError, match=says):
        sqlite_desk.operation(**options)


async def test_a_request_key_and_a_derived_key(desk: Desk, call: Caller) -> None:
    """As in mode single: the request's bytes count, or the command itself."""
    operation = desk.operation(key=lambda command: command.to)
    key = RequestKey("k9", b"f" * 32)

    answers = [await call(operation, Send(), key=each) for each in (key, key)]
    derived = [await call(operation, Send(to="b"), key=None) for _ in range(2)]

    assert [answer.replayed for answer in answers + derived] == [False, True] * 2
    with pytest.raises(ResultNotStorable, match="command"):
        await call(operation, CANARY, key=RequestKey("k10", b"g" * 32))


async def test_the_default_retry_goes_by_the_engines_clock(
    sqlite_desk: Desk, call: Caller
) -> None:
    """Else a test on a fake clock would really wait."""
    desk = sqlite_desk
    provider = desk.provider
    operation: Any = Operation(
        "sms.send", desk.engine, call=provider.send, lookup=provider.find, lease=600.0
    )
    desk.provider.faults = [refused(retry_after=50), lost()]
    desk.provider.blind = [ConnectionError("once")]

    await call(operation, Send())

    assert sum(desk.clock.slept) >= 50


# ---------------------------------------------------------------------- privacy


@pytest.mark.case("OPR-39", part="fenced")
async def test_no_value_of_a_command_is_shown(
    desk: Desk, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """Not by errors of the library, logs, hooks or reprs, whatever fails."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    def commit(tx: Any, command: Send, receipt: Any) -> Sent:
        raise ValueError(CANARY)

    for number, faults in enumerate(
        [
            [Fault(TimeoutError(CANARY), taken=True)],
            [Fault(NotExecuted(f"{number}")) for number in range(5)],
            [refused() for _ in range(5)],
            [],
        ]
    ):
        operation = desk.operation(commit=commit)
        desk.provider.faults, desk.provider.down = list(faults), True
        with pytest.raises((OutcomeUnknown, NotExecuted)) as raised:
            await call(operation, Send(CANARY, CANARY), key=f"k{number}")
        said += [str(raised.value), repr(raised.value)]
        said += [repr(each) for each in operation.unresolved()]
        said += [repr(ctx) for ctx in desk.provider.calls]

    assert [
        text for text in [*said, caplog.text, repr(desk.heard)] if CANARY in text
    ] == []
    assert len(said) > 8


async def test_given_up_it_is_unavailable_and_says_no_text_of_the_client(
    desk: Desk, call: Caller
) -> None:
    """The client's own error is the cause, for a debugger, not for a page."""
    operation = desk.operation(retry=None)
    desk.provider.faults = [refused()]

    with pytest.raises(ProviderUnavailable) as raised:
        await call(operation, Send())

    assert "connection refused" not in str(raised.value)
    assert str(raised.value.__cause__) == "connection refused"
