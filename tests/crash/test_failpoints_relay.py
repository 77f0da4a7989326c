"""A process killed while its relay hands committed events to a consumer."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from syncpatterns.testing import (
    CrashCase,
    EffectsLedger,
    FailpointReport,
    failpoint_sweep,
)
from tests.crash.bookings import DATABASE
from tests.crash.places import RELAY
from tests.crash.relayed import EVENTS, Consumer

PASSES = EVENTS + 1  # the end of a run is an event too


@dataclass(slots=True)
class Sweep:
    """What a sweep found, case by case.

    Attributes:
        report: What was killed, and what was wrong.
        repeated: Events that were delivered once more after the restart.
        lost: Violations where the consumer begins with what is new (planted).
    """

    report: FailpointReport = field(default_factory=FailpointReport)
    repeated: dict[str, int] = field(default_factory=dict[str, int])
    lost: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    """Kill at each pass of each place of the relay, then start again."""
    found = Sweep()

    def program(case: CrashCase) -> list[str]:
        return ["-m", "tests.crash.programs.consume", str(case.folder)]

    def judge(case: CrashCase) -> str:
        forgetful = shutil.copytree(case.folder, case.folder.with_name("forgetful"))
        found.lost[str(case)] = restarted(forgetful, resume=False)
        wrong = restarted(case.folder)
        found.repeated[str(case)] = max(deliveries(case.folder).values()) - 1
        return "; ".join(wrong)

    found.report = failpoint_sweep(program, judge, names=RELAY)
    return found


def restarted(folder: Path, *, resume: bool = True) -> list[str]:
    """Start again, run to the end, and return what is wrong."""

    async def run() -> None:
        with anyio.fail_after(120):
            await Consumer(folder, resume=resume).run()

    anyio.run(run)
    return complaints(folder)


def deliveries(folder: Path) -> Counter[str]:
    """Return how often each event was delivered."""
    effects = EffectsLedger(folder / "ledger").effects()
    return Counter(effect.key for effect in effects)


def complaints(folder: Path) -> list[str]:
    """Each event was delivered, under one identity, and acted on once."""
    wrong: list[str] = []
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        published = dict(
            connection.execute("SELECT offset, event_id FROM syncpatterns_outbox")
        )
        acted = Counter(
            event_id for (event_id,) in connection.execute("SELECT * FROM notice")
        )
    if sorted(published) != list(range(1, len(published) + 1)):
        wrong.append(f"offsets are {sorted(published)}")
    wrong += [
        f"event {effect.token} came as another one"
        for effect in EffectsLedger(folder / "ledger").effects()
        if published.get(effect.token) != effect.key
    ]
    for offset, event_id in published.items():
        if acted[event_id] != 1:
            wrong.append(f"event {offset} was acted on {acted[event_id]} times")
    return wrong


@pytest.mark.case("RTM-27", part="sqlite, killed")
def test_killed_before_or_after_publishing_nothing_is_lost(sweep: Sweep) -> None:
    """Each event comes under its one id, and the consumer acts on it once."""
    assert sweep.report.violations == []
    assert [sweep.report.hits[place] for place in RELAY] == [PASSES, PASSES]
    assert sweep.report.kills == 2 * PASSES


@pytest.mark.case("RTM-27", part="sqlite, killed")
def test_what_was_acted_on_and_not_marked_comes_again(sweep: Sweep) -> None:
    """From the second event on there is always one such; no more than that."""
    again = {
        f"{place}, pass {n}": 0 if n == 1 else 1
        for place in RELAY
        for n in range(1, PASSES + 1)
    }

    assert sweep.repeated == {"no kill": 1, **again}


def test_a_consumer_that_begins_with_what_is_new_is_caught(sweep: Sweep) -> None:
    """The planted bug: what committed and was not relayed is lost to it."""
    lost = {
        f"{place}, pass {n}": [f"event {n} was acted on 0 times"]
        for place in RELAY
        for n in range(1, PASSES + 1)
    }

    assert sweep.lost == {"no kill": [], **lost}
