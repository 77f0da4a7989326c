"""Where two rules meet: storages and stale tickets, interrupts, coroutines."""

from __future__ import annotations

from typing import Any

import anyio
import pybreaker
import pytest

from syncpatterns.retry import CircuitOpen
from tests.unit.retry.breaker_kit import Down, agood, bad, good, make, outcome, trip


async def test_a_coroutine_from_call_answers_or_is_cancelled() -> None:
    """Its answer closes; cancelled, its place is free."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    async with anyio.create_task_group() as group:
        group.start_soon(breaker.call, anyio.sleep_forever)
        await anyio.wait_all_tasks_blocked()
        assert breaker.current_state == "half-open"
        group.cancel_scope.cancel()

    assert await breaker.call(agood) == "answer"
    assert breaker.current_state == "closed"


def test_an_interrupt_while_a_probe_is_announced_gives_its_place_back() -> None:
    """Ctrl-C in a listener of the change to half open."""

    class Interrupted(pybreaker.CircuitBreakerListener):
        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            if new_state.name == "half-open":
                raise KeyboardInterrupt

    breaker, clock = make(listeners=[Interrupted()])
    trip(breaker)
    clock.advance(300)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(good)

    assert outcome(breaker) == "answer"


def test_late_verdicts_do_not_reach_a_storage() -> None:
    """A call of an earlier era changes no counter of the present one."""
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    breaker, _ = make(state_storage=storage)
    late, _ = breaker._enter(None, (), {})
    trip(breaker)
    breaker.close()
    outcome(breaker, bad)
    breaker._failed(late, Down())
    assert storage.counter == 1
    breaker._succeeded(late, None)

    assert storage.counter == 1


def test_a_failed_probe_is_counted_in_a_storage() -> None:
    """As pybreaker does; and a late one is not."""
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    breaker, clock = make(state_storage=storage, probe_lease=10)
    trip(breaker)
    clock.advance(300)
    hung, _ = breaker._enter(None, (), {})
    clock.advance(10)
    breaker._failed(hung, Down())
    assert (storage.counter, storage.state) == (5, "half-open")
    assert outcome(breaker, bad) is Down

    assert (storage.counter, storage.state) == (6, "open")


def test_an_isolated_breaker_with_a_storage_lets_nobody_in() -> None:
    """Isolation is this process's own; what the storage says does not end it."""
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    breaker, _ = make(state_storage=storage)
    breaker.isolate()
    storage.state = pybreaker.STATE_OPEN
    assert outcome(breaker) is CircuitOpen
    storage.state = pybreaker.STATE_CLOSED
    assert outcome(breaker) is CircuitOpen

    breaker.reset()
    assert outcome(breaker) == "answer"


def test_the_storage_of_a_breaker_is_the_one_given() -> None:
    """For code that reads pybreaker's private attribute."""
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    breaker, _ = make(state_storage=storage)

    assert breaker._state_storage is storage


def test_calls_under_way_when_it_is_disabled_do_not_count_after() -> None:
    """Nor do calls that were let in while it was."""
    breaker, _ = make(failures=1)
    breaker.disable()
    during, _ = breaker._enter(None, (), {})
    breaker.enable()
    breaker._failed(during, Down())
    breaker._succeeded(during, None)

    assert (breaker.snapshot().state, breaker.fail_counter) == ("closed", 0)


def test_a_freed_place_is_shown_as_free() -> None:
    """retry_after of a half-open circuit is 0 while a probe may go."""
    breaker, _ = make(probes=2)
    breaker.half_open()
    one, _ = breaker._enter(None, (), {})
    assert breaker.retry_after == 0.0
    breaker._enter(None, (), {})
    assert breaker.retry_after == 1.0
    breaker._cancelled(one)

    assert breaker.retry_after == 0.0


def test_a_rejection_takes_its_facts_by_name_too() -> None:
    """As tests and doubles of a service will make it."""
    error = CircuitOpen(name="sms", retry_after=2.5)

    assert (error.name, error.retry_after, error.args) == ("sms", 2.5, ("sms", 2.5))
    assert CircuitOpen().retry_after == 0.0


def test_a_shared_exception_object_is_left_as_it_is() -> None:
    """The breaker neither wraps nor changes what a function raises."""
    breaker, _ = make()
    error = Down("the same")

    def fails() -> None:
        raise error

    with pytest.raises(Down) as raised:
        breaker(fails)()

    assert raised.value is error
    assert (error.__cause__, error.__context__) == (None, None)
