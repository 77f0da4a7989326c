"""Who hears of calls and changes, in which order, and under no lock."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pybreaker
import pytest

from syncpatterns.retry import BreakerChanged, CircuitOpen
from tests.unit.retry.breaker_kit import Down, agood, bad, good, make, outcome, trip


class Diary(pybreaker.CircuitBreakerListener):
    """Notes everything it is told."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
        self.lines.append(("before", func.__name__, args, kwargs))

    def failure(self, cb: Any, exc: BaseException) -> None:
        self.lines.append("failure")

    def success(self, cb: Any) -> None:
        self.lines.append("success")

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self.lines.append((old_state.name, new_state.name))


class Events(Diary):
    """Notes verdicts and changes only."""

    def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
        pass


@pytest.mark.case("RTY-56")
def test_verdicts_and_changes_come_in_the_order_of_their_causes() -> None:
    """A failure before the trip it causes, a close before its success."""
    diary = Events()
    breaker, clock = make(failures=2, listeners=[diary])
    outcome(breaker, good)
    outcome(breaker, bad)
    outcome(breaker, bad)
    clock.advance(300)
    outcome(breaker, good)

    assert diary.lines == [
        "success",
        "failure",
        "failure",
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
        "success",
    ]


async def test_a_listener_sees_the_function_and_its_arguments() -> None:
    """As pybreaker's does; rejected calls are not told."""
    diary = Diary()
    breaker, _ = make(listeners=[diary])

    def send(*args: Any, **kwargs: Any) -> None: ...

    breaker.call(send, 1, body=2)
    await breaker.acall(agood)
    breaker.open()
    outcome(breaker, good)

    assert diary.lines == [
        ("before", "send", (1,), {"body": 2}),
        "success",
        ("before", "agood", (), {}),
        "success",
        ("closed", "open"),
    ]


