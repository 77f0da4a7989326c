"""The pure decisions, without any store."""

from __future__ import annotations

import math
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import (
    FREE_RETENTION,
    UNKNOWN_RETENTION,
    Busy,
    ClaimRequest,
    Expired,
    Gone,
    Mismatch,
    Owned,
    Record,
    Replay,
    State,
    StoredOutcome,
    Unresolved,
    Windows,
)

NOW = 1_000.0
DONE = StoredOutcome("value", b'{"a":1}', 201, (("etag", '"1"'),))
WINDOWS = Windows(60.0, 600.0)


def asks(nonce: str = "n1", **changes: Any) -> ClaimRequest:
    """Return a claim for the one key of these tests."""
    values: dict[str, Any] = {
        "key": "k" * 64,
        "operation": "op",
        "fingerprint": b"f",
        "nonce": nonce,
        "windows": WINDOWS,
    }
    return ClaimRequest(**(values | changes))


def claimed(now: float = NOW, **changes: Any) -> Record:
    """Return the record of a first claim."""
    _, record = _core.decide_claim(None, asks(**changes), now)

    assert record is not None
    return record


def completed(outcome: StoredOutcome = DONE) -> Record:
    """Return the record of a claim completed at once."""
    record = claimed()
    done = _core.complete(record, record.token, outcome, WINDOWS, NOW)

    assert done is not None
    return done


def test_an_unknown_key_is_owned() -> None:
    """The first claim gets the key, a token made of the time, and a lease."""
    answer, record = _core.decide_claim(None, asks(), NOW)

    assert answer == Owned(1_000_000_000, 1, abandoned=False, probe=False)
    assert record is not None
    assert record.lease_until == NOW + 30
    assert record.state is State.IN_PROGRESS


def test_a_live_claim_of_another_is_busy() -> None:
    """Busy says how much of the lease is left, and changes nothing."""
    answer, changed = _core.decide_claim(claimed(), asks("n2"), NOW + 10)

    assert answer == Busy(20.0)
    assert changed is None


@pytest.mark.case("IDM-31", part="core")
def test_the_same_nonce_is_the_same_claim() -> None:
    """A claim whose answer was lost gets the same token again, and a whole lease."""
    record = claimed()
    answer, changed = _core.decide_claim(record, asks(), NOW + 29)

    assert answer == Owned(record.token, 1)
    assert changed is not None
    assert changed.lease_until == NOW + 29 + 30
    assert changed.token == record.token


def test_a_repeated_takeover_is_probed_again() -> None:
    """Whoever takes over and loses the answer must still ask the probe."""
    first = claimed()
    asked = asks("n2", on_abandoned="probe")
    lost, taken = _core.decide_claim(first, asked, NOW + 31)
    again, _ = _core.decide_claim(taken, asked, NOW + 32)

    assert lost == Owned(first.token + 31_000_000, 2, abandoned=True, probe=True)
    assert again == lost


@pytest.mark.parametrize("at", [0, 29, 31, 10_000])
def test_another_fingerprint_is_a_mismatch_also_after_the_lease(at: float) -> None:
    """A key belongs to its payload, whether its owner lives or not."""
    asked = asks("n2", fingerprint=b"other")
    answer, changed = _core.decide_claim(claimed(), asked, NOW + at)

    assert answer == Mismatch()
    assert changed is None


def test_rerun_takes_a_lapsed_claim_over() -> None:
    """At the very end of the lease the next caller owns, with a larger token."""
    record = claimed()
    answer, taken = _core.decide_claim(record, asks("n2"), NOW + 30)

    assert isinstance(answer, Owned)
    assert (answer.attempts, answer.abandoned, answer.probe) == (2, True, False)
    assert answer.token > record.token
    assert taken is not None
    assert taken.nonce == "n2"


@pytest.mark.case("IDM-15", part="core")
def test_quarantine_makes_a_lapsed_claim_unknown() -> None:
    """Nobody runs it again until somebody has looked."""
    record = claimed()
    asked = asks("n2", on_abandoned="quarantine")
    answer, unknown = _core.decide_claim(record, asked, NOW + 30)
    later, _ = _core.decide_claim(unknown, asks("n3"), NOW + 40)

    assert answer == Unresolved()
    assert later == Unresolved()
    assert unknown is not None
    assert unknown.state is State.UNKNOWN


