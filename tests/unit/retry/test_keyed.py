"""A breaker per key: one each, the least used forgotten, never an open one."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import Breakers, CircuitBreaker, CircuitOpen
from syncpatterns.testing import FakeClock
from tests.unit.retry.breaker_kit import bad, good, outcome, trip


def registry(maxsize: int = 3) -> tuple[Breakers[str], FakeClock]:
    """Return a small registry and the clock of all its breakers."""
    clock = FakeClock()
    return Breakers(lambda key: CircuitBreaker(key, clock=clock), maxsize), clock


def test_a_key_has_one_breaker() -> None:
    """Made by the factory on first use, and the same afterwards."""
    breakers, _ = registry()
    first = breakers.get("a")

    assert first.name == "a"
    assert breakers.get("a") is first
    assert breakers["a"] is first
    assert breakers.get("b") is not first
    assert ("a" in breakers, "z" in breakers) == (True, False)
    assert [key for key, _ in breakers.items()] == list(breakers) == ["a", "b"]


def test_keys_do_not_share_an_outage() -> None:
    """One host down, the others go on."""
    breakers, _ = registry()
    trip(breakers.get("down"))

    assert outcome(breakers.get("up")) == "answer"
    assert outcome(breakers.get("down")) is CircuitOpen


def test_the_least_recently_used_is_forgotten() -> None:
    """By use, not by age."""
    breakers, _ = registry()
    kept = {key: breakers.get(key) for key in "abc"}
    breakers.get("a")
    breakers.get("d")

    assert sorted(breakers) == ["a", "c", "d"]
    assert breakers.get("a") is kept["a"]


def test_a_breaker_that_is_not_closed_is_never_forgotten() -> None:
    """Open, half open, isolated or disabled; however many keys come after."""
    breakers, clock = registry(maxsize=4)
    open_, half, isolated, disabled = (breakers.get(key) for key in "ohid")
    trip(open_)
    half.half_open()
    isolated.isolate()
    disabled.disable()
    for number in range(100):
        breakers.get(f"key-{number}")
    clock.advance(1e6)  # its recovery is long over, and it would still let one in

    for number in range(100):
        breakers.get(f"more-{number}")
    assert breakers.get("o") is open_
    assert breakers.get("h") is half
    assert breakers.get("i") is isolated
    assert breakers.get("d") is disabled
    assert len(breakers) <= 5


def test_more_than_maxsize_are_kept_while_they_are_open() -> None:
    """And no longer: the surplus goes once they have closed."""
    breakers, _ = registry()
    for number in range(20):
        trip(breakers.get(str(number)))
    assert len(breakers) == 20
    newest = breakers.get("new")
    assert len(breakers) == 21
    assert breakers.get("new") is newest

    for key in breakers:
        breakers[key].close()
    breakers.get("next")
    assert len(breakers) == 3
    assert "next" in breakers


def test_the_order_of_use_survives_sparing() -> None:
    """Spared ones count as used; the closed ones go in their order."""
    breakers, _ = registry()
    trip(breakers.get("a"))
    for key in "bcde":
        breakers.get(key)

    assert sorted(breakers) == ["a", "d", "e"]


def test_a_key_can_be_dropped_by_hand() -> None:
    """In whatever state, and twice."""
    breakers, _ = registry()
    trip(breakers.get("a"))
    breakers.discard("a")
    breakers.discard("a")

    assert outcome(breakers.get("a")) == "answer"


def test_threads_with_one_key_get_one_breaker() -> None:
    """Also when both have made one at the same time."""
    gate = threading.Barrier(8)
    made: list[int] = []

    def factory(key: str) -> CircuitBreaker:
        made.append(1)
        gate.wait(120)  # all eight are in the factory together
        return CircuitBreaker(key)

    breakers = Breakers(factory)
    got: list[CircuitBreaker] = []
    threads = [
        threading.Thread(target=lambda: got.append(breakers.get("a"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert (len(made), len(got), len({id(each) for each in got})) == (8, 8, 1)


def test_a_factory_may_ask_for_another_key() -> None:
    """It is called outside the lock."""

    def factory(key: str) -> CircuitBreaker:
        if key != "parent":
            breakers.get("parent")
        return CircuitBreaker(key)

    breakers: Breakers[str] = Breakers(factory)
    breakers.get("child")

    assert sorted(breakers) == ["child", "parent"]


def test_a_factory_that_raises_leaves_nothing() -> None:
    """The next caller tries again."""
    answers: list[Any] = [OSError(), CircuitBreaker()]

    def factory(key: str) -> CircuitBreaker:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]  # a breaker

    breakers = Breakers(factory)
    with pytest.raises(OSError):
        breakers.get("a")
    assert len(breakers) == 0

    assert breakers.get("a").call(good) == "answer"


@pytest.mark.parametrize("factory", [None, 3, CircuitBreaker("one for all")])
def test_what_makes_no_breakers_is_refused(factory: Any) -> None:
    """A breaker can be called too, as a decorator: a likely slip."""
    with pytest.raises(ConfigurationError, match="factory="):
        Breakers(factory)


def test_a_factory_of_something_else_is_found_out() -> None:
    """At the first use, by name."""
    made: Any = lambda _key: "breaker"  # noqa: E731 - a wrong factory

    with pytest.raises(ConfigurationError, match="made str"):
        Breakers(made).get("a")


@pytest.mark.parametrize("maxsize", [0, -1, 1.5, None, True])
def test_a_size_that_cannot_work_is_refused(maxsize: Any) -> None:
    """At least one."""
    with pytest.raises(ConfigurationError, match="maxsize"):
        Breakers(CircuitBreaker, maxsize)


def test_its_repr_says_how_many() -> None:
    """For a log line; no key in it."""
    breakers, _ = registry()
    outcome(breakers.get("secret.example"), bad)

    assert repr(breakers) == "<Breakers: 1 kept, maxsize=3>"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_breakers_cannot_be_copied(duplicate: Callable[[Any], Any]) -> None:
    """A second registry would ask a host that the first one has given up."""
    breakers, _ = registry()

    with pytest.raises(TypeError, match="all who call one host share one"):
        duplicate(breakers)
