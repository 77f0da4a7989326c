from __future__ import annotations

import gc
import inspect
import random
import threading
import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError, EngineBusy
from syncpatterns.events import Fact, GaveUp, Retried, Swept
from syncpatterns.retry import Retry, no_jitter
from syncpatterns.testing import FakeClock
from tests.unit.retry.leftovers import collected, left_by


class Down(Exception):
    pass


@pytest.mark.case("RTY-07", part="sync")
def test_five_attempts_sleep_four_times(clock: FakeClock, flaky: Any) -> None:
    """Nobody sleeps after the last failure."""
    fn = flaky(*[Down(n) for n in range(9)])
    retry = Retry(on=Down, wait=no_jitter(), clock=clock)

    with pytest.raises(Down) as caught:
        retry.call(fn)
    assert caught.value.args == (4,)
    assert fn.calls == 5
    assert clock.slept == [1, 2, 4, 4]


@pytest.mark.case("RTY-07", part="async")
async def test_five_async_attempts_sleep_four_times(
    clock: FakeClock, flaky: Any
) -> None:
    """The same on asyncio and trio."""
    fn = flaky(*[Down(n) for n in range(9)])
    retry = Retry(on=Down, wait=no_jitter(), clock=clock)

    with pytest.raises(Down) as caught:
        await retry.acall(fn.acall)
    assert caught.value.args == (4,)
    assert fn.calls == 5
    assert clock.slept == [1, 2, 4, 4]


@pytest.mark.case("RTY-08")
async def test_one_attempt_never_sleeps(clock: FakeClock, flaky: Any) -> None:
    """attempts=1 is a plain call."""
    fn = flaky(Down(), Down())
    retry = Retry(on=Down, attempts=1, clock=clock)

    with pytest.raises(Down):
        retry.call(fn)
    with pytest.raises(Down):
        await retry.acall(fn.acall)
    assert fn.calls == 2
    assert clock.slept == []


async def test_a_success_is_returned_at_once(clock: FakeClock, flaky: Any) -> None:
    """The value comes back untouched; no strategy is asked."""
    retry = Retry(on=_unasked, clock=clock)

    assert retry.call(flaky()) == "done"
    assert await retry.acall(flaky().acall) == "done"
    assert retry.call(dict, a=1) == {"a": 1}


def _unasked(error: Exception) -> bool:
    raise AssertionError("asked without a failure")


async def test_a_passing_failure_is_not_seen_by_the_caller(
    clock: FakeClock, flaky: Any
) -> None:
    """Two failures, then the result."""
    retry = Retry(on=(Down, OSError), clock=clock)

    assert retry.call(flaky(Down(), OSError())) == "done"
    assert await retry.acall(flaky(OSError(), Down()).acall) == "done"


async def test_an_error_that_on_does_not_name_passes_at_once(
    clock: FakeClock, flaky: Any
) -> None:
    """The caller gets the very exception, with its own traceback."""
    error = ValueError("no")
    fn = flaky(error)
    retry = Retry(on=Down, clock=clock)

    with pytest.raises(ValueError, match="no") as caught:
        retry.call(fn)
    assert caught.value is error
    assert error.__context__ is None
    fn.errors.append(error)
    with pytest.raises(ValueError, match="no"):
        await retry.acall(fn.acall)
    assert fn.calls == 2


def test_a_predicate_decides_by_the_error(clock: FakeClock, flaky: Any) -> None:
    """on= may be a function of the exception."""
    retry = Retry(on=lambda error: error.args == ("again",), clock=clock)

    assert retry.call(flaky(Down("again"))) == "done"
    with pytest.raises(Down, match="never"):
        retry.call(flaky(Down("again"), Down("never"), Down("again")))


@pytest.mark.case("RTY-11", part="loop")
async def test_an_errors_own_retry_after_is_kept(clock: FakeClock, flaky: Any) -> None:
    """EngineBusy(retry_after=30) sleeps 30 to 31 s although the cap is 4."""
    retry = Retry(on=EngineBusy, clock=clock, rng=random.Random(1))

    assert retry.call(flaky(EngineBusy(retry_after=30))) == "done"
    assert await retry.acall(flaky(EngineBusy(retry_after=30)).acall) == "done"
    assert all(30 <= seconds <= 31 for seconds in clock.slept)
    assert len(set(clock.slept)) == 2


@pytest.mark.case("RTY-12", part="loop")
def test_a_hint_beyond_max_hint_ends_the_call(clock: FakeClock, flaky: Any) -> None:
    """One call, no sleep, and the hint still on the caller's own error."""
    fn = flaky(EngineBusy(retry_after=3600))

    with pytest.raises(EngineBusy) as caught:
        Retry(on=EngineBusy, clock=clock).call(fn)
    assert caught.value.retry_after == 3600
    assert (fn.calls, clock.slept) == (1, [])


