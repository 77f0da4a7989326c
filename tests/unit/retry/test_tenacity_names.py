"""One test for each stop, wait and retry strategy that tenacity exports.

The table is checked against tenacity's own list: a strategy that a new
release adds fails `test_every_strategy_is_in_the_table` until it is here.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import tenacity

from syncpatterns.retry import Retry, no_jitter
from syncpatterns.testing import FakeClock


class Down(Exception):
    pass


class Other(Exception):
    pass


def _caused() -> Down:
    error = Down("caused")
    error.__cause__ = OSError("refused")
    return error


@dataclass
class Played:
    """What a strategy makes of a script.

    Args:
        strategy: Handed to the argument that its name begins with.
        script: What the attempts do: raise the exception, return the value.
        calls: How many of them are made.
        slept: The sleeps between them, exactly; or
        within: The bounds of each sleep.
        ends: What the call returns or the class that it raises.
    """

    strategy: Any
    script: list[Any]
    calls: int
    slept: Sequence[float] | None = None
    within: Sequence[tuple[float, float]] | None = None
    ends: Any = Down
    options: dict[str, Any] = field(default_factory=dict)


OURS: Any = no_jitter()  # tenacity's types want a base class; any callable will do
FIVE = [Down("down")] * 5
SET = threading.Event()
SET.set()

STOPS = {
    "stop_after_attempt": Played(tenacity.stop_after_attempt(3), FIVE, 3),
    "stop_after_delay": Played(tenacity.stop_after_delay(3), FIVE, 3, [1, 2]),
    "stop_all": Played(
        tenacity.stop_all(tenacity.stop_after_attempt(2), tenacity.stop_after_delay(3)),
        FIVE,
        3,
    ),
    "stop_any": Played(
        tenacity.stop_any(tenacity.stop_after_attempt(2), tenacity.stop_after_delay(3)),
        FIVE,
        2,
    ),
    "stop_before_delay": Played(
        tenacity.stop_before_delay(dt.timedelta(seconds=3)), FIVE, 2, [1]
    ),
    "stop_never": Played(tenacity.stop_never, FIVE, 5),
    "stop_when_event_set": Played(tenacity.stop_when_event_set(SET), FIVE, 1),
}
WAITS = {
    "wait_chain": Played(
        tenacity.wait_chain(tenacity.wait_fixed(9), OURS, tenacity.wait_fixed(1)),
        FIVE,
        5,
        [9, 2, 1, 1],
    ),
    "wait_combine": Played(
        tenacity.wait_combine(tenacity.wait_fixed(1), no_jitter()),
        FIVE,
        5,
        [2, 3, 5, 5],
    ),
    "wait_exception": Played(
        tenacity.wait_exception(lambda error: len(str(error))), FIVE, 5, [4, 4, 4, 4]
    ),
    "wait_exponential": Played(
        tenacity.wait_exponential(max=3, min=2), FIVE, 5, [2, 2, 3, 3]
    ),
    "wait_exponential_jitter": Played(
        tenacity.wait_exponential_jitter(max=4, jitter=0.5),
        FIVE,
        5,
        within=[(1, 1.5), (2, 2.5), (4, 4), (4, 4)],
    ),
    "wait_fixed": Played(tenacity.wait_fixed(3), FIVE, 5, [3, 3, 3, 3]),
    "wait_full_jitter": Played(
        tenacity.wait_full_jitter(max=4),
        FIVE,
        5,
        within=[(0, 1), (0, 2), (0, 4), (0, 4)],
    ),
    "wait_incrementing": Played(
        tenacity.wait_incrementing(1, 2, max=4), FIVE, 5, [1, 3, 4, 4]
    ),
    "wait_none": Played(tenacity.wait_none(), FIVE, 5, [0, 0, 0, 0]),
    "wait_random": Played(tenacity.wait_random(1, 2), FIVE, 5, within=[(1, 2)] * 4),
    "wait_random_exponential": Played(
        tenacity.wait_random_exponential(max=4),
        FIVE,
        5,
        within=[(0, 1), (0, 2), (0, 4), (0, 4)],
    ),
}
RETRIES = {
    "retry_all": Played(
        tenacity.retry_all(
            tenacity.retry_if_exception_type(Down),
            tenacity.retry_if_exception_message("again"),
        ),
        [Down("again"), Down("again"), Down("no")],
        3,
    ),
    "retry_always": Played(
        tenacity.retry_always, [Down(), Other(), OSError(), "value"], 4, ends="value"
    ),
    "retry_any": Played(
        tenacity.retry_any(
            tenacity.retry_if_exception_type(Down), tenacity.retry_if_result(bool)
        ),
        [Down(), 1, Down(), 0],
        4,
        ends=0,
    ),
    "retry_base": Played(  # where one's own begin
        type(
            "Mine", (tenacity.retry_base,), {"__call__": lambda _, s: s.outcome.failed}
        )(),
        [Down(), Other(), 7],
        3,
        ends=7,
    ),
    "retry_if_exception": Played(
        tenacity.retry_if_exception(lambda error: error.args == ("again",)),
        [Down("again"), Other("again"), Down("no")],
        3,
    ),
    "retry_if_exception_cause_type": Played(
        tenacity.retry_if_exception_cause_type(OSError), [_caused(), Down()], 2
    ),
    "retry_if_exception_message": Played(
        tenacity.retry_if_exception_message(match=".*gain"),
        [Down("again"), Other("gain"), Down("no")],
        3,
    ),
    "retry_if_exception_type": Played(
        tenacity.retry_if_exception_type((Down, OSError)),
        [Down(), OSError(), Other()],
        3,
        ends=Other,
    ),
    "retry_if_not_exception_message": Played(
        tenacity.retry_if_not_exception_message("no"),
        [Down("again"), "value", Down("no")],
        3,
    ),
    "retry_if_not_exception_type": Played(
        tenacity.retry_if_not_exception_type(Down), [Other(), OSError(), Down()], 3
    ),
    "retry_if_not_result": Played(
        tenacity.retry_if_not_result(bool), [0, "", "value"], 3, ends="value"
    ),
    "retry_if_result": Played(
        tenacity.retry_if_result(lambda value: value is None),
        [None, None, 0],
        3,
        ends=0,
    ),
    "retry_never": Played(tenacity.retry_never, FIVE, 1),
    "retry_unless_exception_type": Played(
        tenacity.retry_unless_exception_type(Down), [1, Other(), 2, Down()], 4
    ),
    # The operators make the two combinations.
    "&": Played(
        tenacity.retry_if_exception_type(Down)
        & tenacity.retry_if_not_exception_message("no"),
        [Down("again"), Down("no")],
        2,
    ),
    "|": Played(
        tenacity.retry_if_exception_type(OSError)
        | tenacity.retry_if_exception_cause_type(OSError),
        [OSError(), _caused(), Down()],
        3,
    ),
}
STOPS["|"] = Played(
    tenacity.stop_after_attempt(4) | tenacity.stop_after_delay(3), FIVE, 3
)
STOPS["&"] = Played(
    tenacity.stop_after_attempt(2) & tenacity.stop_after_delay(3), FIVE, 3
)
WAITS["+"] = Played(
    tenacity.wait_fixed(1) + tenacity.wait_incrementing(1, 1), FIVE, 5, [2, 3, 4, 5]
)

TABLE = {
    **{("stop", name): played for name, played in STOPS.items()},
    **{("wait", name): played for name, played in WAITS.items()},
    **{("on", name): played for name, played in RETRIES.items()},
}


def _run(retry: Retry, played: Played, clock: FakeClock) -> tuple[Any, int]:
    """Return what the script ended with, and how many of its parts were played."""
    left = list(played.script)

    def play() -> Any:
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    try:
        end: Any = retry.call(play)
    except (Down, Other, OSError) as error:
        end = type(error)
    return end, len(played.script) - len(left)


@pytest.mark.parametrize(("argument", "name"), TABLE)
def test_a_strategy_does_here_what_it_does_there(
    argument: str, name: str, clock: FakeClock
) -> None:
    """As `on`, `wait` or `stop`, with the calls and the sleeps it asks for."""
    played = TABLE[argument, name]
    options: dict[str, Any] = {"on": Down, "wait": no_jitter(), "budget": None}
    options[argument] = played.strategy

    end, calls = _run(Retry(clock=clock, **options), played, clock)

    assert (end, calls) == (played.ends, played.calls)
    if played.slept is not None:
        assert clock.slept == played.slept
    if played.within is not None:
        assert len(clock.slept) == len(played.within)
        for seconds, (low, high) in zip(clock.slept, played.within, strict=True):
            assert low <= seconds <= high


def _exported(kind: str) -> set[str]:
    return {name for name in tenacity.__all__ if name.startswith(f"{kind}_")}


@pytest.mark.parametrize(
    ("kind", "covered"), [("stop", STOPS), ("wait", WAITS), ("retry", RETRIES)]
)
def test_every_strategy_is_in_the_table(kind: str, covered: dict[str, Played]) -> None:
    """A name that a new tenacity exports has to be tried here first."""
    assert _exported(kind) - set(covered) == set()


def test_a_strategy_that_is_missing_would_be_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The comparison notices a name that the table does not have."""
    monkeypatch.setattr(tenacity, "__all__", [*tenacity.__all__, "stop_at_noon"])

    assert _exported("stop") - set(STOPS) == {"stop_at_noon"}


def test_an_event_set_between_attempts_stops_the_next(clock: FakeClock) -> None:
    """stop_when_event_set looks anew after every failure."""
    event = threading.Event()
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            event.set()
        raise Down

    stop = tenacity.stop_when_event_set(event)
    with pytest.raises(Down):
        Retry(on=Down, stop=stop, clock=clock).call(fail)

    assert calls == 3


@pytest.mark.parametrize("on", [Down, tenacity.retry_never])
async def test_try_again_asks_for_another_attempt(
    on: Any, clock: FakeClock, flaky: Any
) -> None:
    """Whatever `on` says; when no attempt is left the caller gets it itself."""
    retry = Retry(on=on, clock=clock)

    assert retry.call(flaky(tenacity.TryAgain(), tenacity.TryAgain())) == "done"
    assert await retry.acall(flaky(tenacity.TryAgain()).acall) == "done"
    with pytest.raises(tenacity.TryAgain):
        retry.call(flaky(*[tenacity.TryAgain() for _ in range(5)]))
    assert len(clock.slept) == 2 + 1 + 4
