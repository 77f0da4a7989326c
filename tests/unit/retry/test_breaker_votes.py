"""One logical call has one failure vote, however often it is repeated."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
import pytest

from syncpatterns.retry import CircuitBreaker, CircuitOpen, Retry, no_jitter
from syncpatterns.retry._attempt import attempt_number
from syncpatterns.testing import FakeClock
from tests.unit.retry.breaker_kit import Down, abad, bad, good, make, outcome, trip


def patient() -> Retry:
    """Five attempts that take no real time and need no budget."""
    return Retry(
        on=Down,
        wait=no_jitter(0, 0),
        budget=None,
        clock=FakeClock(auto_advance=True),
    )


@pytest.mark.case("RTY-59")
def test_five_attempts_of_one_call_are_one_failure() -> None:
    """Four such calls leave it closed; the fifth opens it at its first attempt."""
    breaker, _ = make()
    sent: list[int] = []

    @patient()
    @breaker
    def send() -> None:
        sent.append(attempt_number.get())
        raise Down

    for _ in range(4):
        with pytest.raises(Down):
            send()
    assert (len(sent), breaker.fail_counter) == (20, 4)
    assert breaker.current_state == "closed"

    with pytest.raises(CircuitOpen):
        send()
    assert (len(sent), breaker.current_state) == (21, "open")


@pytest.mark.case("RTY-59")
def test_attempts_can_be_counted_each() -> None:
    """With count="attempts" one failing call of five attempts opens it."""
    breaker, _ = make(count="attempts")
    retry = patient()
    with pytest.raises(Down):
        retry.call(breaker(bad))

    assert breaker.current_state == "open"


@pytest.mark.case("RTY-59")
async def test_five_attempts_of_an_async_call_are_one_failure() -> None:
    """Also where each attempt runs in a worker thread."""
    breaker, _ = make()
    with pytest.raises(Down):
        await patient().acall(breaker(abad))
    assert breaker.fail_counter == 1

    async def in_a_thread() -> None:
        await anyio.to_thread.run_sync(breaker(bad))

    with pytest.raises(Down):
        await patient().acall(in_a_thread)
    assert breaker.fail_counter == 2


@pytest.mark.case("RTY-59")
def test_a_block_has_one_vote_too() -> None:
    """The block form of the retry around the block form of the breaker."""
    breaker, _ = make()

    def send() -> None:
        for attempt in patient():
            with attempt, breaker.calling():
                raise Down

    with pytest.raises(Down):
        send()

    assert breaker.fail_counter == 1


def test_successes_of_later_attempts_count() -> None:
    """One failure and one answer a call: half of the calls, so it opens."""
    breaker, _ = make()
    errors: list[Exception] = []

    @patient()
    @breaker
    def flaky() -> str:
        if errors:
            raise errors.pop()
        return "done"

    for number in range(5):
        assert breaker.current_state == "closed", number
        errors.append(Down())
        try:
            assert flaky() == "done"
        except CircuitOpen:
            assert number == 4

    assert breaker.current_state == "open"


def test_a_failed_probe_counts_whichever_attempt_it_is() -> None:
    """The third attempt of a call may be the one that looks."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    token = attempt_number.set(3)
    try:
        assert outcome(breaker, bad) is Down
    finally:
        attempt_number.reset(token)

    assert breaker.current_state == "open"


def test_a_rejection_is_not_repeated() -> None:
    """Retry lets CircuitOpen out at once, whatever on= says."""
    breaker, _ = make()
    trip(breaker)
    clock = FakeClock(auto_advance=True)
    asked: list[int] = []

    def ask() -> Any:
        asked.append(1)
        return breaker.call(good)

    with pytest.raises(CircuitOpen):
        Retry(on=Exception, clock=clock).call(ask)

    assert (asked, clock.slept) == ([1], [])


def test_a_rejection_by_an_inner_breaker_is_no_failure_of_the_outer() -> None:
    """Nothing was asked, so nothing was learnt."""
    inner, _ = make()
    outer = CircuitBreaker("outer", failures=1)
    trip(inner)
    with pytest.raises(CircuitOpen) as raised:
        outer.call(inner.call, good)

    assert (raised.value.name, outer.current_state) == ("sms", "closed")


class Throttled(Exception):
    """The client's own limit: the service was not asked."""


@pytest.mark.case("RTY-59", part="ignored first")
@pytest.mark.parametrize("how", ["ignore", "exclude"])
def test_a_first_attempt_that_is_no_failure_leaves_the_vote_to_the_next(
    how: str,
) -> None:
    """Else a client that throttles itself would hide a dead service for ever."""
    breaker, _ = make(**{how: (Throttled,)})
    retry = Retry(
        on=(Down, Throttled),
        wait=no_jitter(0, 0),
        budget=None,
        clock=FakeClock(auto_advance=True),
    )

    @retry
    @breaker
    def send() -> None:
        raise Throttled if attempt_number.get() == 1 else Down

    for n in (1, 2, 3, 4):
        with pytest.raises(Down):
            send()

        assert breaker.fail_counter == n
    with pytest.raises(CircuitOpen):
        send()
    assert breaker.current_state == "open"


@pytest.mark.case("RTY-59", part="ignored first")
async def test_a_vote_that_was_kept_is_given_once() -> None:
    """Also by a call that follows one which never voted."""
    breaker, _ = make(ignore=(Throttled,))
    errors = [Throttled(), Throttled(), Down(), Down(), Throttled(), Down(), Down()]

    async def send() -> None:
        raise errors.pop(0)

    retry = Retry(
        on=(Down, Throttled),
        attempts=2,
        wait=no_jitter(0, 0),
        budget=None,
        clock=FakeClock(auto_advance=True),
    )
    counts = []
    for _ in range(3):
        with pytest.raises((Down, Throttled)):
            await retry.acall(breaker(send))
        counts.append(breaker.fail_counter)

    assert counts == [0, 1, 2]
    assert len(errors) == 1
