"""Checks of records: fencing, settling, listing, forgetting."""

from __future__ import annotations

from collections.abc import Callable

from syncpatterns.idempotency._core import (
    Gone,
    State,
    StoredOutcome,
    Unresolved,
    Windows,
)
from syncpatterns.testing.conformance._asking import Ask, Questions, same
from syncpatterns.testing.conformance._idempotency._bench import (
    ANSWER,
    LEASE,
    WINDOWS,
    Bench,
    Check,
    busy,
    kept,
    no,
    owned,
    replayed,
    yes,
)

_LATE = StoredOutcome("value", b'"late"')


def _changes(bench: Bench, token: int) -> dict[str, Ask]:
    return {
        "complete": bench.complete(token, _LATE),
        "release": bench.release(token),
        "abandon": bench.abandon(token),
        "renew": bench.renew(token),
    }


def stale_token_changes_nothing(bench: Bench) -> Questions:
    """Who was replaced is told so by every call, and the record stays."""
    first = owned((yield bench.claim("a")))
    bench.advance(30)
    second = owned((yield bench.claim("b")))
    for state in ("taken over", "completed"):
        before = yield bench.inspect()
        for what, ask in _changes(bench, first.token).items():
            no((yield ask), f"{what} with a stale token, {state}")
            same((yield bench.inspect()), before, f"the record after a stale {what}")
        yield bench.complete(second.token)
    answer = replayed((yield bench.claim("c")))
    same(answer.outcome, ANSWER, "the answer of the one who took over")


def wrong_token_changes_nothing(bench: Bench) -> Questions:
    """A token that was never given out is stale too, also a larger one."""
    first = owned((yield bench.claim("a")))
    before = yield bench.inspect()
    for token in (0, first.token - 1, first.token + 1):
        for what, ask in _changes(bench, token).items():
            no((yield ask), f"{what} with a wrong token")
    same((yield bench.inspect()), before, "the record")


def absent_key_is_not_changed(bench: Bench) -> Questions:
    """No call but a claim makes a record."""
    for what, ask in _changes(bench, 1).items():
        no((yield ask), f"{what} of an absent key")
    no((yield bench.resolve(ANSWER)), "resolve of an absent key")
    no((yield bench.evict()), "evict of an absent key")
    same((yield bench.inspect()), None, "an absent key")


def late_owner_that_nobody_replaced_completes(bench: Bench) -> Questions:
    """The effect did happen; the lease only kept others away."""
    first = owned((yield bench.claim("a")))
    bench.advance(3000)
    yes((yield bench.complete(first.token)), "a late completion")


def changes_told_twice_are_made_once(bench: Bench) -> Questions:
    """The first answer may have been lost, so the owner's repetition succeeds."""
    for what in ("complete", "release", "abandon"):
        yield bench.evict()
        bench.advance(1)
        first = owned((yield bench.claim("a")))
        yes((yield _changes(bench, first.token)[what]), what)
        before = yield bench.inspect()
        yes((yield _changes(bench, first.token)[what]), f"{what}, repeated")
        same((yield bench.inspect()), before, f"the record after a second {what}")


def completed_answer_is_immutable(bench: Bench) -> Questions:
    """Not even its own owner changes or takes back what was stored."""
    first = owned((yield bench.claim("a")))
    yield bench.complete(first.token)
    before = yield bench.inspect()
    yield bench.complete(first.token, _LATE)
    for what in ("release", "abandon", "renew"):
        ask = _changes(bench, first.token)[what]
        no((yield ask), f"{what} of a completed key")
    no((yield bench.resolve(None)), "resolve of a completed key")
    same((yield bench.inspect()), before, "the record")


def released_key_is_free(bench: Bench) -> Questions:
    """Nothing happened: anybody may claim it, with any payload."""
    first = owned((yield bench.claim("a")))
    yes((yield bench.release(first.token)), "release")
    for what in ("complete", "abandon", "renew"):
        ask = _changes(bench, first.token)[what]
        no((yield ask), f"{what} after the release")
    second = owned((yield bench.claim("b", fingerprint=b"other")))
    same((second.attempts, second.abandoned), (2, False), "attempts, abandoned")
    assert second.token > first.token, "tokens must grow"


def abandoned_key_is_unknown(bench: Bench) -> Questions:
    """It is listed, and runs for nobody."""
    first = owned((yield bench.claim("a")))
    yes((yield bench.abandon(first.token)), "abandon")
    same((yield bench.claim("b")), Unresolved(), "the next claim")
    for what in ("complete", "release", "renew"):
        ask = _changes(bench, first.token)[what]
        no((yield ask), f"{what} after the abandonment")
    listed = yield Ask("unresolved", 10)
    same([record.key for record in listed], [bench.key()], "unresolved()")
    same(kept(listed[0]).state, State.UNKNOWN, "its state")


