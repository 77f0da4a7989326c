"""Many callers at once: one probe, no lock held during calls."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from typing import Any

import anyio
import pytest

from syncpatterns.retry import CircuitOpen
from tests.unit.retry.breaker_kit import bad, good, make, outcome, trip


def in_threads(number: int, work: Any) -> None:
    """Run *work* in *number* threads that start together."""
    gate = threading.Barrier(number)

    def run() -> None:
        gate.wait(120)
        work()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def often() -> Any:
    """Switch threads as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.case("RTY-43", part="threads")
@pytest.mark.parametrize("decorated", [False, True])
def test_of_32_threads_at_half_open_one_is_let_in(decorated: bool, often: None) -> None:
    """The probe is inside until the other 31 have been sent away."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    seen: list[str] = []  # an append is one step; += on a count loses some
    all_rejected = threading.Event()

    def probe() -> None:
        seen.append("inside")
        assert all_rejected.wait(120)

    guarded = breaker(probe)

    def work() -> None:
        try:
            guarded() if decorated else breaker.call(probe)
        except CircuitOpen:
            seen.append("rejected")
            if seen.count("rejected") == 31:
                all_rejected.set()

    in_threads(32, work)

    assert Counter(seen) == {"inside": 1, "rejected": 31}
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-43", part="tasks")
@pytest.mark.parametrize("decorated", [False, True])
async def test_of_200_tasks_at_half_open_one_is_let_in(decorated: bool) -> None:
    """On asyncio and trio."""
    breaker, clock = make()
    trip(breaker)
    clock.advance(300)
    seen: Counter[str] = Counter()
    all_rejected = anyio.Event()

    async def probe() -> None:
        seen["inside"] += 1
        await all_rejected.wait()

    guarded = breaker(probe)

    async def work() -> None:
        try:
            await (guarded() if decorated else breaker.acall(probe))
        except CircuitOpen:
            seen["rejected"] += 1
            if seen["rejected"] == 199:
                all_rejected.set()

    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(work)

    assert seen == {"inside": 1, "rejected": 199}
    assert breaker.current_state == "closed"


@pytest.mark.case("RTY-53")
def test_eight_threads_are_inside_at_the_same_time() -> None:
    """No call waits for another: all eight meet inside the breaker."""
    breaker, _ = make()
    meeting = threading.Barrier(8)
    in_threads(8, lambda: breaker.call(meeting.wait, 120))

    assert breaker.current_state == "closed"


def test_failures_of_many_threads_are_all_counted(often: None) -> None:
    """16 threads with 50 failures each: not one is lost."""
    breaker, _ = make(failures=1000, min_rate=0.0)

    def work() -> None:
        for _ in range(50):
            outcome(breaker, bad)
            outcome(breaker, good)

    in_threads(16, work)

    assert breaker.fail_counter == 800


def test_the_number_of_calls_is_exact_under_threads(often: None) -> None:
    """The rate guard's counter loses nothing: 1,600 answers and one failure."""
    breaker, _ = make(failures=2, min_rate=2 / 1602)
    outcome(breaker, bad)
    in_threads(16, lambda: [breaker.call(good) for _ in range(100)])
    outcome(breaker, bad)
    assert breaker.current_state == "open"

    breaker, _ = make(failures=2, min_rate=2 / 1601.5)
    outcome(breaker, bad)
    in_threads(16, lambda: [breaker.call(good) for _ in range(100)])
    outcome(breaker, bad)
    assert breaker.current_state == "closed"


def test_one_trip_by_many_threads_is_one_change(often: None) -> None:
    """32 threads fail together: the circuit opens once."""
    changes: list[Any] = []
    breaker, _ = make(hooks=(changes.append,))
    in_threads(32, lambda: outcome(breaker, bad))

    assert [(fact.old, fact.new) for fact in changes] == [("closed", "open")]
