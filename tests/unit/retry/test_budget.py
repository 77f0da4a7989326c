from __future__ import annotations

import copy
import math
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError, EngineBusy
from syncpatterns.events import GaveUp
from syncpatterns.retry import Retry, RetryBudget, deadline, no_jitter
from syncpatterns.testing import FakeClock, cancel_sweep, simulate


class Down(Exception):
    pass


def _down() -> None:
    raise Down


def _calls(retry: Retry, times: int) -> int:
    """Make *times* calls that fail; return how many attempts were made."""
    attempts = 0

    def fail() -> None:
        nonlocal attempts
        attempts += 1
        raise Down

    for _ in range(times):
        with pytest.raises(Down):
            retry.call(fail)
    return attempts


@pytest.mark.case("RTY-20")
async def test_a_budget_is_spent_once_over_all_calls(clock: FakeClock) -> None:
    """Three tokens: three retries altogether, then one attempt a call."""
    retry = Retry(on=Down, clock=clock, budget=RetryBudget(3, 0.1))

    assert _calls(retry, 1) == 1 + 3
    assert _calls(retry, 7) == 7
    assert len(clock.slept) == 3


@pytest.mark.case("RTY-20", part="async")
async def test_tasks_spend_the_same_budget(clock: FakeClock, flaky: Any) -> None:
    """The same over awaited calls, on asyncio and trio."""
    retry = Retry(on=Down, clock=clock, budget=RetryBudget(3, 0.1))
    fn = flaky(*[Down()] * 9)

    for _ in range(4):
        with pytest.raises(Down):
            await retry.acall(fn.acall)

    assert fn.calls == 4 + 3


@pytest.mark.case("RTY-21")
@pytest.mark.parametrize(("ratio", "successes"), [(0.1, 10), (0.2, 5), (1 / 3, 3)])
def test_successes_pay_for_a_retry(
    ratio: float, successes: int, clock: FakeClock
) -> None:
    """Ten at .1 are one token, although in floats they are a little less."""
    budget = RetryBudget(3, ratio)
    retry = Retry(on=Down, clock=clock, budget=budget)
    _calls(retry, 1)

    for _ in range(successes - 1):
        retry.call(int)
    assert _calls(retry, 1) == 1
    retry.call(int)
    assert _calls(retry, 1) == 2
    assert budget.tokens == pytest.approx(0, abs=1e-8)


def test_an_exact_comparison_would_cost_a_retry() -> None:
    """Ten times .1 is less than 1 in floats: what RTY-21 finds in a naive budget."""
    budget = RetryBudget(3, 0.1)
    for _ in range(3):
        budget.withdraw()
    for _ in range(10):
        budget.deposit()

    assert budget.tokens < 1
    assert budget.withdraw()
    assert budget.tokens == 0


def test_a_full_budget_takes_no_more() -> None:
    """What a success brings is lost when nothing was spent."""
    budget = RetryBudget(2, 5)

    budget.deposit()
    budget.refund()

    assert budget.tokens == 2
    assert [budget.withdraw() for _ in range(3)] == [True, True, False]
    assert budget.tokens == 0


@pytest.mark.case("RTY-22")
def test_threads_neither_lose_nor_make_tokens() -> None:
    """32 threads move 1,000 times each: within bounds, and the sum is kept."""
    budget = RetryBudget(1e6, 0.5)
    for _ in range(500_000):
        budget.withdraw()
    start, moves = threading.Barrier(32), [0.0] * 32
    outside: list[float] = []

    def move(thread: int) -> None:
        rng, moved = random.Random(thread), 0.0
        start.wait()
        for _ in range(1_000):
            pick = rng.random()
            if pick < 0.4:
                moved -= budget.withdraw()
            elif pick < 0.8:
                budget.deposit()
                moved += budget.ratio
            else:
                budget.refund()
                moved += 1.0
            if not 0.0 <= budget.tokens <= budget.size:
                outside.append(budget.tokens)
        moves[thread] = moved

    _in_threads(move, 32)

    assert outside == []
    assert budget.tokens == 500_000 + math.fsum(moves)


@pytest.mark.case("RTY-22", part="bounds")
def test_threads_never_leave_the_bounds() -> None:
    """At the edges, where every move would cross: never above, never below."""
    budget = RetryBudget(2, 0.3)
    start = threading.Barrier(32)
    outside: list[float] = []

    def move(thread: int) -> None:
        rng = random.Random(thread)
        start.wait()
        for _ in range(1_000):
            rng.choice((budget.withdraw, budget.deposit, budget.refund))()
            tokens = budget.tokens
            if not 0.0 <= tokens <= 2.0:
                outside.append(tokens)

    _in_threads(move, 32)

    assert outside == []


