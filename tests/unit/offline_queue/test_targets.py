"""What a process knows of its targets, shared by all who ask them."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from syncpatterns import CircuitBreaker
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import Ack, Hold, Release
from syncpatterns.offline_queue._core._connectivity import LinkState
from syncpatterns.offline_queue._events import TargetOffline, TargetOnline
from syncpatterns.offline_queue._flights import Evidence, Verdict
from syncpatterns.offline_queue._reaching._probes import CallbackProbe
from syncpatterns.offline_queue._reaching._targets import Targets
from syncpatterns.testing import FakeClock

HOLD = Hold(1, 1)
DONE = Verdict(Ack(HOLD), Evidence.ANSWERED)
NOBODY = Verdict(Release(HOLD), Evidence.UNREACHABLE)


def made(clock: FakeClock, **options: Any) -> tuple[Targets, list[Any]]:
    """Return the targets of a queue, and what they tell."""
    facts: list[Any] = []
    targets = Targets(
        "q",
        "memory",
        clock=clock,
        rng=random.Random(1),
        tell=facts.append,
        **options,
    )
    return targets, facts


def test_a_target_that_is_lost_is_told_once_and_so_is_its_return() -> None:
    """An outage of hours is two facts, not one each 30 s."""
    clock = FakeClock()
    targets, facts = made(clock)
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    for _ in range(5):
        clock.advance(31.0)
        assert targets.admit("sms")
        targets.observed("sms", NOBODY)
    clock.advance(31.0)
    for _ in range(7):
        assert targets.admit("sms")
        targets.observed("sms", DONE)

    assert [type(fact) for fact in facts] == [TargetOffline, TargetOnline]
    assert (facts[0].target, facts[0].reason) == ("sms", "unreachable")
    assert 0.5 <= facts[0].seconds <= 1.0


def test_only_one_of_many_threads_is_the_canary() -> None:
    """Each asks at the same moment; one is let in."""
    clock = FakeClock()
    targets, _ = made(clock)
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    clock.advance(5.0)
    start, let_in = threading.Barrier(8), list[bool]()

    def ask() -> None:
        start.wait()
        let_in.append(targets.admit("sms"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(let_in) == [False] * 7 + [True]


def test_what_one_claim_may_bring_no_other_may() -> None:
    """It is set aside until it is known what the claim brought."""
    clock = FakeClock()
    targets, _ = made(clock)
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    clock.advance(5.0)
    targets.to_look_at()
    first = targets.request("q", 8, 30.0)
    second = targets.request("q", 8, 30.0)
    targets.claimed(first, [])
    third = targets.request("q", 8, 30.0)

    assert [request.caps["sms"] for request in (first, second, third)] == [1, 0, 1]


def test_a_delivery_that_says_nothing_frees_its_place() -> None:
    """The canary was cut short, so another one may go."""
    clock = FakeClock()
    targets, _ = made(clock)
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    clock.advance(5.0)
    assert targets.admit("sms")
    assert not targets.admit("sms")
    targets.forget("sms")

    assert targets.admit("sms")


def test_with_a_probe_no_item_is_the_canary_before_it_says_yes() -> None:
    """As long as somebody looks; nobody does without a drain."""
    clock = FakeClock()
    probe = CallbackProbe(lambda: True)
    targets, _ = made(clock, probes={"": probe})
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    clock.advance(1.0)

    assert not targets.admit("sms")
    assert targets.to_look_at() == [("sms", probe)]
    assert targets.to_look_at() == []  # one look at a time
    assert targets.to_look_at(anew=True) == [("sms", probe)]

    targets.looked("sms", found=True)
    clock.advance(2.0)

    assert targets.admit("sms")


def test_a_look_that_was_cut_short_is_done_again() -> None:
    """The drain that looked has ended."""
    clock = FakeClock()
    targets, _ = made(clock, probes={"sms": CallbackProbe(lambda: True)})
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    clock.advance(1.0)
    assert len(targets.to_look_at()) == 1
    targets.looked("sms", found=None)

    assert len(targets.to_look_at()) == 1


@pytest.mark.case("QUE-34", part="breaker")
def test_an_open_breaker_is_seen_before_anything_is_claimed() -> None:
    """Open: nothing. Half-open: one. Closed: 1, 2, 4."""
    clock = FakeClock()
    breaker = CircuitBreaker(name="sms", failures=1, recovery=60.0, clock=clock)
    targets, facts = made(clock, gates={"sms": breaker})
    with pytest.raises(OSError):
        breaker.call(_fail)

    assert targets.request("q", 8, 30.0).caps == {"sms": 0}
    assert not targets.admit("sms")
    assert [(fact.reason, fact.seconds) for fact in facts] == [("resting", 60.0)]

    clock.advance(60.0)
    assert targets.admit("sms")
    assert not targets.admit("sms")

    breaker.call(lambda: None)
    targets.observed("sms", DONE)

    assert targets.request("q", 8, 30.0).caps == {"sms": 2}


def test_a_breaker_that_is_reset_by_hand_lets_items_through_at_once() -> None:
    """Isolated for maintenance, nobody could say until when."""
    clock = FakeClock()
    breaker = CircuitBreaker(name="sms", clock=clock)
    targets, _ = made(clock, gates={"sms": breaker})
    breaker.isolate()
    assert not targets.admit("sms")
    breaker.reset()

    assert targets.admit("sms")


def test_a_rest_is_over_when_its_time_is() -> None:
    """Retry-After: 7."""
    clock = FakeClock()
    targets, _ = made(clock)
    assert targets.admit("sms")
    targets.observed("sms", Verdict(Release(HOLD), Evidence.FAILED, rest=7.0))

    assert (targets.away(), targets.wait()) == (("sms",), 7.0)
    assert not targets.admit("sms")

    clock.advance(7.0)

    assert targets.admit("sms")
    assert targets.state_of("sms") is LinkState.PROBING


def test_a_resumed_target_is_asked_at_once() -> None:
    """Somebody has signed in; the others go on resting."""
    clock = FakeClock()
    targets, _ = made(clock)
    for target in ("sms", "mail"):
        assert targets.admit(target)
        targets.observed(target, Verdict(Release(HOLD), rest=1000.0))
    targets.resume("sms")

    assert targets.admit("sms")
    assert targets.away() == ("mail",)

    targets.resume()

    assert targets.away() == ()


def test_listeners_hear_of_a_change_until_they_are_taken_off() -> None:
    """That is how a drain wakes."""
    clock = FakeClock()
    targets, _ = made(clock)
    heard: list[int] = []
    off = targets.on_change(lambda: heard.append(1))
    assert targets.admit("sms")
    targets.observed("sms", NOBODY)
    off()
    targets.hurry()
    assert targets.admit("sms")
    targets.observed("sms", DONE)

    assert heard == [1]


def test_nothing_is_kept_of_a_target_that_is_well() -> None:
    """Targets may be as many as tenants."""
    targets, _ = made(FakeClock())
    for n in range(100):
        assert targets.admit(f"tenant-{n}")
        targets.observed(f"tenant-{n}", DONE)

    assert targets.request("q", 8, 30.0).caps == {}
    assert len(targets._under_way) == 0


@pytest.mark.parametrize("name", ["sms", ""])
def test_a_gate_that_cannot_say_when_is_refused(name: str) -> None:
    """The one of pybreaker itself does not know how long it will be open."""
    with pytest.raises(ConfigurationError) as caught:
        made(FakeClock(), gates={name: object()})

    assert "syncpatterns.CircuitBreaker" in str(caught.value)


def _fail() -> None:
    raise OSError