@pytest.mark.case("RTY-10", part="loop")
def test_a_seeded_generator_repeats_the_schedule(flaky: Any) -> None:
    """Two runs from one seed sleep the same."""
    schedules = []
    for _ in range(2):
        clock = FakeClock(auto_advance=True)
        retry = Retry(on=Down, clock=clock, rng=random.Random(11))
        with pytest.raises(Down):
            retry.call(flaky(*[Down()] * 5))
        schedules.append(clock.slept)

    assert schedules[0] == schedules[1]
    assert len(set(schedules[0])) == 4


@pytest.mark.case("RTY-27", part="sync")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_passes_unchanged(
    clock: FakeClock, flaky: Any, kind: type[BaseException]
) -> None:
    """Even where on= accepts anything, strategies never see it."""
    error = kind()
    fn = flaky(error)

    with pytest.raises(kind) as caught:
        Retry(on=lambda _: True, clock=clock).call(fn)
    assert caught.value is error
    assert fn.calls == 1


@pytest.mark.case("RTY-27", part="async")
@pytest.mark.case("RTY-28", part="attempt")
async def test_a_cancelled_attempt_is_the_last(clock: FakeClock) -> None:
    """Cancellation inside an attempt is not a failure to retry."""
    calls = 0

    async def hang() -> None:
        nonlocal calls
        calls += 1
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        await Retry(on=lambda _: True, clock=clock).acall(hang)

    assert scope.cancelled_caught
    assert calls == 1
    assert clock.slept == []


@pytest.mark.case("RTY-28", part="sleep")
async def test_a_cancelled_sleep_starts_no_attempt(flaky: Any) -> None:
    """The next attempt never begins."""
    clock = FakeClock()
    fn = flaky(Down(), Down())
    retry = Retry(on=Down, clock=clock)

    async with anyio.create_task_group() as group:
        group.start_soon(retry.acall, fn.acall)
        await clock.await_for_sleepers()
        group.cancel_scope.cancel()

    assert fn.calls == 1
    assert clock.sleepers == 0


@pytest.mark.case("RTY-29")
async def test_fifty_tasks_on_one_object_count_apart(clock: FakeClock) -> None:
    """Each makes exactly three attempts."""
    retry = Retry(on=Down, attempts=3, clock=clock, budget=None)
    attempts = dict.fromkeys(range(50), 0)

    async def fail(task: int) -> None:
        attempts[task] += 1
        await anyio.lowlevel.checkpoint()
        raise Down

    async def one(task: int) -> None:
        with pytest.raises(Down):
            await retry.acall(fail, task)

    async with anyio.create_task_group() as group:
        for task in range(50):
            group.start_soon(one, task)

    assert attempts == dict.fromkeys(range(50), 3)


@pytest.mark.case("RTY-29", part="threads")
def test_eight_threads_on_one_object_count_apart(clock: FakeClock) -> None:
    """There is no statistics object that they could share."""
    retry = Retry(on=Down, attempts=3, clock=clock, budget=None)
    start = threading.Barrier(8)
    attempts = [0] * 8

    def fail(thread: int) -> None:
        attempts[thread] += 1
        raise Down

    def one(thread: int) -> None:
        start.wait()
        with pytest.raises(Down):
            retry.call(fail, thread)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert attempts == [3] * 8


@pytest.mark.case("RTY-30")
def test_a_retry_inside_a_retry_counts_apart(clock: FakeClock) -> None:
    """Three outer attempts of three inner ones are nine calls."""
    retry = Retry(on=Down, attempts=3, clock=clock)
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        raise Down

    with pytest.raises(Down):
        retry.call(retry.call, fail)

    assert calls == 9


@pytest.mark.case("RTY-32")
@pytest.mark.parametrize("predicate", [Down, lambda error: isinstance(error, Down)])
def test_giving_up_leaves_no_cycle(
    clock: FakeClock, flaky: Any, predicate: Any
) -> None:
    """Reference counts alone free what an exhausted call held."""
    retry = Retry(on=predicate, clock=clock)

    assert left_by(lambda: _exhaust(retry, flaky)) == []


@pytest.mark.case("RTY-32", part="async")
async def test_giving_up_leaves_no_cycle_in_a_task(
    clock: FakeClock, flaky: Any
) -> None:
    """The same where the attempts are awaited."""
    retry = Retry(on=Down, clock=clock)

    await _aexhaust(retry, flaky)
    gc.collect()
    gc.disable()
    try:
        await _aexhaust(retry, flaky)
        left = collected()
    finally:
        gc.enable()

    assert left == []


