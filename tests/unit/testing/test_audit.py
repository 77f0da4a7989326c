from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.testing import Ack, Effect, StoredRecord, Violation, audit

DONE = StoredRecord("done", b"ok")


def ack(key: str = "k", answer: bytes = b"ok") -> Ack:
    """Make an acknowledgement."""
    return Ack(key, answer, "w")


def effects(n: int, key: str = "k") -> list[Effect]:
    """Make *n* effects of one key."""
    return [Effect(key, i + 1, "w") for i in range(n)]


def rules(violations: list[Violation]) -> list[int]:
    """Return the numbers of the broken rules."""
    return [violation.rule for violation in violations]


@pytest.mark.parametrize("promise", ["exactly-once", "at-most-once", "at-least-once"])
def test_one_effect_one_answer_is_fine_under_every_promise(promise: Any) -> None:
    """The plain good case is good everywhere."""
    assert audit(promise, {"k": DONE}, acks=[ack(), ack()], effects=effects(1)) == []


def test_an_acked_key_must_be_recorded() -> None:
    """Rule 1: "done" was said, so it is done."""
    missing = audit("at-most-once", {}, acks=[ack()])
    unknown = audit("at-most-once", {"k": StoredRecord("unknown")}, acks=[ack()])

    assert rules(missing) == [1]
    assert rules(unknown) == [1]


def test_a_key_has_one_answer() -> None:
    """Rule 2: two callers were told the same bytes, and those stored."""
    told = audit("exactly-once", {"k": StoredRecord("done")},
                 acks=[ack(), ack("k", b"OK")], effects=effects(1))  # fmt: skip
    stored = audit("exactly-once", {"k": DONE},
                   acks=[ack("k", b"ok ")], effects=effects(1))  # fmt: skip

    assert rules(told) == [2]
    assert rules(stored) == [2]
    assert "b'OK', b'ok'" in str(told[0])


@pytest.mark.parametrize(
    ("promise", "n", "record", "broken"),
    [
        ("exactly-once", 0, DONE, [3]),
        ("exactly-once", 2, DONE, [3]),
        ("exactly-once", 1, None, [3]),
        ("exactly-once", 0, None, []),
        ("at-most-once", 0, StoredRecord("unknown"), []),
        ("at-most-once", 1, StoredRecord("unknown"), []),
        ("at-most-once", 2, StoredRecord("unknown"), [3]),
        ("at-most-once", 0, DONE, []),
        ("at-least-once", 0, DONE, [3]),
        ("at-least-once", 3, StoredRecord("done", attempts=3), []),
        ("at-least-once", 4, StoredRecord("done", attempts=3), [3]),
        ("at-least-once", 1, None, []),
    ],
)
def test_effects_are_as_promised(
    promise: Any, n: int, record: StoredRecord | None, broken: list[int]
) -> None:
    """Rule 3: what counts as too few or too many depends on the promise."""
    records = {} if record is None else {"k": record}

    assert rules(audit(promise, records, effects=effects(n))) == broken


@pytest.mark.parametrize(
    ("promise", "state", "broken"),
    [
        ("exactly-once", "running", [4]),
        ("at-least-once", "running", [4]),
        ("at-most-once", "running", [4]),
        ("exactly-once", "unknown", [4]),
        ("at-least-once", "unknown", [4]),
        ("at-most-once", "unknown", []),
    ],
)
def test_no_key_is_stuck_after_recovery(
    promise: Any, state: Any, broken: list[int]
) -> None:
    """Rule 4: nobody works on it any more, so the store must not say so."""
    assert rules(audit(promise, {"k": StoredRecord(state)})) == broken


def test_a_damaged_store_is_a_violation() -> None:
    """Rule 5: the store's own check is part of the oracle."""
    (violation,) = audit("exactly-once", {}, integrity="row 3 missing from index")

    assert violation.rule == 5
    assert str(violation) == "rule 5: the store is damaged: row 3 missing from index"


def test_a_misspelt_promise_is_refused() -> None:
    """An audit of nothing must not look like a good one."""
    with pytest.raises(ValueError, match="unknown promise 'once'"):
        audit("once", {})  # type: ignore[arg-type]  # the mistake under test


def test_a_misspelt_state_is_refused() -> None:
    """A state the audit does not know could hide a stuck key."""
    record = StoredRecord("pending")  # type: ignore[arg-type]  # the mistake under test

    with pytest.raises(ValueError, match="unknown state 'pending'"):
        audit("exactly-once", {"k": record})
