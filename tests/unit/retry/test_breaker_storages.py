"""pybreaker's storages behind our breaker: one test per public name of theirs."""

from __future__ import annotations

import logging
import math
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pybreaker
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import CircuitBreaker, CircuitOpen
from syncpatterns.testing import FakeClock
from tests.unit.retry.breaker_kit import Down, bad, good, make, outcome, trip
from tests.unit.retry.pybreaker_names import proves


@proves(
    "CircuitMemoryStorage",
    "CircuitMemoryStorage.state",
    "CircuitMemoryStorage.increment_counter",
    "CircuitMemoryStorage.reset_counter",
    "CircuitMemoryStorage.increment_success_counter",
    "CircuitMemoryStorage.reset_success_counter",
    "CircuitMemoryStorage.counter",
    "CircuitMemoryStorage.success_counter",
    "CircuitMemoryStorage.opened_at",
)
def test_a_memory_storage_holds_state_and_counters() -> None:
    """Failures in a row count, as in pybreaker; the recovery time applies."""
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    breaker, clock = make(state_storage=storage, success_threshold=2)
    for _ in range(4):
        outcome(breaker, bad)
    assert (storage.counter, breaker.fail_counter) == (4, 4)
    outcome(breaker)
    assert storage.counter == 0
    trip(breaker)
    assert (storage.state, storage.counter) == ("open", 5)
    assert storage.opened_at == datetime.fromtimestamp(clock.time(), UTC)

    clock.advance(299)
    assert outcome(breaker) is CircuitOpen
    clock.advance(1)
    assert outcome(breaker) == "answer"
    assert (storage.state, storage.success_counter) == ("half-open", 1)
    assert outcome(breaker) == "answer"
    assert (storage.state, storage.counter) == ("closed", 0)
    assert storage.success_counter == 0


def test_two_breakers_may_share_a_storage() -> None:
    """What one opens the other finds open, for the rest of the time."""
    clock = FakeClock()
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    changes: list[Any] = []
    one = CircuitBreaker("one", state_storage=storage, clock=clock)
    two = CircuitBreaker(
        "two", state_storage=storage, clock=clock, hooks=(changes.append,)
    )
    trip(one)
    clock.advance(100)
    with pytest.raises(CircuitOpen) as raised:
        two.call(good)
    assert raised.value.retry_after == 200
    assert [(fact.old, fact.new) for fact in changes] == [("closed", "open")]

    clock.advance(200)
    assert outcome(two) == "answer"
    assert outcome(one) == "answer"
    assert storage.state == "closed"


def test_a_shared_storage_shows_before_the_next_call() -> None:
    """A health page shows what another one has opened, and who hears is told."""
    clock = FakeClock()
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    changes: list[Any] = []
    one = CircuitBreaker("one", state_storage=storage, clock=clock)
    two = CircuitBreaker(
        "two", state_storage=storage, clock=clock, hooks=[changes.append]
    )
    for _ in range(4):
        outcome(one, bad)
    assert [each.snapshot().failures for each in (one, two)] == [4, 4]

    outcome(one, bad)
    clock.advance(100)
    shown = two.snapshot()
    assert (shown.state, shown.failures, shown.retry_after) == ("open", 5, 200)
    assert two.retry_after == 200
    assert [(change.old, change.new) for change in changes] == [("closed", "open")]

    one.close()
    assert (two.retry_after, two.snapshot().state) == (0, "closed")


def test_an_isolated_breaker_does_not_follow_its_storage() -> None:
    """It is shown open for ever; what others store meanwhile is told to nobody."""
    told: list[Any] = []
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    breaker, _ = make(state_storage=storage, hooks=[told.append])
    breaker.isolate()
    for stored in (pybreaker.STATE_OPEN, pybreaker.STATE_CLOSED):
        storage.state = stored
        shown = breaker.snapshot()
        assert (shown.state, shown.retry_after) == ("open", math.inf)
        assert breaker.retry_after == math.inf
    breaker.reset()

    assert [(each.old, each.new, each.retry_after) for each in told] == [
        ("closed", "open", math.inf),
        ("open", "closed", 0.0),
    ]


def test_the_failures_shown_belong_to_the_state_shown() -> None:
    """Also when another breaker opens between the two questions of a snapshot."""

    class OpensNow(pybreaker.CircuitMemoryStorage):
        """Another breaker's last failure falls right after the count is read."""

        @property
        def counter(self) -> int:
            """Count, and let the other one fail."""
            found = super().counter
            if found == 4:
                self.increment_counter()
                self.state = pybreaker.STATE_OPEN
            return found

    storage = OpensNow(pybreaker.STATE_CLOSED)
    breaker, _ = make(state_storage=storage)
    for _ in range(4):
        storage.increment_counter()
    shown = breaker.snapshot()

    assert (shown.state, shown.failures) == ("open", 5)


def test_its_repr_asks_no_storage_and_waits_for_nobody() -> None:
    """A log line must not wait for Redis, nor for who is waiting for it."""
    asked: list[str] = []
    told: list[Any] = []
    wrote = threading.Event()

    class Asked(pybreaker.CircuitMemoryStorage):
        """Notes each look at its state."""

        @property
        def state(self) -> str:
            """Note it."""
            asked.append("state")
            return super().state

        @state.setter
        def state(self, state: str) -> None:
            vars(pybreaker.CircuitMemoryStorage)["state"].fset(self, state)

    storage = Asked(pybreaker.STATE_CLOSED)
    breaker, _ = make(state_storage=storage, hooks=[told.append])
    storage.state = pybreaker.STATE_OPEN
    asked.clear()
    lines: list[str] = []

    def write() -> None:
        lines.append(repr(breaker))
        wrote.set()

    with breaker._lock:
        threading.Thread(target=write, daemon=True).start()
        assert wrote.wait(60)

    assert lines == ["<CircuitBreaker 'sms' closed, as last heard of its storage>"]
    assert (asked, told) == ([], [])
    assert breaker.snapshot().state == "open"
    assert repr(breaker).startswith("<CircuitBreaker 'sms' open, ")
    assert [each.new for each in told] == ["open"]


