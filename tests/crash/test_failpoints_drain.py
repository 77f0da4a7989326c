"""A drain killed at each of its places: nothing lost, nothing done twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from syncpatterns.testing import CrashCase, FakeClock, failpoint_sweep
from tests.crash import queued
from tests.crash.places import DRAIN
from tests.crash.programs.drain_once import ITEMS
from tests.crash.queued import QUEUE

HOUR = 3600.0


def left_by(folder: Path, number: int) -> list[str]:
    """Deliver the rest an hour later, and return what is wrong."""
    wrong: list[str] = []
    later = FakeClock(time.time() + HOUR, auto_advance=True)
    with queued.engine_for(folder, later) as engine:
        queue = queued.queue_for(engine, folder)
        queue.flush()
        store = engine.queue_store()
        wrong += [f"{item.seq} is {item.state}" for item in store.items(QUEUE)]
        wrong += [finding.detail for finding in store.check(QUEUE)]
        if queued.effects(engine) != dict.fromkeys(range(1, number + 1), 1):
            wrong.append(f"effects are {queued.effects(engine)}")
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.case("QUE-05", part="failpoints")
@pytest.mark.parametrize("who", ["loop", "thread"])
def test_killed_at_any_place_each_item_is_done_once(who: str) -> None:
    """After the claim it was not begun; around the settlement its key is known."""
    delivered: dict[str, int] = {}

    def program(case: CrashCase) -> list[str]:
        return ["-m", "tests.crash.programs.drain_once", str(case.folder), who]

    def judge(case: CrashCase) -> str:
        wrong = left_by(case.folder, ITEMS[who])
        delivered[str(case)] = sum(queued.deliveries(case.folder).values())
        return "; ".join(wrong)

    report = failpoint_sweep(program, judge, names=DRAIN)
    again = {case: number - ITEMS[who] for case, number in delivered.items()}

    assert report.violations == []
    assert report.never == []
    assert report.kills >= len(DRAIN)  # how many claims there are is luck
    assert max(again.values()) <= 2  # what was under way
    assert again["no kill"] == again["drain.after_claim, pass 1"] == 0
    assert again["drain.before_settle, pass 1"] >= 1
    if who == "thread":  # a loop may have another one under way
        assert again["drain.after_settle, pass 1"] == 0