@pytest.mark.parametrize("policy", ["quarantine", "probe"])
def test_a_crash_is_not_forgotten_with_short_windows(policy: Any) -> None:
    """Windows count from completion; a claim that never ended has none yet."""
    short = Windows(1.0, 1.0)
    record = claimed(windows=short)
    asked = asks("n2", windows=short, on_abandoned=policy)
    answer, _ = _core.decide_claim(record, asked, NOW + UNKNOWN_RETENTION)

    expected = {"quarantine": Unresolved(), "probe": True}[policy]
    assert (answer.probe if isinstance(answer, Owned) else answer) == expected


@pytest.mark.case("IDM-49", part="core")
def test_a_completed_key_is_replayed_then_gone_then_new() -> None:
    """The windows are half-open: at their very end they are over."""
    record = completed()

    def answer_after(seconds: float) -> object:
        return _core.decide_claim(record, asks("n2"), NOW + seconds)[0]

    soon = answer_after(59.5)

    assert soon == Replay(DONE, 0.5)
    assert answer_after(60) == Gone(DONE._replace(body=b""))
    assert answer_after(599.9) == Gone(DONE._replace(body=b""))
    assert isinstance(answer_after(600), Owned)


def test_a_tombstone_is_gone_from_the_start() -> None:
    """What could not be stored was done all the same."""
    record = completed(StoredOutcome("tombstone"))
    answer, changed = _core.decide_claim(record, asks("n2"), NOW)

    assert answer == Gone(StoredOutcome("tombstone"))
    assert changed is None


@pytest.mark.case("IDM-51", part="core")
@pytest.mark.parametrize(
    ("age", "expected"), [(0, Owned), (599, Owned), (600, Expired), (100_000, Expired)]
)
def test_a_request_older_than_the_memory_is_not_run(age: float, expected: type) -> None:
    """At the window's end the first attempt's record may be gone already."""
    answer, _ = _core.decide_claim(None, asks(age=age), NOW)

    assert type(answer) is expected


def test_an_old_request_is_answered_from_its_record() -> None:
    """Its age matters only where nothing is remembered."""
    answer, _ = _core.decide_claim(completed(), asks("n2", age=100_000), NOW)

    assert answer == Replay(DONE, 60.0)


def test_no_window_no_age_limit() -> None:
    """A key that is not remembered at all has no age that would be too old."""
    never = Windows(0.0, 0.0)
    answer, _ = _core.decide_claim(None, asks(windows=never), NOW)

    assert isinstance(answer, Owned)


def test_a_released_key_is_owned_again_with_the_next_token() -> None:
    """Nothing happened, so another payload may use the key too."""
    record = claimed()
    free = _core.release(record, record.token, NOW)
    asked = asks("n2", fingerprint=b"other")
    answer, _ = _core.decide_claim(free, asked, NOW)

    assert answer == Owned(record.token + 1, 2)


def test_a_released_key_is_forgotten_after_a_day() -> None:
    """It holds nothing but the count of attempts."""
    record = claimed()
    free = _core.release(record, record.token, NOW)

    assert free is not None
    assert not _core.removable(free, NOW + FREE_RETENTION - 1)
    assert _core.removable(free, NOW + FREE_RETENTION)


@pytest.mark.case("IDM-22", part="core")
def test_a_late_owner_that_nobody_replaced_completes() -> None:
    """The effect did happen; the lease only kept others away."""
    record = claimed()
    done = _core.complete(record, record.token, DONE, WINDOWS, NOW + 500)

    assert done is not None
    assert done.outcome == DONE
    assert done.replay_until == NOW + 560