def test_the_cycle_check_finds_a_kept_exception(clock: FakeClock, flaky: Any) -> None:
    """A predicate that stores the error under its own frame is caught."""

    def keep(error: Exception) -> bool:
        error.args = (inspect.currentframe(),)
        return True

    retry = Retry(on=keep, clock=clock)

    kinds = {type(item) for item in left_by(lambda: _exhaust(retry, flaky))}

    assert kinds >= {Down, types.FrameType, types.TracebackType}


def test_the_cycle_check_counts_nobody_elses_garbage() -> None:
    """A cycle made meanwhile by somebody else is none of the call's."""

    def meanwhile() -> None:
        foreign: list[Any] = [SimpleNamespace()]
        foreign[0].back = foreign

    assert left_by(meanwhile) == []


def _exhaust(retry: Retry, flaky: Callable[..., Any]) -> None:
    try:
        retry.call(flaky(*[Down() for _ in range(5)]))
    except Down:
        return
    raise AssertionError("it should have given up")


async def _aexhaust(retry: Retry, flaky: Callable[..., Any]) -> None:
    fn = flaky(*[Down() for _ in range(5)])
    try:
        await retry.acall(fn.acall)
    except Down:
        return
    raise AssertionError("it should have given up")


@pytest.mark.case("RTY-37")
def test_events_carry_no_arguments(clock: FakeClock) -> None:
    """A hook learns name, attempt and wait; a phone number stays inside."""
    told: list[Fact | Swept] = []
    retry = Retry(
        on=Down, wait=no_jitter(), attempts=3, clock=clock, hooks=[told.append]
    )

    @retry
    def send_sms(phone: str) -> None:
        raise Down(phone)

    with pytest.raises(Down):
        send_sms("+4915112345678")

    name = send_sms.__qualname__
    assert told == [
        Retried(name, "", "", attempt=1, seconds=1.0),
        Retried(name, "", "", attempt=2, seconds=2.0),
        GaveUp(name, "", "", attempts=3, reason="attempts"),
    ]
    assert "4915112345678" not in repr(told)


def test_a_given_name_is_used_in_events(clock: FakeClock, flaky: Any) -> None:
    """name= replaces the function's own."""
    told: list[Any] = []
    Retry(on=Down, clock=clock, hooks=[told.append], name="crm").call(flaky(Down()))

    assert [fact.operation for fact in told] == ["crm"]


@pytest.mark.case("RTY-09", part="retry")
@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": -1},
        {"attempts": 2.5},
        {"attempts": True},
        {"attempts": None},
        {"max_hint": -1},
        {"max_hint": float("nan")},
        {"max_hint": None},
        {"wait": 3},
        {"wait": None, "stop": 5},
        {"on": ()},
        {"on": KeyboardInterrupt},
        {"on": BaseException},
        {"on": (Down, anyio.get_cancelled_exc_class)},
        {"on": (Down, "OSError")},
        {"on": "OSError"},
        {"on": None},
        {"on": 5},
    ],
)
def test_what_cannot_work_is_refused_at_construction(options: dict[str, Any]) -> None:
    """ConfigurationError is a ValueError and says what to do."""
    chosen: dict[str, Any] = {"on": Down, **options}

    with pytest.raises(ValueError) as caught:
        Retry(**chosen)

    assert isinstance(caught.value, ConfigurationError)


async def _async_strategy(_: object) -> bool:
    return True


@pytest.mark.parametrize("name", ["on", "wait", "stop"])
def test_an_async_strategy_is_refused(name: str) -> None:
    """A coroutine counts as true: everything would be retried."""
    options: dict[str, Any] = {"on": Down, name: _async_strategy}

    with pytest.raises(ConfigurationError, match="async function"):
        Retry(**options)


def test_on_has_no_default() -> None:
    """Only the caller knows what is safe to repeat."""
    with pytest.raises(TypeError, match="on"):
        Retry()  # type: ignore[call-arg]  # wrong on purpose


def test_a_failing_predicate_shows_the_original_too(
    clock: FakeClock, flaky: Any
) -> None:
    """The error it was asked about is the context of its own."""

    def broken(_: Exception) -> bool:
        raise LookupError("my bug")

    with pytest.raises(LookupError, match="my bug") as caught:
        Retry(on=broken, clock=clock).call(flaky(Down("first")))

    assert isinstance(caught.value.__context__, Down)


def test_a_later_failure_is_not_chained_to_an_earlier_one(
    clock: FakeClock, flaky: Any
) -> None:
    """What the caller sees is the last attempt, not a tower of five."""
    with pytest.raises(Down) as caught:
        Retry(on=Down, clock=clock).call(flaky(*[Down(n) for n in range(5)]))

    assert caught.value.__context__ is None


def test_repr_says_the_policy() -> None:
    """On, attempts and wait, readable in a log."""
    text = "Retry(on=(Down), attempts=5, wait=full_jitter(base=1, cap=4))"

    assert repr(Retry(on=Down)) == text
