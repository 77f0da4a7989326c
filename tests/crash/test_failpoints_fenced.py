"""A process killed at every named place of a call to a provider."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import InProgress, OutcomeUnknown
from syncpatterns.testing import (
    CrashCase,
    EffectsLedger,
    FailpointReport,
    FakeClock,
    failpoint_sweep,
    sqlite_integrity,
)
from tests.crash import sending
from tests.crash.places import FENCED
from tests.crash.sending import LEASE, SCOPE, Provider, Send


def sweep(**options: Any) -> tuple[FailpointReport, dict[str, str]]:
    """Kill one call at each pass of each place; return what each retry got."""
    stories: dict[str, str] = {}

    def program(case: CrashCase) -> list[str]:
        return ["-m", "tests.crash.programs.send_once", str(case.folder)]

    def judge(case: CrashCase) -> str:
        stories[str(case)], wrong = retried(case.folder, **options)
        return "; ".join(wrong)

    return failpoint_sweep(program, judge, names=FENCED), stories


def retried(folder: Path, **options: Any) -> tuple[str, list[str]]:
    """Retry at once and after the lease; say how it went and what is wrong."""
    clock = FakeClock(time.time(), auto_advance=True)
    provider = Provider(folder)
    before = provider.messages()["a"]
    with SqliteEngine(sending.database(folder), clock=clock) as engine:
        engine.transact(sending.create)
        operation = sending.sending(engine, provider, **options)
        story = [str(before)]
        for _ in range(2):
            try:
                answer = operation.call(Send("a"), key="k", scope=SCOPE)
                story.append("replayed" if answer.replayed else "executed")
            except (InProgress, OutcomeUnknown) as error:
                story.append(type(error).__name__)
            clock.advance(LEASE + 1)
        found = sending.look(engine, provider).of("a")
        acks = EffectsLedger(folder / "ledger").acks()
        record = engine.idempotency_store().inspect(
            operation.storage_key("k", scope=SCOPE)
        )
        unsettled = operation.unresolved()
    wrong = [] if sqlite_integrity(sending.database(folder)) == "ok" else ["damaged"]
    if found != (1, 1, 1, 1) and not unsettled:
        wrong.append(f"messages, rows, audits, events are {found}")
    stored = record.outcome.body if record and record.outcome else None
    if any(ack.answer != stored for ack in acks):
        wrong.append("a caller was told something else than what is stored")
    return ", ".join(story), wrong


@pytest.fixture(scope="module")
def swept() -> tuple[FailpointReport, dict[str, str]]:
    """One sweep, which several tests read."""
    return sweep()


def test_killed_anywhere_there_is_one_of_everything(
    swept: tuple[FailpointReport, dict[str, str]],
) -> None:
    """One message, one row, one audit row, one event, whoever finished it."""
    report, _ = swept

    assert report.violations == []
    assert report.never == []
    # Three commits: the business tables, the claim, the result.
    assert report.hits == {
        name: 3 if name.startswith("sqlite.") else 1 for name in FENCED
    }
    assert report.kills == report.hits.total()


@pytest.mark.case("OPR-19", part="kill -9")
@pytest.mark.parametrize("place", ["fenced.after_send, pass 1"])
def test_killed_between_call_and_commit_the_receipt_is_adopted(
    swept: tuple[FailpointReport, dict[str, str]], place: str
) -> None:
    """Nobody gets it before the lease is over; then the lookup finds it."""
    _, stories = swept

    assert stories[place] == "1, InProgress, executed"
    assert stories["sqlite.before_commit, pass 3"] == "1, InProgress, executed"


@pytest.mark.case("OPR-20", part="kill -9")
@pytest.mark.parametrize(
    "place", ["fenced.after_claim, pass 1", "fenced.before_send, pass 1"]
)
def test_killed_before_the_call_left_it_is_sent(
    swept: tuple[FailpointReport, dict[str, str]], place: str
) -> None:
    """After the lease, once the lookup has found nothing twice."""
    _, stories = swept

    assert stories[place] == "0, InProgress, executed"


def test_killed_after_the_commit_it_is_replayed(
    swept: tuple[FailpointReport, dict[str, str]],
) -> None:
    """Everything is there, whoever was told."""
    _, stories = swept
    places = ["sqlite.after_commit, pass 3", "fenced.after_commit, pass 1", "no kill"]

    # A minute later the answer is as it was.
    assert {stories[place] for place in places} == {"1, replayed, replayed"}


def test_a_lookup_that_lies_is_caught() -> None:
    """The planted bug: a provider that denies what it has gets it twice."""
    report, _ = sweep(lookup=lambda command, ctx: None)

    assert report.violations == [
        f"{place}: messages, rows, audits, events are (2, 1, 1, 1)"
        for place in ("fenced.after_send, pass 1", "sqlite.before_commit, pass 3")
    ]
