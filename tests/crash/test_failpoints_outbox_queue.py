"""A process killed at every place between a booking and the row it leads to."""

from __future__ import annotations

import threading

import pytest

from syncpatterns.errors import OutcomeGone
from syncpatterns.testing import CrashCase, FailpointReport, failpoint_sweep
from tests.crash.later import Later
from tests.crash.outboxed import NUMBERS, engine_for, numbers, queue_for
from tests.crash.places import DRAIN

# Killed before a commit, a process leaves what it left after the one before.
PLACES = ["sqlite.after_commit", *DRAIN]


def sweep(how: str, names: list[str]) -> FailpointReport:
    """Kill the program at each pass of each place; go on, and judge."""

    def program(case: CrashCase) -> list[str]:
        return ["-m", "tests.crash.programs.book_and_post", str(case.folder), how]

    def judge(case: CrashCase) -> str:
        return "; ".join(judged(case, apart=how == "apart"))

    return failpoint_sweep(program, judge, names=names)


def judged(case: CrashCase, *, apart: bool) -> list[str]:
    """Compare bookings with items, deliver what is left, and count the rows."""
    wrong: list[str] = []
    with engine_for(case.folder, Later()) as engine:
        queue = queue_for(engine, apart=apart)
        store = engine.queue_store()
        found = {n: store.find("outbox", "", "ledger.post", f"k{n}") for n in NUMBERS}
        queued = [number for number, seq in found.items() if seq is not None]
        booked = numbers(engine, "booked")
        if queued != booked:
            wrong.append(f"booked {booked}, queued {queued}")
        stop = threading.Event()
        worker = threading.Thread(target=lambda: queue.work(stop=stop))
        worker.start()
        try:
            for seq in filter(None, found.values()):
                queue.receipt(seq).wait(120)
        except (TimeoutError, OutcomeGone) as error:
            wrong.append(f"{type(error).__name__} for what was booked")
        finally:
            stop.set()
            worker.join()
        posted = numbers(engine, "posted")
        if posted != booked:
            wrong.append(f"booked {booked}, posted {posted}")
        if queue.stats().live:
            wrong.append("something is left")
    return wrong


@pytest.mark.slow
@pytest.mark.case("QUE-53", part="killed")
@pytest.mark.case("QUE-54", part="killed")
def test_killed_anywhere_each_booking_leads_to_one_row() -> None:
    """No booking without its item, no item without its booking, one row for each."""
    report = sweep("together", PLACES)

    assert report.violations == []
    assert report.never == []
    assert report.kills == sum(report.hits[name] for name in PLACES)
    # The tables, the rules of the queue, the booking, the claim, the row with its
    # item: at least five commits.
    assert report.hits["sqlite.after_commit"] >= 5


@pytest.mark.case("QUE-54", part="planted")
def test_a_row_committed_before_its_item_ends_is_caught() -> None:
    """The same judge sees the second row of a handler with two commits."""
    report = sweep("apart", ["drain.before_settle"])

    assert report.kills == len(NUMBERS)
    assert len(report.violations) == len(NUMBERS)
    assert "posted [1, 1]" in report.violations[0]
