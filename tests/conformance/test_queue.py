"""Every engine keeps the queue's contract: blocking, on asyncio and on trio."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.queue import CHECKS, Check

#: Numbered cases whose store part a check proves.
CASES = {
    "stale_hold_changes_nothing": "QUE-09",
    "renewal_tells_what_is_lost": "QUE-11",
    "trouble_in_one_lane_delays_no_other": "QUE-13",
    "dead_head_under_continue": "QUE-16",
    "dead_head_under_block": "QUE-16",
    "dead_head_under_cascade": "QUE-16",
    "cancelled_middle_keeps_the_order": "QUE-18",
    "many_at_once_are_one": "QUE-21",
    "same_key_is_one_item": "QUE-21",
    "another_payload_is_refused": "QUE-21",
    "outcome_is_kept": "QUE-23",
    "outcome_is_forgotten": "QUE-23",
    "silent_deaths_are_poison": "QUE-33",
    "higher_priority_first": "QUE-19",
    "priority_changes_nothing_inside_a_lane": "QUE-19",
    "last_write_wins": "QUE-24",
    "created_and_deleted_cancel_out": "QUE-26",
    "broken_run_is_not_cancelled": "QUE-26",
    "child_waits_for_all_its_parents": "QUE-27",
    "dead_parent_takes_its_child_along": "QUE-27",
    "dead_parent_holds_its_child": "QUE-27",
    "dead_parent_lets_its_child_run": "QUE-27",
    "paused_target_stops_alone": "QUE-30",
    "missing_sign_in_waits_for_it": "QUE-31",
    "full_queue_refuses": "QUE-37",
    "drop_oldest_makes_room": "QUE-37",
    "exact_under_a_race": "QUE-37",
    "never_sent_and_too_old": "QUE-38",
    "expired_head_lets_its_lane_go": "QUE-38",
    "sent_items_do_not_expire": "QUE-38",
    "too_old_to_send_again": "QUE-38",
    "wall_clock_moves_no_lease": "QUE-39",
}


def _with_case(check: Check) -> Any:
    name = str(check)
    marks = [pytest.mark.case(CASES[name], part="store")] if name in CASES else []
    return pytest.param(check, id=name, marks=marks)


every_check = pytest.mark.parametrize("check", [_with_case(each) for each in CHECKS])


@pytest.fixture
def clock() -> FakeClock:
    """The time that the store goes by."""
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def engine(request: pytest.FixtureRequest, clock: FakeClock) -> Generator[Any]:
    """Each engine in turn; a file lies in memory, as nothing here needs a disk."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        urls = {"memory": "memory://", "sqlite": f"sqlite:///{folder}/queue.db"}
        with connect(urls[request.param], clock=clock) as engine:
            yield engine


@pytest.mark.engine
@every_check
def test_a_blocking_store_keeps_the_contract(
    check: Check, engine: Any, clock: FakeClock
) -> None:
    """The rule is the check's own docstring."""
    check.run(engine.queue_store(), clock)


@pytest.mark.engine
@every_check
async def test_an_awaited_store_keeps_the_contract(
    check: Check, engine: Any, clock: FakeClock
) -> None:
    """The same on asyncio and trio."""
    await check.arun(engine.async_queue_store(), clock)


def test_every_check_has_a_rule() -> None:
    """Its docstring says what a store must do."""
    rules = [check.rule for check in CHECKS]

    assert all(rule.endswith(".") for rule in rules)
    assert len(set(rules)) == len(rules)
    assert len({str(check) for check in CHECKS}) == len(CHECKS)