def test_a_storage_found_open_is_taken_as_it_is() -> None:
    """After a restart; without a time of opening a probe may go at once."""
    clock = FakeClock()
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_OPEN)
    storage.opened_at = datetime.fromtimestamp(clock.time(), UTC) - timedelta(100)
    breaker = CircuitBreaker(state_storage=storage, clock=clock)
    assert outcome(breaker) == "answer"

    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_OPEN)
    breaker = CircuitBreaker(state_storage=storage, clock=clock)
    assert outcome(breaker) == "answer"


@pytest.mark.parametrize("days", [-1, 1])
def test_a_wrong_clock_elsewhere_never_prolongs_an_opening(days: int) -> None:
    """A time of opening in the future is held to one recovery time."""
    clock = FakeClock()
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_OPEN)
    now = datetime.fromtimestamp(clock.time(), UTC).replace(tzinfo=None)
    storage.opened_at = now + timedelta(days=days)  # naive: taken for UTC
    breaker = CircuitBreaker(state_storage=storage, clock=clock)
    expected = 300.0 if days > 0 else 0.0

    assert expected == breaker.retry_after


@proves(
    "CircuitBreakerStorage",
    *(
        f"CircuitBreakerStorage.{member}"
        for member in (
            "name",
            "state",
            "increment_counter",
            "reset_counter",
            "increment_success_counter",
            "reset_success_counter",
            "counter",
            "success_counter",
            "opened_at",
        )
    ),
)
def test_a_storage_that_fails_adds_no_outage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Any subclass will do; when it is down the breaker goes on by itself."""

    def fail(*given: Any) -> Any:
        message = "storage down"
        raise RuntimeError(message)

    members: dict[str, Any] = {
        name: fail if callable(value) else property(fail, fail)
        for name, value in vars(pybreaker.CircuitBreakerStorage).items()
        if not name.startswith("_") and name != "name"
    }
    broken: Any = type("Broken", (pybreaker.CircuitBreakerStorage,), members)
    storage = broken("broken")
    assert storage.name == "broken"
    breaker, clock = make(state_storage=storage)
    with caplog.at_level(logging.ERROR):
        assert outcome(breaker) == "answer"
        for _ in range(5):
            assert outcome(breaker, bad) is Down
        assert outcome(breaker) is CircuitOpen
        clock.advance(300)
        assert outcome(breaker) == "answer"
        assert outcome(breaker) == "answer"

    assert (breaker.current_state, breaker.fail_counter) == ("closed", 0)
    assert "storage down" in caplog.text


@proves(
    "CircuitRedisStorage",
    *(
        f"CircuitRedisStorage.{member}"
        for member in (
            "BASE_NAMESPACE",
            "logger",
            "state",
            "increment_counter",
            "reset_counter",
            "increment_success_counter",
            "reset_success_counter",
            "counter",
            "success_counter",
            "opened_at",
        )
    ),
)
def test_a_redis_storage_is_used_by_its_interface() -> None:
    """Redis need not be installed: the class is driven on a dictionary."""
    storage = pybreaker.CircuitRedisStorage.__new__(pybreaker.CircuitRedisStorage)
    client = Keys()
    vars(storage).update(
        _redis=client,
        _namespace_name="app",
        _fallback_circuit_state="closed",
        _cluster_mode=True,
        _name="redis",
    )
    module: Any = pybreaker
    if not hasattr(module, "RedisError"):
        module.RedisError = ConnectionError
    breaker, clock = make(state_storage=storage)
    trip(breaker)
    assert client.kept["app:pybreaker:state"] == b"open"
    assert client.kept["app:pybreaker:fail_counter"] == b"5"
    clock.advance(299)
    assert outcome(breaker) is CircuitOpen
    clock.advance(2)
    assert outcome(breaker) == "answer"

    assert client.kept["app:pybreaker:state"] == b"closed"
    assert storage.BASE_NAMESPACE == "pybreaker"
    assert storage.logger.name == "pybreaker"


class Keys:
    """The few commands that the storage sends."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = str(value).encode()

    def setnx(self, key: str, value: Any) -> None:
        self.kept.setdefault(key, str(value).encode())

    def incr(self, key: str) -> None:
        self.kept[key] = str(int(self.kept.get(key, b"0")) + 1).encode()


def test_a_storage_knows_no_window() -> None:
    """To set one beside a storage is refused, not dropped in silence."""
    storage = pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED)
    for options in ({"window": 30.0}, {"min_rate": 0.1}):
        with pytest.raises(ConfigurationError, match="no window"):
            CircuitBreaker(state_storage=storage, **options)  # type: ignore[arg-type]  # a dict of one kind of value


def test_without_a_storage_the_circuit_can_be_looked_at_as_one() -> None:
    """For code that reads pybreaker's private storage."""
    breaker, clock = make()
    storage: Any = breaker._state_storage
    assert (storage.name, storage.state) == ("rolling-window", "closed")
    assert storage.opened_at is None
    trip(breaker)
    clock.advance(10)

    assert (storage.counter, storage.success_counter) == (5, 0)
    assert storage.opened_at == datetime.fromtimestamp(clock.time() - 10, UTC)
