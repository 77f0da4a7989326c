"""A process killed at every named place of a guard over SQLite.

Effect and record do not share a commit here, so what a crash between the two
means is the policy's to say: at least once, or at most once and unknown.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import InProgress, OutcomeUnknown
from syncpatterns.idempotency import (
    SINGLE_TENANT,
    Committed,
    Idempotency,
    NotCommitted,
    Record,
)
from syncpatterns.testing import (
    CrashCase,
    EffectsLedger,
    FailpointReport,
    FakeClock,
    StoredRecord,
    failpoint_sweep,
    sqlite_integrity,
)
from syncpatterns.testing._audit import Promise, State
from tests.crash import guarded
from tests.crash.guarded import LEASE, OPERATION, OnAbandoned
from tests.crash.places import GUARD

#: The claim had not reached the database.
UNCLAIMED = ["sqlite.before_commit, pass 1"]
#: The key was claimed and nothing run yet.
CLAIMED = ["sqlite.after_commit, pass 1", "guard.after_claim, pass 1"]
#: The effect had run and was not recorded.
RUN = ["guard.after_effect, pass 1", "sqlite.before_commit, pass 2"]
#: The answer was recorded.
RECORDED = ["sqlite.after_commit, pass 2", "guard.after_complete, pass 1", "no kill"]

FIRST, SECOND = "reserved in execution 1", "reserved in execution 2"
ALONE, WARNED = "told of no other", "told of one abandoned"
PROMISES: dict[OnAbandoned, Promise] = {
    "rerun": "at-least-once",
    "quarantine": "at-most-once",
}
STATES: dict[str, State] = {"completed": "done", "in_progress": "running"}


@dataclass(frozen=True, slots=True)
class Story:
    """What became of a key whose first owner was killed.

    Attributes:
        at_once: What a retry got right after the crash.
        later: What a retry got once the lease was over.
        effects: What each execution of the effect was told of the one before.
    """

    at_once: str
    later: str
    effects: tuple[str, ...]


@dataclass(slots=True)
class Sweep:
    """What a sweep found, case by case.

    Attributes:
        report: What was killed, and what was wrong.
        stories: What happened, for each policy.
        not_heeded: What the judge says to a rerun where quarantine was asked for.
    """

    report: FailpointReport = field(default_factory=FailpointReport)
    stories: dict[OnAbandoned, dict[str, Story]] = field(
        default_factory=lambda: {"rerun": {}, "quarantine": {}}
    )
    not_heeded: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def of(self, policy: OnAbandoned, cases: list[str]) -> list[Story]:
        """Return what happened in *cases*."""
        return [self.stories[policy][case] for case in cases]


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    """Kill one call at each place; retry under both policies.

    The policy is that of whoever takes over, so both can have the same crash.
    """
    found = Sweep()

    def program(case: CrashCase) -> list[str]:
        return ["-m", "tests.crash.programs.reserve_once", str(case.folder)]

    def judge(case: CrashCase) -> str:
        wrong: list[str] = []
        for policy, promise in PROMISES.items():
            folder = shutil.copytree(case.folder, case.folder.with_name(policy))
            story, record = retried(folder, policy)
            found.stories[policy][str(case)] = story
            wrong += audited(folder, record, promise)
            if policy == "rerun":
                found.not_heeded[str(case)] = audited(folder, record, "at-most-once")
        return "; ".join(wrong)

    found.report = failpoint_sweep(program, judge, names=GUARD)
    return found


def retried(folder: Path, policy: OnAbandoned) -> tuple[Story, Record | None]:
    """Retry before and after the end of the dead process's lease."""
    clock = FakeClock(time.time())
    with SqliteEngine(guarded.database(folder), clock=clock) as engine:
        idem = guarded.guard(engine, policy)
        reserve = guarded.reservation(idem, folder)
        at_once = answer_of(reserve, folder)
        clock.advance(LEASE + 1)
        later = answer_of(reserve, folder)
        record = idem.inspect("o", scope=SINGLE_TENANT, operation=OPERATION)
        story = Story(at_once, later, executions(folder))
        if later == "OutcomeUnknown":
            settle(idem, reserve, folder)
    return story, record


