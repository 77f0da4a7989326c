from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import tenacity
import tenacity.asyncio.retry

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import Retry, no_jitter
from syncpatterns.testing import FakeClock
from tests.unit.retry.leftovers import left_by


class Down(Exception):
    pass


NO_DURATIONS = (-1.0, math.nan, math.inf, None, "1")

RETRIES = [
    tenacity.retry_if_exception_type(Down),
    tenacity.retry_if_exception_type(Down | OSError),  # type: ignore[arg-type]  # what isinstance takes
    tenacity.retry_if_exception_type((OSError, (Down,))),  # type: ignore[arg-type]  # as above
    tenacity.retry_if_exception(lambda error: isinstance(error, Down)),
    tenacity.retry_if_not_exception_type(ValueError),
    tenacity.retry_if_exception_message("down"),
    tenacity.retry_if_exception_cause_type(OSError),
    tenacity.retry_always,
    tenacity.retry_if_exception_type(Down) | tenacity.retry_if_exception_type(OSError),
    tenacity.retry_if_exception_type(Down)
    & tenacity.retry_if_exception_message(match="do"),
]


def _down() -> Down:
    error = Down("down")
    error.__cause__ = OSError()
    return error


@pytest.mark.parametrize("strategy", RETRIES)
async def test_a_tenacity_retry_strategy_decides(
    strategy: Any, clock: FakeClock, flaky: Any
) -> None:
    """Every kind that judges an exception works unchanged, sync and async."""
    retry = Retry(on=strategy, clock=clock)

    assert repr(retry).startswith("Retry(on=")
    assert retry.call(flaky(_down(), _down())) == "done"
    assert await retry.acall(flaky(_down(), _down()).acall) == "done"


def test_a_tenacity_retry_strategy_may_say_no(clock: FakeClock, flaky: Any) -> None:
    """Then the caller gets the error itself, not a RetryError."""
    retry = Retry(on=tenacity.retry_if_exception_type(OSError), clock=clock)

    with pytest.raises(Down):
        retry.call(flaky(_down()))


def test_an_async_strategy_of_tenacity_is_refused() -> None:
    """Alone or inside a combination: its coroutine would count as true."""
    strategy = tenacity.asyncio.retry.retry_if_exception(_later)
    judges: Any = (tenacity.retry_if_exception, tenacity.retry_if_result)
    predicates = [judge(_later) for judge in judges]
    for on in (strategy, tenacity.retry_any(strategy), *predicates):
        with pytest.raises(ConfigurationError, match="async function"):
            Retry(on=on)
    later: Any = _later
    with pytest.raises(ConfigurationError, match="async function"):
        Retry(on=Down, stop=tenacity.stop_after_attempt(3) | later)


async def _later(_: BaseException) -> bool:
    return True


class Tram:
    """A function of the error, or of tenacity's state, with figures of its own."""

    stops = 3
    retries = 3
    predicate = staticmethod(_later)

    def __call__(self, _: object) -> bool:
        return True


class Counted(tenacity.retry_any):
    """A subclass of tenacity's that has taken the name for something else."""

    retries = 3  # type: ignore[assignment]  # the mistake

    def __init__(self) -> None:
        """Leave out what tenacity's would do."""

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return True


@pytest.mark.parametrize("judge", [Tram(), Counted()])
def test_an_attribute_of_tenacitys_name_on_another_object_is_its_own(
    judge: Any, clock: FakeClock, flaky: Any
) -> None:
    """Only tenacity's own classes keep their parts by these names."""
    retry = Retry(on=judge, attempts=2, clock=clock)
    stops = Retry(on=Down, stop=Tram(), clock=clock)

    assert retry.call(flaky(_down())) == "done"
    with pytest.raises(Down):
        stops.call(flaky(_down()))


@pytest.mark.parametrize(
    ("wait", "slept"),
    [
        (tenacity.wait_fixed(3), [3, 3, 3, 3]),
        (tenacity.wait_incrementing(1, 2), [1, 3, 5, 7]),
        (tenacity.wait_exponential(max=5), [1, 2, 4, 5]),
        (tenacity.wait_fixed(1) + tenacity.wait_fixed(2), [3, 3, 3, 3]),
        (tenacity.wait_fixed(1) + no_jitter(), [2, 3, 5, 5]),
        (no_jitter() + tenacity.wait_fixed(1), [2, 3, 5, 5]),
        (
            tenacity.wait_chain(tenacity.wait_fixed(9), tenacity.wait_fixed(1)),
            [9, 1, 1, 1],
        ),
        (tenacity.wait_exception(lambda error: len(str(error))), [4, 4, 4, 4]),
        (lambda state: state.attempt_number * 0.5, [0.5, 1, 1.5, 2]),
        (lambda state: state.upcoming_sleep + 1, [1, 2, 3, 4]),
    ],
)
async def test_a_tenacity_wait_strategy_is_obeyed(
    wait: Any, slept: list[float], clock: FakeClock, flaky: Any
) -> None:
    """It sees a state whose attempt number and previous sleep are right."""
    retry = Retry(on=Down, wait=wait, clock=clock)

    with pytest.raises(Down):
        retry.call(flaky(*[_down() for _ in range(5)]))
    with pytest.raises(Down):
        await retry.acall(flaky(*[_down() for _ in range(5)]).acall)
    assert clock.slept == slept * 2