def _in_threads(target: Any, count: int) -> None:
    threads = [threading.Thread(target=target, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Counting(RetryBudget):
    """Notes what is asked of it."""

    __slots__ = ("moves",)

    def __init__(self, size: float = 10.0) -> None:
        super().__init__(size)
        self.moves: list[str] = []

    def withdraw(self) -> bool:
        self.moves.append("withdraw")
        return super().withdraw()

    def refund(self) -> None:
        self.moves.append("refund")
        super().refund()


@pytest.mark.case("RTY-23")
async def test_another_rule_that_ends_it_costs_nothing(
    clock: FakeClock, flaky: Any
) -> None:
    """Attempts, error, hint, stop, time-out and deadline are asked before."""
    budget = Counting()
    options: dict[str, Any] = {"clock": clock, "budget": budget, "wait": no_jitter()}

    for retry, error in (
        (Retry(on=Down, attempts=1, **options), Down()),
        (Retry(on=OSError, **options), Down()),
        (Retry(on=EngineBusy, **options), EngineBusy(retry_after=3600)),
        (Retry(on=Down, stop=lambda _: True, **options), Down()),
        (Retry(on=Down, timeout=0.5, **options), Down()),
    ):
        with pytest.raises(type(error)):
            retry.call(flaky(error))
        with pytest.raises(type(error)):
            await retry.acall(flaky(error).acall)
    with deadline(0.5, clock=clock), pytest.raises(Down):
        Retry(on=Down, **options).call(flaky(Down()))

    assert (budget.moves, clock.slept) == ([], [])


@pytest.mark.case("RTY-25")
def test_two_functions_share_a_budget(clock: FakeClock) -> None:
    """Both call the same server, so what one spends the other has not."""
    budget = RetryBudget(3)
    first = Retry(on=Down, clock=clock, budget=budget)
    second = Retry(on=(Down, OSError), clock=clock, budget=budget, attempts=9)

    assert _calls(first, 1) == 1 + 3
    assert _calls(second, 2) == 2
    assert first.budget is second.budget is budget


def test_each_retry_owns_a_budget_unless_told(clock: FakeClock) -> None:
    """Ten tokens of its own; None lifts the limit."""
    first, second = (Retry(on=Down, clock=clock) for _ in range(2))

    assert _calls(first, 20) == 20 + 10
    assert _calls(second, 20) == 20 + 10
    assert _calls(Retry(on=Down, clock=clock, budget=None), 20) == 20 * 5
    assert Retry(on=Down, budget=None).budget is None


@pytest.mark.case("RTY-26")
@pytest.mark.parametrize("clients", [1, 7])
def test_an_outage_is_not_multiplied(clients: int, clock: FakeClock) -> None:
    """Sent is at most calls * (1 + ratio) + size * clients, not five a call."""
    budgets = [RetryBudget(10, 0.2) for _ in range(clients)]
    retries = [Retry(on=Down, clock=clock, budget=budget) for budget in budgets]
    calls = 300

    sent = sum(_calls(retry, calls) for retry in retries)

    assert sent <= calls * clients * (1 + 0.2) + 10 * clients
    assert sent == calls * clients + 10 * clients


@pytest.mark.case("RTY-26", part="flapping")
def test_a_server_that_flaps_is_not_multiplied_either(clock: FakeClock) -> None:
    """The bound holds whatever share of the calls succeeds."""
    for share in (0.1, 0.5, 0.9, 0.99):
        rng, sent = random.Random(11), 0
        retry = Retry(on=Down, clock=clock, budget=RetryBudget(10, 0.2))

        def flap(share: float = share, rng: random.Random = rng) -> None:
            nonlocal sent
            sent += 1
            if rng.random() > share:
                raise Down

        for _ in range(2_000):
            try:
                retry.call(flap)
            except Down:
                continue

        assert sent <= 2_000 * 1.2 + 10


def test_without_a_budget_it_would_be_five_times() -> None:
    """The bound of RTY-26 is one that a retry without a budget breaks."""
    clock = FakeClock(auto_advance=True)

    sent = _calls(Retry(on=Down, clock=clock, budget=None), 300)

    assert not sent <= 300 * 1.2 + 10


def test_the_end_of_the_budget_is_told(clock: FakeClock) -> None:
    """A hook learns that it was the budget; the caller gets his own error."""
    told: list[Any] = []
    retry = Retry(
        on=Down, clock=clock, budget=RetryBudget(1), hooks=[told.append], name="crm"
    )

    _calls(retry, 1)

    assert told[-1] == GaveUp("crm", "", "", attempts=2, reason="budget")


async def test_a_cancelled_sleep_gives_the_token_back(flaky: Any) -> None:
    """The retry was not made, so it was not paid for."""
    clock, budget = FakeClock(), RetryBudget(3)
    retry = Retry(on=Down, clock=clock, budget=budget)

    async with anyio.create_task_group() as group:
        group.start_soon(retry.acall, flaky(Down()).acall)
        await clock.await_for_sleepers()
        during = budget.tokens
        group.cancel_scope.cancel()

    assert (during, budget.tokens) == (2, 3)


def test_an_interrupted_sleep_gives_the_token_back(flaky: Any) -> None:
    """Ctrl-C in a blocking sleep is no retry either."""

    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    budget = RetryBudget(3)
    retry = Retry(on=Down, clock=Interrupted(), budget=budget)

    with pytest.raises(KeyboardInterrupt):
        retry.call(flaky(Down()))

    assert budget.tokens == 3


@pytest.mark.case("RTY-28", part="every step")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seed", range(3))
def test_cancelled_anywhere_the_budget_is_exact(backend: Any, seed: int) -> None:
    """A token is gone for each attempt begun after the first, and for no other."""

    class Work:
        def __init__(self) -> None:
            self.budget = RetryBudget(10, 0)
            self.begun = 0
            self.running = False

        async def fail(self) -> None:
            self.begun += 1
            self.running = True
            await anyio.lowlevel.checkpoint()
            self.running = False
            raise Down

    async def prepare() -> Work:
        return Work()

    async def main(work: Work) -> None:
        retry = Retry(on=Down, budget=work.budget, rng=random.Random(seed))
        with pytest.raises(Down):
            await retry.acall(work.fail)

    async def judge(work: Work) -> None:
        assert work.budget.tokens == 10 - max(0, work.begun - 1)

    sweep = cancel_sweep(main, prepare=prepare, judge=judge, backend=backend, seed=seed)

    assert sweep.cancelled > 5


@pytest.mark.parametrize("seed", range(20))
def test_any_schedule_keeps_the_bound(seed: int) -> None:
    """Thirty tasks on one budget, in an order that a seed shuffles."""
    budget, attempts = RetryBudget(5, 0), 0

    async def main() -> None:
        retry = Retry(on=Down, budget=budget, rng=random.Random(seed))

        async def fail() -> None:
            nonlocal attempts
            attempts += 1
            await anyio.lowlevel.checkpoint()
            raise Down

        async def one() -> None:
            with pytest.raises(Down):
                await retry.acall(fail)

        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(one)

    simulate(main, seed)

    assert (attempts, budget.tokens) == (30 + 5, 0)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 0},
        {"size": 0.5},
        {"size": math.inf},
        {"size": math.nan},
        {"size": True},
        {"size": "10"},
        {"ratio": -0.1},
        {"ratio": math.nan},
        {"ratio": None},
    ],
)
def test_a_budget_that_cannot_work_is_refused(options: dict[str, Any]) -> None:
    """Less than one token never pays for a retry; the message says what does."""
    with pytest.raises(ConfigurationError, match="attempts=1"):
        RetryBudget(**options)


