"""Every engine keeps the contract: blocking, on asyncio and on trio."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns.engines import connect
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency._core import (
    ClaimAnswer,
    ClaimRequest,
    Owned,
)
from syncpatterns.testing import FakeClock
from syncpatterns.testing.conformance.idempotency import CHECKS, Check
from tests.conformance.idempotency_faults import FAULTY

CASES = {
    "second_claim_is_busy": "IDM-11",
    "same_nonce_same_claim": "IDM-31",
    "mismatch_in_every_state": "IDM-02",
    "same_command_by_another_way": "OPR-33",
    "lapsed_lease_is_taken_over": "IDM-14",
    "quarantine_blocks_a_lapsed_key": "IDM-15",
    "probe_is_asked_for": "IDM-16",
    "renewing_keeps_others_away": "IDM-50",
    "windows_end_half_open": "IDM-49",
    "old_request_is_refused": "IDM-51",
    "stale_token_changes_nothing": "IDM-19",
    "late_owner_that_nobody_replaced_completes": "IDM-22",
    "sweeping_removes_what_is_forgotten": "IDM-68",
    "two_sweepers_do_not_collide": "IDM-69",
    "the_next_owner_gets_the_notes": "IDM-70",
    "steps_bind_a_free_key": "IDM-70",
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
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/records.db"}
    with connect(urls[request.param], clock=clock) as engine:
        yield engine


@pytest.mark.engine
@every_check
def test_a_blocking_store_keeps_the_contract(
    check: Check, engine: Any, clock: FakeClock
) -> None:
    """The rule is the check's own docstring."""
    check.run(engine.idempotency_store(), clock.advance)


@pytest.mark.engine
@every_check
async def test_an_awaited_store_keeps_the_contract(
    check: Check, engine: Any, clock: FakeClock
) -> None:
    """The same on asyncio and trio."""
    await check.arun(engine.async_idempotency_store(), clock.advance)


def test_every_check_has_a_rule() -> None:
    """Its docstring says what a store must do."""
    rules = [check.rule for check in CHECKS]

    assert all(rule.endswith(".") for rule in rules)
    assert len(set(rules)) == len(rules)
    assert len({str(check) for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("faulty", FAULTY, ids=lambda cls: cls.__name__)
def test_a_planted_bug_is_found(faulty: Callable[[FakeClock], Any]) -> None:
    """Each wrong store breaks at least one check, and by an assertion."""
    broken = []
    for check in CHECKS:
        clock = FakeClock()
        try:
            check.run(faulty(clock), clock.advance)
        except AssertionError as error:
            broken.append((str(check), str(error)))

    assert broken
    assert all(message for _, message in broken)


class LooksThenTakes:
    """A store for event loops without an atomic step."""

    name = "two steps"

    def __init__(self, clock: FakeClock) -> None:
        self._store = MemoryEngine(clock=clock).idempotency_store()

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        absent = self._store.inspect(request.key) is None
        await anyio.lowlevel.checkpoint()
        return Owned(1) if absent else self._store.claim(request)


async def test_a_claim_in_two_steps_is_found(clock: FakeClock) -> None:
    """Tasks that take turns between looking and taking all believe they own."""
    (check,) = [each for each in CHECKS if str(each) == "one_of_many_claims_owns"]
    store: Any = LooksThenTakes(clock)

    with pytest.raises(AssertionError, match="8 claims at once"):
        await check.arun(store, clock.advance)
