"""The storm is the library's own doing: change the library, and it changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import storm
from benchmarks._false_trips import watch
from benchmarks._storm import CAPACITY, DOWN, UP, Server, Unavailable, Way, run
from benchmarks._virtual import VirtualTime
from syncpatterns.retry import Retry, RetryBudget

_DOCS = Path(storm.__file__).resolve().parents[1] / "docs"
_PAGE = _DOCS / "explanation" / "retry-storms.md"


def _asked_at(server: Server, time: VirtualTime, moments: list[float]) -> int:
    """Return how many of the calls at *moments* the server does."""
    done = 0

    async def ask() -> None:
        nonlocal done
        try:
            server.ask()
        except Unavailable:
            return
        done += 1

    for moment in moments:
        time.start(moment, ask())
    time.run(max(moments) + 1)
    return done


def _evenly(rate: int, seconds: float = 2.0) -> list[float]:
    return [number / rate for number in range(int(rate * seconds))]


def test_the_server_does_what_it_can() -> None:
    """Below its capacity nobody is turned away."""
    time = VirtualTime()

    assert _asked_at(Server(time), time, _evenly(990)) == 1980


def test_turning_calls_away_costs_the_server_work() -> None:
    """At 1.5 times its capacity half of its work is rejections; at 2.5, all."""
    time, later = VirtualTime(), VirtualTime()
    some = _asked_at(Server(time), time, _evenly(1500))
    none = _asked_at(Server(later), later, _evenly(2500))

    assert some == pytest.approx(CAPACITY, rel=0.1)
    assert none < 100


def test_a_run_is_the_same_again() -> None:
    """Time and chance come from the seed alone."""
    first = run(storm.budgeted, seconds=22)

    assert first == run(storm.budgeted, seconds=22)
    assert first != run(storm.budgeted, seconds=22, seed=8)


@pytest.mark.case("RTY-26")
def test_the_budget_bounds_what_an_outage_costs() -> None:
    """Sent in the outage: at most each call, its ratio and every full bucket."""
    found = storm.story("with the budget")
    asked, sent = (
        sum(counts[int(DOWN) : int(UP)]) for counts in (found.asked, found.sent)
    )

    assert sent <= asked * (1 + RetryBudget().ratio) + RetryBudget().size * 100
    assert sent > asked


def test_the_rows_hold() -> None:
    """Counted, not timed, so they hold on every machine or on none."""
    rows = storm.rows()

    assert [item["id"] for item in rows] == [
        "P-RTY-3.load",
        "P-RTY-3.recovery",
        "P-RTY-3.breaker",
    ]
    assert [item["holds"] for item in rows] == [True, True, True]


def _never_empty(time: VirtualTime, rng: random.Random) -> Way:
    budget = RetryBudget(100_000)
    return Retry(on=Unavailable, budget=budget, clock=time, rng=rng).acall


@pytest.mark.parametrize("planted", ["no budget", "one that is never empty"])
def test_a_budget_that_does_nothing_misses_both_targets(planted: str) -> None:
    """Planted: the rows see it when the budget is gone, or never empty."""
    plain = storm.story("no retry")
    broken = (
        storm.story("5 attempts, full jitter")
        if planted == "no budget"
        else run(_never_empty, seconds=41)
    )

    assert not storm.load_row(broken, plain)["holds"]
    assert not storm.recovery_row(broken, plain)["holds"]


def test_without_a_budget_the_outage_does_not_end() -> None:
    """Jitter spreads the retries, it does not make them fewer."""
    for name in ("5 attempts, full jitter", "5 attempts, additive jitter"):
        found = storm.story(name)

        assert found.recovery() is None
        assert found.goodput(UP, UP + 20) < 0.05


@pytest.mark.parametrize("rate", [8, 50])
def test_a_healthy_dependency_is_not_cut_off_with_the_rate_guard(rate: int) -> None:
    """Five random failures among hundreds of calls are no outage."""
    alone, openings = watch(rate, 0.01, 1800, min_rate=0.0)
    guarded, none = watch(rate, 0.01, 1800, min_rate=None)

    assert alone > 0.5
    assert openings > 2
    assert (guarded, none) == (0.0, 0)


def test_the_picture_is_what_the_library_does() -> None:
    """Drawn anew it is the same; else run ``python -m benchmarks.storm``."""
    assert storm.PICTURE.read_text("utf-8") == storm.picture()


@pytest.mark.parametrize("table", [storm.story_table, storm.trips_table])
def test_the_page_has_the_figures_of_the_model(table: Callable[[], str]) -> None:
    """``python -m benchmarks.storm`` prints the tables of the page."""
    assert table() in _PAGE.read_text("utf-8")
