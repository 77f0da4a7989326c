"""Fair pairs on a busy machine: interleaved timing, medians of ratios, rows.

Two things measured one after the other are measured on two machines: a shared
processor changes by the second. So *ours* and the *reference* run in turn,
each pair gives one ratio, and the median of the ratios is the result. The
order swaps from pair to pair, since the second of two is often the warmer one.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypedDict

Better = Literal["lower", "higher"]
Timer = Callable[[], float]

#: Fewest pairs where a disk is in it: a slow flush must not decide the median.
DISK_PAIRS = 200

_SAMPLE = 2e-3  # seconds that one sample of a micro-benchmark should take
_MAX_NUMBER = 100_000


class Row(TypedDict):
    """One comparison, as printed and as written by ``JSON=file``.

    `ours`, `reference` are in the unit that `what` names; `holds` says
    whether `ratio` is on the right side of `target`.
    """

    id: str
    what: str
    ours: float
    reference: float
    ratio: float
    target: float
    better: Better
    holds: bool


@dataclass(frozen=True, slots=True)
class Paired:
    """The figures of one comparison.

    Args:
        ours: Median of our samples, seconds for one call.
        reference: Median of the reference's samples, seconds for one call.
        ratio: Median of ours / reference, pair by pair.
    """

    ours: float
    reference: float
    ratio: float


def paired(
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    pairs: int = 50,
    number: int | None = None,
    clock: Timer = time.perf_counter,
) -> Paired:
    """Time two functions in turn.

    Args:
        ours: What is judged.
        reference: What it is compared to.
        pairs: How many pairs; at least `DISK_PAIRS` where a disk is in it.
        number: Calls in one sample; None finds one that takes about 2 ms.
        clock: `time.thread_time` for what waits for nothing: a sample is then
            not longer because the system ran somebody else in it.
    """
    number = number or calibrate(ours, reference, clock=clock)
    samples: list[tuple[float, float]] = []
    with _no_collector():
        for turn in range(pairs):
            if turn % 2:
                theirs = _sample(reference, number, clock)
                samples.append((_sample(ours, number, clock), theirs))
            else:
                mine = _sample(ours, number, clock)
                samples.append((mine, _sample(reference, number, clock)))
    return summary(samples)


async def apaired(
    ours: Callable[[], Awaitable[object]],
    reference: Callable[[], Awaitable[object]],
    *,
    pairs: int = 50,
    number: int = 1,
    clock: Timer = time.perf_counter,
) -> Paired:
    """Time two async functions in turn on the running loop; see `paired`."""
    samples: list[tuple[float, float]] = []
    with _no_collector():
        for turn in range(pairs):
            if turn % 2:
                theirs = await _asample(reference, number, clock)
                samples.append((await _asample(ours, number, clock), theirs))
            else:
                mine = await _asample(ours, number, clock)
                samples.append((mine, await _asample(reference, number, clock)))
    return summary(samples)


def summary(samples: Sequence[tuple[float, float]]) -> Paired:
    """Return the medians of (ours, reference) *samples* taken elsewhere."""
    return Paired(
        statistics.median(mine for mine, _ in samples),
        statistics.median(theirs for _, theirs in samples),
        statistics.median(mine / theirs for mine, theirs in samples),
    )


def row(
    identity: str,
    what: str,
    figures: Paired,
    target: float,
    *,
    better: Better = "lower",
    unit: float = 1e6,
) -> Row:
    """Return the row of one comparison.

    Args:
        identity: As in the design, with a suffix: ``P-IDM-1.replay``.
        what: What was compared with what, and the unit of the figures.
        figures: From `paired`, `apaired` or `summary`.
        target: The ratio to reach.
        better: Whether a good ratio is a low or a high one.
        unit: What a second is multiplied by: 1e6 for microseconds, 1e3 for
            milliseconds, 1 where the figures are no durations.
    """
    ratio = figures.ratio
    return Row(
        id=identity,
        what=what,
        ours=_rounded(figures.ours * unit),
        reference=_rounded(figures.reference * unit),
        ratio=_rounded(ratio),
        target=target,
        better=better,
        holds=ratio <= target if better == "lower" else ratio >= target,
    )


def table(rows: Iterable[Row]) -> str:
    """Return *rows* as text in columns."""
    lines = [("id", "ours", "reference", "ratio", "target", "", "what")]
    for item in rows:
        sign = "<=" if item["better"] == "lower" else ">="
        lines.append(
            (
                item["id"],
                f"{item['ours']:g}",
                f"{item['reference']:g}",
                f"{item['ratio']:.3g}",
                f"{sign} {item['target']:g}",
                "ok" if item["holds"] else "MISSED",
                item["what"],
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    return "\n".join(
        "  ".join(
            (
                line[0].ljust(widths[0]),
                *(line[column].rjust(widths[column]) for column in range(1, 5)),
                line[5].ljust(widths[5]),
                line[6],
            )
        )
        for line in lines
    )


def calibrate(
    *functions: Callable[[], object], clock: Timer = time.perf_counter
) -> int:
    """Return how many calls of the slowest of *functions* take about 2 ms."""
    number = 1
    while number < _MAX_NUMBER:
        samples = (_sample(function, number, clock) for function in functions)
        slowest = max(samples) * number
        if slowest >= _SAMPLE:
            return number
        grow = _SAMPLE / slowest if slowest > 0 else 10.0
        number = max(number + 1, min(_MAX_NUMBER, math.ceil(number * min(grow, 10.0))))
    return _MAX_NUMBER


def _sample(function: Callable[[], object], number: int, clock: Timer) -> float:
    start = clock()
    for _ in range(number):
        function()
    return (clock() - start) / number


async def _asample(
    function: Callable[[], Awaitable[object]], number: int, clock: Timer
) -> float:
    start = clock()
    for _ in range(number):
        await function()
    return (clock() - start) / number


@contextmanager
def _no_collector() -> Generator[None]:
    """Keep a collection that one of them caused out of the other's sample."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