def answer_of(reserve: Callable[[str], str], folder: Path) -> str:
    """Return the answer, which counts as told, or the name of the refusal."""
    try:
        answer = reserve("o")
    except (InProgress, OutcomeUnknown) as error:
        return type(error).__name__
    guarded.tell(folder, answer)
    return answer


def executions(folder: Path) -> tuple[str, ...]:
    """Return what each execution of the effect was told."""
    effects = EffectsLedger(folder / "ledger").effects()
    return tuple(effect.worker for effect in effects)


def settle(idem: Idempotency, reserve: Callable[[str], str], folder: Path) -> None:
    """Have somebody look whether an unknown effect happened; then it is known."""
    (record,) = idem.unresolved()
    happened = bool(executions(folder))

    assert idem.resolve(record, Committed(FIRST) if happened else NotCommitted())
    assert reserve("o") == (FIRST if happened else SECOND)
    assert len(executions(folder)) == 1


def audited(folder: Path, record: Record | None, promise: Promise) -> list[str]:
    """Judge ledger and record by what the policy promises."""
    records: dict[str, StoredRecord] = {}
    if record is not None:
        answer = record.outcome.body if record.outcome else None
        state = STATES.get(record.state, "unknown")
        records["o"] = StoredRecord(state, answer, record.attempts)
    integrity = sqlite_integrity(guarded.database(folder))
    ledger = EffectsLedger(folder / "ledger")
    return [*map(str, ledger.audit(promise, records, integrity=integrity))]


def test_every_place_is_passed_and_every_promise_kept(sweep: Sweep) -> None:
    """At least once with rerun, at most once with quarantine; one answer a key."""
    assert sweep.report.violations == []
    assert sweep.report.never == []
    assert sweep.report.kills == 7
    assert sweep.report.hits == {
        name: 2 if name.startswith("sqlite.") else 1 for name in GUARD
    }


@pytest.mark.case("IDM-24", part="sqlite")
@pytest.mark.parametrize("policy", ["rerun", "quarantine"])
def test_killed_before_the_claim_is_stored_the_key_is_free(
    sweep: Sweep, policy: OnAbandoned
) -> None:
    """Nothing ran and nobody has to wait."""
    assert sweep.of(policy, UNCLAIMED) == [Story(FIRST, FIRST, (ALONE,))]


@pytest.mark.case("IDM-24", part="sqlite")
def test_killed_before_the_claim_is_answered_the_next_one_waits_for_the_lease(
    sweep: Sweep,
) -> None:
    """Nothing ran; the next owner cannot know that and is told."""
    story = Story("InProgress", SECOND, (WARNED,))

    assert sweep.of("rerun", CLAIMED) == [story] * 2


@pytest.mark.case("IDM-25", part="sqlite rerun")
def test_killed_before_the_record_a_rerun_is_a_second_effect(sweep: Sweep) -> None:
    """It knows that it may be the second."""
    story = Story("InProgress", SECOND, (ALONE, WARNED))

    assert sweep.of("rerun", RUN) == [story] * 2


@pytest.mark.case("IDM-25", part="sqlite quarantine")
def test_killed_before_the_record_a_quarantine_leaves_one_effect(
    sweep: Sweep,
) -> None:
    """Whether it happened is for somebody to find out, and to say."""
    story = Story("InProgress", "OutcomeUnknown", (ALONE,))
    nothing_ran = Story("InProgress", "OutcomeUnknown", ())

    assert sweep.of("quarantine", RUN) == [story] * 2
    assert sweep.of("quarantine", CLAIMED) == [nothing_ran] * 2


@pytest.mark.parametrize("policy", ["rerun", "quarantine"])
def test_killed_after_the_record_the_answer_is_replayed(
    sweep: Sweep, policy: OnAbandoned
) -> None:
    """The effect and its record are both there, whoever was told."""
    assert sweep.of(policy, RECORDED) == [Story(FIRST, FIRST, (ALONE,))] * 3


def test_a_quarantine_that_reruns_is_caught(sweep: Sweep) -> None:
    """The planted bug, a policy that is not heeded, shows where the effect had run."""
    caught = {case: wrong for case, wrong in sweep.not_heeded.items() if wrong}

    assert caught == {case: ["rule 3: o: happened 2 times"] for case in RUN}
