from __future__ import annotations

import math
from typing import Any

import anyio
import pytest

from syncpatterns.errors import CallRejected, ConfigurationError
from syncpatterns.events import GaveUp
from syncpatterns.retry import Retry, attempt_number, deadline, no_jitter
from syncpatterns.testing import FakeClock


class Down(Exception):
    pass


def _rejected(retry_after: float | None) -> CallRejected:
    return CallRejected("The breaker is open.", retry_after=retry_after)


@pytest.mark.case("RTY-36")
@pytest.mark.parametrize("on", [CallRejected, Exception, lambda _: True])
@pytest.mark.parametrize("retry_after", [None, 0.1, 300])
async def test_a_rejected_call_is_not_retried(
    on: Any, retry_after: float | None, clock: FakeClock, flaky: Any
) -> None:
    """Whatever on= accepts: to ask an open breaker again is no use."""
    retry = Retry(on=on, clock=clock)

    for error in (_rejected(retry_after), _rejected(retry_after)):
        with pytest.raises(CallRejected) as caught:
            retry.call(flaky(error))
        assert caught.value is error
    with pytest.raises(CallRejected):
        await retry.acall(flaky(_rejected(retry_after)).acall)

    assert clock.slept == []


@pytest.mark.case("RTY-36", part="in between")
def test_a_breaker_that_opens_ends_the_attempts(clock: FakeClock, flaky: Any) -> None:
    """The failure before it was retried; the rejection is what the caller gets."""
    told: list[Any] = []
    retry = Retry(on=Down, clock=clock, hooks=[told.append])

    with pytest.raises(CallRejected):
        retry.call(flaky(Down(), _rejected(300), Down()))

    assert (told[-1].attempts, told[-1].reason) == (2, "rejected")
    assert isinstance(told[-1], GaveUp)


@pytest.mark.case("RTY-36", part="patient")
async def test_a_patient_retry_waits_a_rejection_out(
    clock: FakeClock, flaky: Any
) -> None:
    """Not before its time, although on= does not name it."""
    retry = Retry(on=Down, patient=True, clock=clock)

    assert retry.call(flaky(_rejected(20))) == "done"
    assert await retry.acall(flaky(_rejected(20)).acall) == "done"
    assert all(20 <= seconds <= 21 for seconds in clock.slept)
    assert len(clock.slept) == 2


@pytest.mark.case("RTY-36", part="too long")
@pytest.mark.parametrize("retry_after", [60.001, 300, math.inf])
async def test_patience_ends_at_max_hint(
    retry_after: float, clock: FakeClock, flaky: Any
) -> None:
    """An isolated breaker says infinity."""
    retry = Retry(on=Down, patient=True, clock=clock)

    with pytest.raises(CallRejected):
        retry.call(flaky(_rejected(retry_after)))
    with pytest.raises(CallRejected):
        await retry.acall(flaky(_rejected(retry_after)).acall)

    assert clock.slept == []


@pytest.mark.case("RTY-36", part="deadline")
async def test_patience_ends_at_the_deadline(clock: FakeClock, flaky: Any) -> None:
    """Own time-out, deadline around it, or the scope of the task."""
    retry = Retry(on=Down, patient=True, clock=clock)

    with pytest.raises(CallRejected):
        Retry(on=Down, patient=True, timeout=10, clock=clock).call(flaky(_rejected(20)))
    with deadline(10, clock=clock), pytest.raises(CallRejected):
        retry.call(flaky(_rejected(20)))
    with anyio.move_on_after(10), pytest.raises(CallRejected):
        await retry.acall(flaky(_rejected(20)).acall)

    assert clock.slept == []


def test_a_rejection_without_a_time_is_waited_for_like_a_failure(
    clock: FakeClock, flaky: Any
) -> None:
    """A patient caller backs off; attempts bound his patience."""
    retry = Retry(on=Down, patient=True, wait=no_jitter(), clock=clock)

    assert retry.call(flaky(_rejected(None), _rejected(0))) == "done"
    with pytest.raises(CallRejected):
        retry.call(flaky(*[_rejected(None)] * 9))
    assert clock.slept == [1, 2, 1, 2, 4, 4]


@pytest.mark.parametrize("patient", [1, None, "yes"])
def test_patience_is_a_yes_or_no(patient: Any) -> None:
    """A number of seconds would be ignored in silence."""
    with pytest.raises(ConfigurationError, match="patient"):
        Retry(on=Down, patient=patient)


@pytest.mark.case("RTY-59", part="numbers")
async def test_further_attempts_are_numbered_for_those_who_count(
    clock: FakeClock,
) -> None:
    """A breaker below sees 1 once a call; outside it is 1 again."""
    seen: list[int] = []

    def fail() -> None:
        seen.append(attempt_number.get())
        raise Down

    async def afail() -> None:
        await anyio.to_thread.run_sync(_note)
        raise Down

    def _note() -> None:
        seen.append(attempt_number.get())

    retry = Retry(on=Down, clock=clock)
    with pytest.raises(Down):
        retry.call(fail)
    assert attempt_number.get() == 1
    with pytest.raises(Down):
        await retry.acall(afail)

    assert attempt_number.get() == 1
    assert seen == [1, 2, 3, 4, 5] * 2


@pytest.mark.case("RTY-30", part="numbers")
def test_a_first_attempt_within_a_further_one_is_no_first(clock: FakeClock) -> None:
    """Two retries, one in the other, are still one logical call."""
    seen: list[int] = []

    def fail() -> None:
        seen.append(attempt_number.get())
        raise Down

    inner = Retry(on=Down, attempts=2, clock=clock)
    with pytest.raises(Down):
        Retry(on=Down, attempts=3, clock=clock).call(inner(fail))

    assert seen == [1, 2, 2, 2, 3, 2]
    assert seen.count(1) == 1


async def test_tasks_beside_each_other_do_not_see_each_others_number(
    clock: FakeClock,
) -> None:
    """A task has a context of its own."""
    seen: dict[str, list[int]] = {"a": [], "b": []}

    async def work(name: str, failures: int) -> None:
        async def once() -> None:
            await anyio.lowlevel.checkpoint()
            seen[name].append(attempt_number.get())
            if len(seen[name]) <= failures:
                raise Down

        await Retry(on=Down, clock=clock).acall(once)

    async with anyio.create_task_group() as group:
        group.start_soon(work, "a", 3)
        group.start_soon(work, "b", 0)

    assert seen == {"a": [1, 2, 3, 4], "b": [1]}
