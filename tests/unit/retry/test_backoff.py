from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

import pytest
import tenacity

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import (
    Wait,
    decorrelated_jitter,
    equal_jitter,
    full_jitter,
    no_jitter,
)
from syncpatterns.retry._backoff import Backoff, Jitter

DRAWS = 2_000


def _delays(jitter: Jitter, attempt: int, previous: float = 0.0) -> list[float]:
    rng = random.Random(7)
    backoff = Backoff(jitter)
    return [backoff.delay(attempt, previous, rng) for _ in range(DRAWS)]


@pytest.mark.case("RTY-01")
@pytest.mark.parametrize(("attempt", "top"), [(1, 1), (2, 2), (3, 4), (4, 4), (9, 4)])
def test_full_jitter_draws_from_zero_to_the_backoff(attempt: int, top: float) -> None:
    """Between 0 and 1, 2, 4, 4 seconds, half of that on average."""
    drawn = _delays("full", attempt)

    assert min(drawn) >= 0
    assert max(drawn) <= top
    assert statistics.fmean(drawn) == pytest.approx(top / 2, rel=0.05)


@pytest.mark.case("RTY-02")
@pytest.mark.parametrize(("attempt", "top"), [(1, 1), (2, 2), (3, 4), (4, 4)])
def test_equal_jitter_keeps_half_the_backoff(attempt: int, top: float) -> None:
    """Between half the backoff and all of it."""
    drawn = _delays("equal", attempt)

    assert min(drawn) >= top / 2
    assert max(drawn) <= top


@pytest.mark.case("RTY-03")
@pytest.mark.parametrize(
    ("previous", "top"), [(0.0, 3.0), (1.0, 3.0), (1.2, 3.6), (2.0, 4.0), (4.0, 4.0)]
)
def test_decorrelated_jitter_grows_from_the_last_wait(
    previous: float, top: float
) -> None:
    """Between one second and three times the last wait, at most the cap."""
    drawn = _delays("decorrelated", 2, previous)

    assert min(drawn) >= 1
    assert max(drawn) <= top
    assert max(drawn) == pytest.approx(top, rel=0.01)


@pytest.mark.case("RTY-04")
def test_no_jitter_is_exact() -> None:
    """1, 2, 4, 4 seconds to the bit."""
    backoff = Backoff("none")
    drawn = [backoff.delay(n, 0.0, random.Random(1)) for n in (1, 2, 3, 4)]

    assert drawn == [1.0, 2.0, 4.0, 4.0]


@pytest.mark.case("RTY-05")
@pytest.mark.parametrize("jitter", ["full", "equal", "decorrelated"])
def test_jitter_is_alive_at_the_cap(jitter: Jitter) -> None:
    """Clients that have all reached the cap are still spread."""
    assert statistics.pvariance(_delays(jitter, 30, previous=4.0)) > 0.1


def test_jitter_added_before_the_cap_would_be_dead_at_it() -> None:
    """The spread check refuses additive jitter that is cut afterwards."""
    rng = random.Random(7)
    additive = [min(4.0, 2.0**29 + rng.random()) for _ in range(DRAWS)]

    assert not statistics.pvariance(additive) > 0.1


@pytest.mark.case("RTY-06")
@pytest.mark.parametrize("base", [1e-300, 1.0, 1e300])
def test_a_millionth_attempt_waits_the_cap(base: float) -> None:
    """The exponent is bounded, so nothing overflows."""
    for jitter in ("full", "equal", "decorrelated", "none"):
        backoff = Backoff(jitter, base, 4.0)

        assert backoff.delay(1_000_000, 4.0, random.Random(1)) <= 4.0
    assert Backoff("none", 1.0, 4.0).delay(1_000_000, 0.0, random.Random(1)) == 4.0


@pytest.mark.case("RTY-09")
@pytest.mark.parametrize("bad", [-1, -0.001, math.nan, math.inf, "1", None, True])
@pytest.mark.parametrize("name", ["base", "cap"])
def test_a_figure_that_is_no_duration_is_refused(name: str, bad: object) -> None:
    """Negative, NaN, infinite or no number at all: refused when built."""
    options: dict[str, object] = {name: bad}

    with pytest.raises(ConfigurationError, match=name):
        Backoff("full", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_an_unknown_jitter_is_refused() -> None:
    """The message lists the kinds there are."""
    with pytest.raises(ConfigurationError, match="full, equal, decorrelated, none"):
        Backoff("quarter")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.case("RTY-10")
@pytest.mark.parametrize("make", [full_jitter, equal_jitter, decorrelated_jitter])
def test_tenacity_takes_our_waits(make: Callable[..., Wait]) -> None:
    """The same seed gives tenacity's own loop the same schedule twice."""

    def schedule() -> list[float]:
        slept: list[float] = []
        retrying = tenacity.Retrying(
            wait=make(rng=random.Random(3)),
            stop=tenacity.stop_after_attempt(6),
            sleep=slept.append,
            reraise=True,
        )
        with pytest.raises(OSError, match="down"):
            retrying(_down)
        return slept

    assert len(schedule()) == 5
    assert schedule() == schedule()


def _down() -> None:
    raise OSError("down")


def test_our_waits_add_up_with_tenacitys() -> None:
    """Ours + theirs, theirs + ours and sum() all give a tenacity strategy."""
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    fixed = tenacity.wait_fixed(10)
    ours = no_jitter(base=1)

    assert (ours + fixed)(state) == 11
    assert (fixed + ours)(state) == 11
    assert (0 + ours) is ours  # where sum() starts
    assert tenacity.wait_chain(ours, fixed)(state) == 1  # pyright: ignore[reportArgumentType]  # any callable will do


def test_a_number_is_no_wait_strategy_to_add() -> None:
    """Only zero, where sum() starts, is let pass."""
    with pytest.raises(TypeError):
        _ = 1 + no_jitter()


def test_a_wait_shows_its_figures() -> None:
    """The text can be pasted back."""
    assert repr(full_jitter(0.5, 8)) == "full_jitter(base=0.5, cap=8)"