@pytest.mark.parametrize(
    ("stop", "calls"),
    [
        (tenacity.stop_after_attempt(2), 2),
        (tenacity.stop_after_attempt(9), 5),  # attempts=5 comes first
        (tenacity.stop_after_delay(3.0), 3),  # after 1 + 2 s
        (tenacity.stop_before_delay(3.5), 3),  # 1 + 2 fit, another 4 would not
        (tenacity.stop_any(tenacity.stop_never, tenacity.stop_after_attempt(3)), 3),
        (lambda state: state.idle_for >= 7, 4),
        (lambda state: state.outcome.exception().args == ("down",), 1),
    ],
)
async def test_a_tenacity_stop_strategy_ends_it(
    stop: Any, calls: int, clock: FakeClock, flaky: Any
) -> None:
    """With the error of the last attempt; the clock is the injected one."""
    retry = Retry(on=Down, wait=no_jitter(), stop=stop, clock=clock)
    fn, afn = (flaky(*[_down() for _ in range(9)]) for _ in range(2))

    with pytest.raises(Down):
        retry.call(fn)
    with pytest.raises(Down):
        await retry.acall(afn.acall)
    assert (fn.calls, afn.calls) == (calls, calls)


def test_the_time_of_the_first_attempt_counts(clock: FakeClock) -> None:
    """stop_after_delay measures from the beginning of the first try."""
    calls = 0

    def slow() -> None:
        nonlocal calls
        calls += 1
        clock.advance(6)
        raise Down

    retry = Retry(on=Down, stop=tenacity.stop_after_delay(10), clock=clock)

    with pytest.raises(Down):
        retry.call(slow)
    assert calls == 2


@pytest.mark.case("RTY-19")
@pytest.mark.parametrize("step", [-86_400, 86_400])
def test_a_step_of_the_wall_clock_changes_nothing(
    step: float, clock: FakeClock
) -> None:
    """Delays are measured on the clock that never goes back."""
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        clock.set_time(clock.time() + step)
        raise Down

    stop = tenacity.stop_after_delay(3.0)
    with pytest.raises(Down):
        Retry(on=Down, wait=no_jitter(), stop=stop, clock=clock).call(fail)

    assert (calls, clock.slept) == (3, [1, 2])


def test_without_attempts_the_strategy_alone_ends_it(
    clock: FakeClock, flaky: Any
) -> None:
    """attempts=None lifts the limit of five."""
    stop = tenacity.stop_after_attempt(12)
    fn = flaky(*[_down() for _ in range(20)])

    with pytest.raises(Down):
        Retry(on=Down, attempts=None, stop=stop, clock=clock, budget=None).call(fn)
    assert fn.calls == 12


def test_strategies_see_a_real_state(clock: FakeClock) -> None:
    """Function, arguments, times and outcome are where tenacity puts them."""
    seen: list[Any] = []

    def watch(state: tenacity.RetryCallState) -> bool:
        outcome = state.outcome
        assert outcome is not None
        seen.append(
            (
                isinstance(state, tenacity.RetryCallState),
                state.fn,
                state.args,
                state.kwargs,
                state.attempt_number,
                state.seconds_since_start,
                state.idle_for,
                state.upcoming_sleep,
                outcome.failed,
            )
        )
        return False

    def fail(value: int, *, word: str) -> None:
        raise Down

    retry = Retry(on=Down, wait=no_jitter(), stop=watch, attempts=3, clock=clock)
    with pytest.raises(Down):
        retry.call(fail, 1, word="x")

    same = (True, fail, (1,), {"word": "x"})
    assert seen == [(*same, 1, 0.0, 0.0, 1.0, True), (*same, 2, 1.0, 1.0, 2.0, True)]


@pytest.mark.case("RTY-27", part="tenacity")
async def test_tenacity_never_sees_what_is_no_exception(
    clock: FakeClock, flaky: Any
) -> None:
    """retry_always would retry Ctrl-C; here it is not asked."""
    retry = Retry(on=tenacity.retry_always, clock=clock)

    with pytest.raises(KeyboardInterrupt):
        retry.call(flaky(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        await retry.acall(flaky(KeyboardInterrupt()).acall)


@pytest.mark.case("RTY-32", part="tenacity")
def test_a_tenacity_strategy_leaves_no_cycle(clock: FakeClock, flaky: Any) -> None:
    """The state forgets each failure once it is judged."""
    retry = Retry(
        on=tenacity.retry_if_exception_type(Down),
        wait=tenacity.wait_fixed(1),
        stop=tenacity.stop_after_attempt(4),
        clock=clock,
    )

    def exhaust() -> None:
        _exhaust(retry, flaky(*[Down() for _ in range(5)]))

    assert left_by(exhaust) == []


def _exhaust(retry: Retry, fn: Any) -> None:
    try:
        retry.call(fn)
    except Down:
        return
    raise AssertionError("it should have given up")


@pytest.mark.parametrize("answer", NO_DURATIONS)
def test_a_wait_strategy_without_a_duration_is_named(
    answer: Any, clock: FakeClock, flaky: Any
) -> None:
    """The failure it was asked about is kept as the context."""
    with pytest.raises(ConfigurationError, match="wait strategy") as caught:
        Retry(on=Down, wait=lambda _: answer, clock=clock).call(flaky(Down()))

    assert isinstance(caught.value.__context__, Down)


def test_tenacity_is_imported_only_for_its_own_strategies() -> None:
    """A Retry of our own forms costs no import, not even when it retries."""
    program = (
        "import sys\n"
        "from syncpatterns.retry import Retry, no_jitter\n"
        "calls = []\n"
        "@Retry(on=OSError, wait=no_jitter(0, 0))\n"
        "def work():\n"
        "    calls.append(1)\n"
        "    if len(calls) < 3: raise OSError\n"
        "    return len(calls)\n"
        "print(work(), 'tenacity' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["3", "False"]