@pytest.mark.case("RTY-54")
@pytest.mark.parametrize("event", ["before_call", "failure", "success", "state_change"])
def test_a_listener_that_raises_changes_nothing(
    event: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Results, errors and states are those without it; it is in the log."""

    def fail(*facts: Any, **more: Any) -> None:
        message = "broken listener"
        raise RuntimeError(message)

    broken = type("Broken", (pybreaker.CircuitBreakerListener,), {event: fail})()
    after = Events()
    breaker, clock = make(failures=1, listeners=[broken, after])

    assert outcome(breaker, good) == "answer"
    assert outcome(breaker, bad) is Down
    assert outcome(breaker, good) is CircuitOpen
    clock.advance(300)
    assert outcome(breaker, good) == "answer"
    assert ("half-open", "closed") in after.lines
    assert "broken listener" in caplog.text


@pytest.mark.case("RTY-55")
def test_a_listener_may_call_the_breaker() -> None:
    """From every event, in this and in another thread, without a deadlock."""

    class Curious(pybreaker.CircuitBreakerListener):
        asked = 0

        def _ask(self, cb: Any) -> None:
            if self.asked > 20:
                return
            self.asked += 1
            cb.snapshot()
            thread = threading.Thread(target=outcome, args=(cb, good))
            thread.start()
            thread.join(120)
            assert not thread.is_alive()
            outcome(cb, good)

        def before_call(self, cb: Any, *args: Any, **kwargs: Any) -> None:
            self._ask(cb)

        def failure(self, cb: Any, exc: BaseException) -> None:
            self._ask(cb)

        def success(self, cb: Any) -> None:
            self._ask(cb)

        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            self._ask(cb)

    curious = Curious()
    breaker, clock = make(failures=1, listeners=[curious])
    outcome(breaker, bad)
    clock.advance(300)
    curious.asked = 0
    outcome(breaker, good)

    assert breaker.current_state == "closed"


def test_a_listener_of_changes_only_leaves_the_shortest_path() -> None:
    """A gauge of the state costs a successful call nothing."""

    class Gauge(pybreaker.CircuitBreakerListener):
        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None: ...

    breaker, _ = make(listeners=[Gauge()])
    shortest = [breaker._tick is not None]
    diary = Diary()
    breaker.add_listener(diary)
    shortest.append(breaker._tick is not None)
    breaker.remove_listener(diary)
    shortest.append(breaker._tick is not None)

    assert shortest == [True, False, True]


def test_a_listener_need_not_be_a_subclass() -> None:
    """Any object with the methods it cares for."""
    seen: list[str] = []

    class Plain:
        def success(self, cb: Any) -> None:
            seen.append("success")

    plain: Any = Plain()
    breaker, _ = make(failures=1, listeners=[plain])
    outcome(breaker, good)
    outcome(breaker, bad)

    assert seen == ["success"]


def test_hooks_get_facts_of_changes() -> None:
    """Name, states, time and era; what a hook raises is logged."""
    facts: list[BreakerChanged] = []

    def broken(fact: BreakerChanged) -> None:
        raise RuntimeError

    breaker, clock = make(failures=1, hooks=(broken, facts.append))
    assert breaker._tick is not None
    outcome(breaker, bad)
    clock.advance(300)
    outcome(breaker, good)

    assert facts == [
        BreakerChanged("sms", "closed", "open", 300.0, 1),
        BreakerChanged("sms", "open", "half-open", 1.0, 2),
        BreakerChanged("sms", "half-open", "closed", 0.0, 3),
    ]


def test_an_interrupt_in_a_listener_gives_the_place_of_a_probe_back() -> None:
    """Ctrl-C while a listener runs must not leave a probe that never ends."""

    class Interrupted(pybreaker.CircuitBreakerListener):
        def before_call(self, cb: Any, *args: Any, **kwargs: Any) -> None:
            raise KeyboardInterrupt

    interrupted = Interrupted()
    breaker, clock = make(failures=1)
    outcome(breaker, bad)
    clock.advance(300)
    breaker.add_listener(interrupted)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(good)
    breaker.remove_listener(interrupted)

    assert outcome(breaker, good) == "answer"


def test_what_is_logged_of_a_broken_listener_says_nothing_of_the_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The call's own error may name somebody; it is the caller's alone to log."""

    class Broken(pybreaker.CircuitBreakerListener):
        def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
            raise RuntimeError("broken listener") from exc

        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            message = "broken gauge"
            raise RuntimeError(message)

    def broken(what: object) -> bool:
        try:
            return bool(int("no such setting"))
        except ValueError as error:
            message = "broken function"
            raise RuntimeError(message) from error

    def again(error: Exception) -> bool:
        raise error

    def call(number: str) -> None:
        message = f"no such number: {number}"
        raise Down(message)

    breaker, _ = make(
        failures=1,
        listeners=[Broken()],
        hooks=[broken],
        exclude=[broken, again],
        ignore=[broken],
    )
    with caplog.at_level(logging.ERROR), pytest.raises(Down, match="12025550147"):
        breaker.call(call, "+12025550147")

    assert "12025550147" not in caplog.text
    for said in (
        "broken listener",
        "broken gauge",
        "broken function",
        "no such setting",
    ):
        assert said in caplog.text


def test_a_predicate_that_raises_hides_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller gets its own error, and it counts as a failure."""

    def broken(error: Exception) -> bool:
        message = "broken predicate"
        raise RuntimeError(message)

    breaker, _ = make(exclude=[broken], ignore=[broken])
    with caplog.at_level(logging.ERROR):
        trip(breaker)

    assert "broken predicate" in caplog.text


def test_a_class_that_cannot_be_asked_hides_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its metaclass raises; the probe gives its place back all the same."""

    class Broken(type):
        def __instancecheck__(cls, instance: object) -> bool:
            message = "broken metaclass"
            raise RuntimeError(message)

    class Answered(Exception, metaclass=Broken):
        pass

    breaker, clock = make(exclude=[Answered], ignore=[Answered])
    with caplog.at_level(logging.ERROR):
        trip(breaker)
        clock.advance(300)
        failed = outcome(breaker, bad)

    assert (failed, breaker.current_state) == (Down, "open")
    assert "broken metaclass" in caplog.text
