"""P-RTY-3: what retries and breakers do to a server that was down for 20 s.

The rows are of the model in `benchmarks._storm`, in which the library's own
`Retry` and `CircuitBreaker` act; they are counted, not timed, so a busy machine
does not change them. ``python -m benchmarks.storm`` draws the picture of the
documentation anew and prints its tables.
"""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import tenacity

from benchmarks._false_trips import false_trips
from benchmarks._harness import Paired, Row, row
from benchmarks._plot import Panel, Picture, svg
from benchmarks._storm import (
    CAPACITY,
    CLIENTS,
    DOWN,
    RATE,
    UP,
    Policy,
    Run,
    Unavailable,
    Way,
    run,
)
from benchmarks._virtual import VirtualTime
from syncpatterns.retry import CircuitBreaker, Growing, Retry

SHOWN = 60  # seconds in the picture
LONG = 325  # seconds until a breaker of 300 s has closed again
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "_static" / "retry-storm.svg"


def no_retry(_time: VirtualTime, _rng: random.Random) -> Way:
    """One attempt."""

    async def way(send: Callable[[], Awaitable[None]]) -> None:
        await send()

    return way


def unbounded(time: VirtualTime, rng: random.Random) -> Way:
    """Five attempts with full jitter, and no budget."""
    retry = Retry(on=Unavailable, budget=None, clock=time, rng=rng)
    return retry.acall


def additive(time: VirtualTime, rng: random.Random) -> Way:
    """Five attempts, jitter added before the cap cuts it off, and no budget."""

    def wait(state: tenacity.RetryCallState) -> float:
        # tenacity's wait_exponential_jitter(1, 4), with the jitter seeded.
        return min(4.0, 2.0 ** (state.attempt_number - 1) + rng.random())

    retry = Retry(on=Unavailable, wait=wait, budget=None, clock=time, rng=rng)
    return retry.acall


def budgeted(time: VirtualTime, rng: random.Random) -> Way:
    """`Retry` as it comes: five attempts, full jitter, its own budget."""
    return Retry(on=Unavailable, clock=time, rng=rng).acall


def fixed_breaker(time: VirtualTime, rng: random.Random) -> Way:
    """The same around a breaker as it comes, which stays open for 300 s."""
    return _guarded(CircuitBreaker(clock=time), time, rng)


def growing_breaker(time: VirtualTime, rng: random.Random) -> Way:
    """The same, but the breaker probes after 2, 4, 8, ... 300 s."""
    breaker = CircuitBreaker(recovery=Growing(2.0, 300.0), clock=time)
    return _guarded(breaker, time, rng)


def _guarded(breaker: CircuitBreaker, time: VirtualTime, rng: random.Random) -> Way:
    retry = Retry(on=Unavailable, clock=time, rng=rng)

    async def way(send: Callable[[], Awaitable[None]]) -> None:
        await retry.acall(breaker.acall, send)

    return way


#: What the picture and the table show, in this order.
POLICIES: dict[str, Policy] = {
    "no retry": no_retry,
    "5 attempts, full jitter": unbounded,
    "5 attempts, additive jitter": additive,
    "with the budget": budgeted,
    "breaker, 300 s": fixed_breaker,
    "breaker, 2 s doubling": growing_breaker,
}


@functools.cache
def story(name: str, seconds: int = SHOWN) -> Run:
    """Return the run of one of `POLICIES`; the same run is not done twice."""
    return run(POLICIES[name], seconds=seconds)


def rows() -> list[Row]:
    """Return the rows of P-RTY-3."""
    plain, ours = story("no retry"), story("with the budget")
    slow = story("breaker, 300 s", LONG).recovery()
    quick = story("breaker, 2 s doubling").recovery()
    return [
        load_row(ours, plain),
        recovery_row(ours, plain),
        row(
            "P-RTY-3.breaker",
            "s after the outage until 95 % of calls end well: breaker of 2 s "
            "doubling to 300, to one of 300 s",
            _counted(_or_never(quick), _or_never(slow)),
            0.1,
            unit=1,
        ),
    ]


def load_row(ours: Run, plain: Run) -> Row:
    """Return the row of the load that *ours* puts on a server that is down."""
    return row(
        "P-RTY-3.load",
        "attempts/s on a server that is down: retry with its budget, to no retry",
        _counted(_per_second(ours.sent, DOWN, UP), _per_second(plain.sent, DOWN, UP)),
        1.1,
        unit=1,
    )


def recovery_row(ours: Run, plain: Run) -> Row:
    """Return the row of the calls that end well in the second after the outage."""
    return row(
        "P-RTY-3.recovery",
        "calls that end well in the first second after it: the same",
        _counted(
            _per_second(ours.served, UP, UP + 1), _per_second(plain.served, UP, UP + 1)
        ),
        0.95,
        better="higher",
        unit=1,
    )


def _per_second(counts: list[int], since: float, until: float) -> float:
    return sum(counts[int(since) : int(until)]) / (until - since)


def _or_never(seconds: int | None) -> float:
    """Return *seconds* as a figure that can be compared: never is LONG."""
    return float(LONG if seconds is None else seconds)


def _counted(ours: float, reference: float) -> Paired:
    return Paired(ours, reference, ours / reference)


def picture() -> str:
    """Return the picture of the documentation as SVG."""
    runs = [story(name) for name in POLICIES]
    return svg(
        Picture(
            title="A server is down for 20 seconds",
            description=(
                "Simulated: 100 clients make 800 calls a second to a server that "
                "can do 1000. Above, attempts a second: five attempts without a "
                "budget send four to five times as many as were asked for, and "
                "do so for as long as the picture goes. Below, calls that end "
                "well: without a budget hardly one does after the outage; without "
                "retry, or with a budget, all do at once."
            ),
            names=list(POLICIES),
            panels=[
                Panel(
                    "attempts a second that reach the server",
                    top=5000,
                    step=1000,
                    lines=[found.sent for found in runs],
                    limit=(CAPACITY, "what the server can do"),
                ),
                Panel(
                    "calls a second that end well",
                    top=1000,
                    step=200,
                    lines=[found.served for found in runs],
                    limit=(CLIENTS * RATE, "what is asked for"),
                ),
            ],
            seconds=SHOWN,
            step=10,
            shaded=(DOWN, UP, "server down"),
        )
    )


def story_table() -> str:
    """Return the outcome of every policy as a table in Markdown."""
    lines = [
        "| policy | load in the outage | peak | end well, 20 s after | back after |",
        "|---|---|---|---|---|",
    ]
    for name in POLICIES:
        found = story(name)
        ending = story(name, LONG) if name == "breaker, 300 s" else found
        back = ending.recovery()
        lines.append(
            f"| {name} | {found.load(DOWN, UP):.2f}x | {found.peak():.2f}x | "
            f"{found.goodput(UP, UP + 20):.1%} | "
            f"{f'{back} s' if back is not None else 'never'} |"
        )
    return "\n".join(lines)


def trips_table() -> str:
    """Return what breakers do to a healthy server as a table in Markdown."""
    lines = [
        "| calls | failures | rejected, 5 in 60 s | opened | with the rate guard |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {found.rate}/s | {found.failing:.1%} | {found.absolute:.1%} | "
        f"{found.openings:.1f} an hour | {found.guarded:.1%} |"
        for found in false_trips()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
    print(f"wrote {PICTURE}", file=sys.stderr)
    print(story_table(), trips_table(), sep="\n\n")
