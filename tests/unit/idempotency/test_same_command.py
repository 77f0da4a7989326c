"""One key, one command, several ways in: when are two requests the same?"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import (
    ClaimRequest,
    Mismatch,
    Owned,
    Record,
    Replay,
    StoredOutcome,
    Windows,
)

NOW = 1_000.0
DONE = StoredOutcome("value", b"1")


class Way(NamedTuple):
    """What one way in says about one request."""

    fingerprint: bytes
    command: bytes = b""
    door: bytes = b""


CALL = Way(b"confirm b1")
OTHER_CALL = Way(b"confirm b2")
POST = Way(b"raw 1", b"confirm b1", b"POST /a")
SPACED = Way(b"raw 1, spaced", b"confirm b1", b"POST /a")
ELSEWHERE = Way(b"raw 2", b"confirm b1", b"POST /b")
OTHER_ELSEWHERE = Way(b"raw 3", b"confirm b2", b"POST /b")
NO_DOOR = Way(b"raw 4", b"confirm b1")
NO_DOOR_EITHER = Way(b"raw 5", b"confirm b1")
GUARD = Way(b"raw 1")
OTHER_GUARD = Way(b"raw 2")

SAME = [
    ("a call, repeated", CALL, CALL),
    ("a request, repeated", POST, POST),
    ("a request after a call", CALL, POST),
    ("a call after a request", POST, CALL),
    ("a request at another door", POST, ELSEWHERE),
    ("a request at an unknown door", POST, NO_DOOR),
    ("the same bytes, parsed otherwise", POST, POST._replace(command=b"other")),
    ("the record of an older release, same bytes", Way(b"raw 1"), POST),
]
OTHER = [
    ("another command", CALL, OTHER_CALL),
    ("other bytes at one door", POST, SPACED),
    ("other bytes, both doors unknown", NO_DOOR, NO_DOOR_EITHER),
    ("another command at another door", POST, OTHER_ELSEWHERE),
    ("another command by a call", POST, OTHER_CALL),
    ("another command by a request", OTHER_CALL, POST),
    ("the record of an older release, other bytes", Way(b"raw 9"), POST),
    ("the record of an older release, by a call", Way(b"raw 1"), CALL),
    ("a guarded response, other bytes", GUARD, OTHER_GUARD),
]


def asks(way: Way, nonce: str = "n", **more: Any) -> ClaimRequest:
    """Return a claim that came by *way*."""
    return ClaimRequest(
        "k" * 64,
        "op",
        way.fingerprint,
        nonce,
        windows=Windows(60.0, 600.0),
        command=way.command,
        door=way.door,
        **more,
    )


def claimed(way: Way, **more: Any) -> Record:
    """Return the record of a claim that came by *way*."""
    _, record = _core.decide_claim(None, asks(way, **more), NOW)

    assert record is not None
    return record


def completed(way: Way) -> Record:
    """Return the same, completed at once."""
    record = claimed(way)
    done = _core.complete(record, record.token, DONE, Windows(60.0, 600.0), NOW)

    assert done is not None
    return done


@pytest.mark.case("OPR-33", part="the rule")
@pytest.mark.parametrize(
    ("first", "second"), [pytest.param(*c[1:], id=c[0]) for c in SAME]
)
def test_the_same_command_is_answered_whatever_way_it_comes(
    first: Way, second: Way
) -> None:
    """It gets the stored answer."""
    answer, _ = _core.decide_claim(completed(first), asks(second, "m"), NOW)

    assert isinstance(answer, Replay)
    assert answer.outcome == DONE


@pytest.mark.case("OPR-33", part="the rule")
@pytest.mark.parametrize(
    ("first", "second"), [pytest.param(*c[1:], id=c[0]) for c in OTHER]
)
def test_another_request_is_refused_whatever_way_it_comes(
    first: Way, second: Way
) -> None:
    """Whether the first is done, or still running."""
    for record in (completed(first), claimed(first)):
        answer, kept = _core.decide_claim(record, asks(second, "m"), NOW)

        assert (answer, kept) == (Mismatch(), None)


def test_whoever_takes_over_is_remembered_as_it_came() -> None:
    """The record says what its owner asked for, until it is done and after."""
    abandoned = claimed(POST, lease=1.0, notes=(("step:a", b"1"),))

    answer, record = _core.decide_claim(abandoned, asks(CALL, "m"), NOW + 2)

    assert isinstance(answer, Owned)
    assert (answer.abandoned, answer.notes) == (True, (("step:a", b"1"),))
    assert record is not None
    assert (record.fingerprint, record.command, record.door) == (*CALL,)


def test_a_record_keeps_both_fingerprints_to_its_end() -> None:
    """Completing, renewing, giving back and settling change neither."""
    record = claimed(POST)
    unknown = _core.abandon(record, record.token, NOW)
    windows = Windows()
    ends = [
        _core.renew(record, record.token, 30.0, windows, NOW),
        _core.note(record, record.token, (("a", b"1"),)),
        _core.release(record, record.token, NOW),
        _core.complete(record, record.token, DONE, windows, NOW),
        _core.resolve(unknown, DONE, windows, NOW),
        _core.resolve(unknown, None, windows, NOW),
        unknown,
    ]

    assert [end and Way(end.fingerprint, end.command, end.door) for end in ends] == [
        POST
    ] * len(ends)


def test_steps_of_another_command_are_not_taken_over_by_any_way() -> None:
    """A key given back with a step done stays that command's."""
    record = claimed(POST, notes=(("step:a", b"1"),))
    free = _core.release(record, record.token, NOW)

    refused, _ = _core.decide_claim(free, asks(OTHER_CALL, "m"), NOW)
    taken, _ = _core.decide_claim(free, asks(CALL, "m"), NOW)

    assert refused == Mismatch()
    assert isinstance(taken, Owned)
    assert taken.notes == (("step:a", b"1"),)