def test_changes_told_twice_are_made_once() -> None:
    """The first answer may be lost; the repetition must not look like a theft."""
    record = claimed()
    token = record.token
    done = _core.complete(record, token, DONE, WINDOWS, NOW)
    free = _core.release(record, token, NOW)
    unknown = _core.abandon(record, token, NOW)
    other = StoredOutcome("value", b"2")

    assert _core.complete(done, token, other, WINDOWS, NOW + 5) == done
    assert _core.release(free, token, NOW + 5) == free
    assert _core.abandon(unknown, token, NOW + 5) == unknown


@pytest.mark.parametrize("state", ["replaced", "absent"])
def test_a_stale_token_changes_nothing(state: str) -> None:
    """Once another has taken over, the old owner is told so by every call."""
    first = claimed()
    _, second = _core.decide_claim(first, asks("n2"), NOW + 31)
    record = second if state == "replaced" else None
    token = first.token

    assert _core.complete(record, token, DONE, WINDOWS, NOW) is None
    assert _core.release(record, token, NOW) is None
    assert _core.abandon(record, token, NOW) is None
    assert _core.renew(record, token, 30, WINDOWS, NOW) is None


def test_settled_records_refuse_the_other_endings() -> None:
    """A completed key is not given back, a released one not completed."""
    record = claimed()
    token = record.token
    done = completed()
    free = _core.release(record, token, NOW)
    unknown = _core.abandon(record, token, NOW)

    assert _core.release(done, done.token, NOW) is None
    assert _core.abandon(done, done.token, NOW) is None
    assert _core.renew(done, done.token, 30, WINDOWS, NOW) is None
    assert _core.complete(free, token, DONE, WINDOWS, NOW) is None
    assert _core.complete(unknown, token, DONE, WINDOWS, NOW) is None
    assert _core.release(unknown, token, NOW) is None


def test_resolving_settles_and_fences() -> None:
    """The old owner can change nothing after somebody has looked."""
    record = claimed()
    unknown = _core.abandon(record, record.token, NOW)
    done = _core.resolve(unknown, DONE, WINDOWS, NOW)
    free = _core.resolve(unknown, None, WINDOWS, NOW)

    assert done is not None
    assert _core.decide_claim(done, asks("n2"), NOW)[0] == Replay(DONE, 60.0)
    assert free is not None
    assert free.state is State.FREE
    assert _core.complete(done, record.token, DONE, WINDOWS, NOW) is None
    assert _core.resolve(done, DONE, WINDOWS, NOW) is None
    assert _core.resolve(None, DONE, WINDOWS, NOW) is None


def test_tokens_grow_above_what_was_deleted() -> None:
    """Evicted and claimed within one tick of a coarse clock, the token differs."""
    record = claimed()
    answer, _ = _core.decide_claim(None, asks("n2"), NOW, floor=record.token)

    assert isinstance(answer, Owned)
    assert answer.token == record.token + 1


def test_tokens_grow_when_the_clock_stands_still() -> None:
    """A forgotten record that is still there counts."""
    record = completed()._replace(dedupe_until=NOW)
    answer, _ = _core.decide_claim(record, asks("n2"), NOW)

    assert answer == Owned(record.token + 1, 1)


@pytest.mark.parametrize(
    ("replay", "dedupe"),
    [(-1, 60), (60, 59), (60, math.inf), (math.nan, 60), (60, math.nan)],
)
def test_windows_that_cannot_be_kept_are_refused(replay: float, dedupe: float) -> None:
    """A key is never forgotten before its answer."""
    with pytest.raises(ConfigurationError, match="0 <= replay <= dedupe"):
        Windows(replay, dedupe)


@pytest.mark.parametrize(
    "other",
    [
        ("n2", "s", "o", "k"),
        ("n", "s2", "o", "k"),
        ("n", "s", "o2", "k"),
        ("n", "s", "o", "k2"),
        ("ns", "", "o", "k"),
        ("n", "so", "", "k"),
    ],
)
def test_storage_keys_of_different_parts_never_meet(other: tuple[str, ...]) -> None:
    """Each part carries its length, so nothing can slide from one to the next."""
    mine = _core.storage_key("n", "s", "o", "k")

    assert len(mine) == 64
    assert _core.storage_key(*other) != mine
