"""Plain and async functions, threads and loops, declarations; nothing is shown."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import os
import threading
import time
import warnings
from typing import Any

import anyio
import pytest

from syncpatterns._http import RequestKey
from syncpatterns.errors import (
    ConfigurationError,
    EngineBusy,
    NotExecuted,
    NotSent,
    OutcomeUnknown,
    ProviderUnavailable,
    ResultNotStorable,
)
from syncpatterns.operation import FencedContext, Operation
from syncpatterns.retry import Retry
from syncpatterns.testing import FakeClock
from tests.timing import at_best_async
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Fault,
    Receipt,
    Send,
    Sent,
    lost,
    open_sqlite,
    refused,
)

CANARY = "+12025550147"


def test_a_hung_thread_is_not_sent_after(sqlite_desk: Desk) -> None:
    """A plain call under acall() goes on after its time-out; it may send yet."""
    desk = sqlite_desk
    go = threading.Event()

    def hang() -> None:
        go.wait(120)

    operation = desk.operation(timeout=1.0)
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
    deadline = time.monotonic() + 120
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
    """While call= blocks a thread, the loop turns, and for 20 ms nobody holds it.

    The provider waits for the loop to have turned a hundred times; where it blocks
    the loop, both wait. How long a turn takes is processor time of the loop's
    thread: what else the machine does is not the library's.
    """
    desk = sqlite_desk
    operation = desk.operation(timeout=None)
    keys = itertools.count(1)

    async def longest_turn() -> float:
        inside, turned = threading.Event(), threading.Event()
        found: list[bool] = []
        gaps: list[float] = []

        def block() -> None:
            inside.set()
            found.append(turned.wait(120))

        desk.provider.faults = [Fault(before=block)]

        async def watch(scope: anyio.CancelScope) -> None:
            turns, last = 0, time.thread_time()
            while not scope.cancel_called:
                await anyio.lowlevel.checkpoint()
                now = time.thread_time()
                gaps.append(now - last)
                last = now
                turns += inside.is_set()
                if turns >= 100:
                    turned.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, tasks.cancel_scope)
            key = next(keys)
            command = Send(f"lead-{key}")
            answer = await operation.acall(command, key=f"k{key}", scope="acme")
            tasks.cancel_scope.cancel()

        assert answer.value == Sent(f"lead-{key}", key)
        assert found == [True]
        return max(gaps)

    # The cycle collector may have its turn in one of them.
    assert await at_best_async(longest_turn, 0.02) < 0.02


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


@pytest.mark.case("OPR-35", part="fenced")
@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (None, "at_most_once"),
        (Retry(on=NotSent), "at_most_once"),
        (Retry(on=(NotSent, EngineBusy)), "at_most_once"),
        (Retry(on=TimeoutError, attempts=1), "at_most_once"),
        (Retry(on=TimeoutError), "at_least_once"),
        (Retry(on=(NotSent, TimeoutError)), "at_least_once"),
        (Retry(on=lambda error: True), "at_least_once"),
    ],
    ids=range(7),
)
def test_a_retry_that_repeats_the_unknown_is_told(
    sqlite_desk: Desk, retry: Retry | None, expected: str
) -> None:
    """Nobody can look, so what may have been done is done again; with a lookup not."""
    blind = sqlite_desk.operation(lookup=None, retry=retry)
    seeing = sqlite_desk.operation(retry=retry)

    assert blind.guarantee == expected
    assert seeing.guarantee == "at_most_once"


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