@pytest.mark.parametrize("budget", [10, 0.2, "ten", RetryBudget, False])
def test_what_is_no_budget_is_refused(budget: Any) -> None:
    """The message names the class to use."""
    with pytest.raises(ConfigurationError, match="RetryBudget"):
        Retry(on=Down, budget=budget)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_a_forked_child_is_not_locked_out() -> None:
    """A lock that is held while the process forks is free in the child."""
    program = (
        "import os, signal\n"
        "from syncpatterns.retry import RetryBudget\n"
        "budget = RetryBudget(3)\n"
        "with budget._lock:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal.alarm(10)\n"
        "        os._exit(0 if budget.withdraw() else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["0"]


def test_a_budget_shows_its_state() -> None:
    """For a log: size, ratio and what is left."""
    budget = RetryBudget()
    budget.withdraw()

    assert repr(budget) == "RetryBudget(size=10, ratio=0.2, tokens=9)"


@pytest.mark.parametrize("double", [copy.copy, copy.deepcopy])
def test_a_budget_has_no_copy(double: Callable[[object], object]) -> None:
    """Two of them would let through twice the retries that somebody counted on."""
    with pytest.raises(TypeError, match="share one budget"):
        double(RetryBudget())


def test_a_copy_of_a_retry_shares_its_budget() -> None:
    """A deep one would have to have one of its own, and is refused."""
    retry = Retry(on=Down)

    assert copy.copy(retry).budget is retry.budget
    with pytest.raises(TypeError, match="share one budget"):
        copy.deepcopy(retry)


def test_a_retry_without_a_budget_has_copies(flaky: Any) -> None:
    """There is nothing in it that two could not have."""
    retry = Retry(on=Down, budget=None, attempts=3, wait=no_jitter(0, 0))

    double = copy.deepcopy(retry)

    assert double.budget is None
    assert double.call(flaky(Down(), Down())) == retry.call(flaky())


def test_a_retry_is_not_pickled() -> None:
    """Said by itself, not by some function inside that cannot be."""
    with pytest.raises(TypeError, match="A Retry cannot be pickled"):
        ForkingPickler.dumps(Retry(on=OSError, budget=None))  # as a pool of processes
