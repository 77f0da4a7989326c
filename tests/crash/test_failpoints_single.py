"""A process killed at every named place of a single operation on SQLite."""

from __future__ import annotations

import pytest

from syncpatterns import _testpoints
from syncpatterns.testing import (
    CrashCase,
    EffectsLedger,
    FailpointReport,
    failpoint_sweep,
)
from tests.crash import bookings
from tests.crash.bookings import DATABASE, SCOPE, Confirm
from tests.crash.judge import complaints, look
from tests.crash.places import EVERY, SINGLE


def sweep(variant: str, names: list[str]) -> FailpointReport:
    """Kill one confirmation at each pass of each place; retry and judge."""

    def program(case: CrashCase) -> list[str]:
        return ["-m", "tests.crash.programs.confirm_once", str(case.folder), variant]

    def judge(case: CrashCase) -> str:
        return "; ".join(dict.fromkeys(judged(case, variant)))

    return failpoint_sweep(program, judge, names=names)


def judged(case: CrashCase, variant: str) -> list[str]:
    """Judge what the dead process left, retry its key, and judge again."""
    database = case.folder / DATABASE
    acks = EffectsLedger(case.folder / "ledger").acks()
    left = look(database, ["k"])
    wrong = complaints(left, acks)
    with bookings.engine_for(variant, case.folder) as engine:
        engine.transact(bookings.create)
        operation = bookings.confirmation(engine)
        answers = [operation.call(Confirm("k"), key="k", scope=SCOPE) for _ in range(2)]
    now = look(database, ["k"])
    bodies = {answer.body for answer in answers} | {ack.answer for ack in acks}
    record = now.records.get("k")
    if record is None or bodies != {record.answer}:
        wrong.append("callers were told something else than what is stored")
    if [answer.replayed for answer in answers] != ["k" in left.records, True]:
        wrong.append("what was done ran again, or what was not was replayed")
    if (now.changes["k"], now.audits["k"], now.events["k"]) != (1, 1, 1):
        wrong.append("the retry did not leave one of each")
    return wrong + complaints(now, acks)


@pytest.mark.case("OPR-06", part="failpoints")
@pytest.mark.case("IDM-26", part="sqlite")
def test_killed_anywhere_a_retry_leaves_one_of_everything() -> None:
    """One change, one audit row, one event, one record and one answer."""
    report = sweep("one-commit", SINGLE)

    assert report.violations == []
    assert report.never == []
    # The business tables are a transaction of their own, so every place of the
    # engine's is passed twice, those of the operation once.
    assert report.hits == {
        name: 2 if name.startswith("sqlite.") else 1 for name in SINGLE
    }
    assert report.kills == report.hits.total()


@pytest.mark.case("OPR-06", part="planted")
def test_a_record_committed_after_its_effect_is_caught() -> None:
    """By the same judge, and only where the first of two commits is all there is.

    The commits are that of the business tables, the effect's and the record's.
    """
    report = sweep("two-commits", ["sqlite.after_commit"])

    assert report.hits["sqlite.after_commit"] == report.kills == 3
    (violation,) = report.violations
    assert violation.startswith("sqlite.after_commit, pass 2: ")
    assert "k: has 1 effects, but is not done" in violation
    assert "the retry did not leave one of each" in violation


def test_every_named_place_is_one_to_be_killed_at() -> None:
    """A place that no sweep goes to would prove nothing."""
    assert set(_testpoints.NAMES) == EVERY
