"""Every engine keeps the queue's contract: blocking, on asyncio and on trio."""

from __future__ import annotations

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
def engine(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> Generator[Any]:
    """Each engine in turn."""
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/queue.db"}
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