def unknown_key_is_resolved_as_done(bench: Bench) -> Questions:
    """The answer that was found is replayed, and the old owner stays fenced."""
    first = owned((yield bench.claim("a")))
    yield bench.abandon(first.token)
    bench.advance(5)
    yes((yield bench.resolve(ANSWER)), "resolve")
    answer = replayed((yield bench.claim("b")))
    same(answer.outcome, ANSWER, "the resolved answer")
    no((yield bench.complete(first.token, _LATE)), "the old owner")
    same((yield Ask("unresolved", 10)), [], "unresolved()")
    no((yield bench.resolve(_LATE)), "resolve a second time")


def unknown_key_is_resolved_as_not_done(bench: Bench) -> Questions:
    """It runs again, with a larger token."""
    first = owned((yield bench.claim("a")))
    yield bench.abandon(first.token)
    yes((yield bench.resolve(None)), "resolve")
    second = owned((yield bench.claim("b")))
    assert second.token > first.token, "tokens must grow"
    no((yield bench.complete(first.token, _LATE)), "the old owner")


def unresolved_is_listed_oldest_first(bench: Bench) -> Questions:
    """As many as asked for, in the order in which they were claimed."""
    for name in ("c", "a", "b"):
        first = owned((yield bench.claim("n", name=name)))
        yield bench.abandon(first.token, name=name)
        bench.advance(1)
    listed = yield Ask("unresolved", 10)
    expected = [bench.key(name) for name in ("c", "a", "b")]
    same([record.key for record in listed], expected, "unresolved(10)")
    listed = yield Ask("unresolved", 2)
    same([record.key for record in listed], expected[:2], "unresolved(2)")


def inspecting_shows_the_record(bench: Bench) -> Questions:
    """Every part of a record is kept, and looking changes nothing."""
    first = owned((yield bench.claim("nonce")))
    record = kept((yield bench.inspect()))
    same(record.key, bench.key(), "key")
    same(record.operation, "op", "operation")
    same(record.fingerprint, b"\x00fingerprint\xff", "fingerprint")
    same(record.state, State.IN_PROGRESS, "state")
    same((record.token, record.nonce), (first.token, "nonce"), "token, nonce")
    same((record.attempts, record.outcome, record.completed), (1, None, None), "rest")
    same(round(record.lease_until - record.created, 3), LEASE, "the lease")
    bench.advance(10)
    yield bench.complete(first.token)
    record = kept((yield bench.inspect()))
    same((record.state, record.outcome), (State.COMPLETED, ANSWER), "state, outcome")
    completed = record.completed or 0.0
    same(round(completed - record.created, 3), 10.0, "when it was completed")
    windows = (record.replay_until - completed, record.dedupe_until - completed)
    same(tuple(round(each, 3) for each in windows), WINDOWS_ENDS, "the windows")
    same((yield bench.inspect()), record, "the record, seen again")


WINDOWS_ENDS = (WINDOWS.replay, WINDOWS.dedupe)


def evicted_key_is_new(bench: Bench) -> Questions:
    """In any state; and the tokens still grow, so a zombie stays fenced."""
    ends: dict[str, Callable[[int], Ask]] = {
        "in progress": bench.renew,
        "completed": bench.complete,
        "unknown": bench.abandon,
        "free": bench.release,
    }
    for state, end in ends.items():
        first = owned((yield bench.claim("a")))
        yield end(first.token)
        yes((yield bench.evict()), f"evict, {state}")
        same((yield bench.inspect()), None, f"the record, {state}")
        bench.advance(1)
        second = owned((yield bench.claim("b")))
        same(second.attempts, 1, "attempts")
        assert second.token > first.token, f"{state}: tokens grow over eviction"
        no((yield bench.complete(first.token, _LATE)), "the zombie")
        yield bench.evict()
        bench.advance(1)


def sweeping_removes_what_is_forgotten(bench: Bench) -> Questions:
    """In batches, and nothing that a later claim would be answered from."""
    states = {"done": bench.complete, "unknown": bench.abandon}
    for number in range(7):
        first = owned((yield bench.claim("a", name=f"old{number}")))
        yield bench.complete(first.token, name=f"old{number}")
    bench.advance(599)
    for name, end in states.items():
        first = owned((yield bench.claim("a", name=name)))
        yield end(first.token, name=name)
    owned((yield bench.claim("a", name="running")))
    owned((yield bench.claim("a", name="lapsed", lease=0.5)))
    same((yield Ask("sweep", 100)), 0, "sweep before anything is forgotten")
    bench.advance(1)
    removed: list[int] = []
    for _ in range(4):
        batch: int = yield Ask("sweep", 3)
        removed.append(batch)
    same(removed, [3, 3, 1, 0], "four sweeps of up to 3")
    replayed((yield bench.claim("b", name="done")))
    same((yield bench.claim("b", name="unknown")), Unresolved(), "unknown")
    busy((yield bench.claim("b", name="running")))
    second = owned((yield bench.claim("b", name="lapsed")))
    yes(second.abandoned, "lapsed, abandoned")


def sweeping_changes_no_answer(bench: Bench) -> Questions:
    """A swept key and one that is past its windows are answered alike."""
    for name in ("swept", "left"):
        first = owned((yield bench.claim("a", name=name)))
        yield bench.complete(first.token, name=name)
    bench.advance(600)
    left = owned((yield bench.claim("b", name="left")))
    same((yield Ask("sweep", 100)), 1, "sweep")
    swept = owned((yield bench.claim("b", name="swept")))
    same(
        (swept.attempts, swept.abandoned), (left.attempts, left.abandoned), "the claims"
    )
    assert swept.token > first.token, "tokens grow over a sweep"


def sweeping_leaves_short_windows_of_a_crash(bench: Bench) -> Questions:
    """A claim whose owner vanished is no housekeeping, however short its windows."""
    owned((yield bench.claim("a", windows=Windows(1, 1))))
    bench.advance(86400)
    same((yield Ask("sweep", 100)), 0, "sweep a day after the crash")
    answer = yield bench.claim("b", on_abandoned="quarantine")
    same(answer, Unresolved(), "the next claim")


def two_sweepers_do_not_collide(bench: Bench) -> Questions:
    """They share the work; nothing is counted twice and nobody fails."""
    for number in range(40):
        name = f"k{number}"
        first = owned((yield bench.claim("a", name=name)))
        yield bench.complete(first.token, name=name)
    bench.advance(600)
    removed: list[object] = []
    for _ in range(10):
        removed += yield [Ask("sweep", 7), Ask("sweep", 7)]
    numbers = [each for each in removed if isinstance(each, int)]
    same(len(numbers), len(removed), f"sweeps without an error, of {removed}")
    same(sum(numbers), 40, "records removed by both")


def one_of_many_endings_wins(bench: Bench) -> Questions:
    """Completion, release and abandonment at once: one is made, once."""
    for turn in range(10):
        name = f"k{turn}"
        first = owned((yield bench.claim("a", name=name)))
        answers: list[bool] = yield [
            bench.complete(first.token, name=name),
            bench.release(first.token, name=name),
            bench.abandon(first.token, name=name),
        ]
        same(sorted(answers), [False, False, True], "three endings at once")
        record = kept((yield bench.inspect(name=name)))
        states = (State.COMPLETED, State.FREE, State.UNKNOWN)
        same(record.state, states[answers.index(True)], "the state")


def gone_is_told_without_its_body(bench: Bench) -> Questions:
    """After the replay window the headers are still there, the body is not."""
    first = owned((yield bench.claim("a")))
    yield bench.complete(first.token)
    bench.advance(60)
    answer = yield bench.claim("b")
    assert isinstance(answer, Gone), f"expected Gone, got {answer!r}"
    assert answer.outcome is not None, "its status and headers are kept"
    same(answer.outcome.headers, ANSWER.headers, "the headers")
    same(answer.outcome.body, b"", "the body")


RECORDS = tuple(
    Check(ask)
    for ask in (
        stale_token_changes_nothing,
        wrong_token_changes_nothing,
        absent_key_is_not_changed,
        late_owner_that_nobody_replaced_completes,
        changes_told_twice_are_made_once,
        completed_answer_is_immutable,
        released_key_is_free,
        abandoned_key_is_unknown,
        unknown_key_is_resolved_as_done,
        unknown_key_is_resolved_as_not_done,
        unresolved_is_listed_oldest_first,
        inspecting_shows_the_record,
        evicted_key_is_new,
        sweeping_removes_what_is_forgotten,
        sweeping_changes_no_answer,
        sweeping_leaves_short_windows_of_a_crash,
        two_sweepers_do_not_collide,
        one_of_many_endings_wins,
        gone_is_told_without_its_body,
    )
)
