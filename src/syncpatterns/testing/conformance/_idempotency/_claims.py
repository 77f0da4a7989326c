"""Checks of claims: who gets the key, and what the others are told."""

from __future__ import annotations

from syncpatterns.idempotency._core import (
    UNKNOWN_RETENTION,
    Expired,
    Gone,
    Mismatch,
    Owned,
    StoredOutcome,
    Unresolved,
    Windows,
)
from syncpatterns.testing.conformance._asking import Questions, same
from syncpatterns.testing.conformance._idempotency._bench import (
    ANSWER,
    Bench,
    Check,
    busy,
    kept,
    near,
    no,
    owned,
    replayed,
    yes,
)

_OTHER = b"another fingerprint"


def first_claim_owns(bench: Bench) -> Questions:
    """A key nobody knows is owned, as its first attempt."""
    answer = owned((yield bench.claim("a")))
    found = (answer.attempts, answer.abandoned, answer.probe)
    same(found, (1, False, False), "attempts, abandoned, probe")
    assert answer.token > 0, "tokens are numbers above 0"


def second_claim_is_busy(bench: Bench) -> Questions:
    """While a lease lives, others are told how much of it is left."""
    owned((yield bench.claim("a")))
    bench.advance(10)
    answer = busy((yield bench.claim("b")))
    near(answer.retry_after, 20, "what is left of the lease")


def same_nonce_same_claim(bench: Bench) -> Questions:
    """A claim repeated with its nonce is the same claim, with a whole lease."""
    first = owned((yield bench.claim("a")))
    bench.advance(29)
    again = owned((yield bench.claim("a")), "the same nonce")
    same(again, first, "the repeated claim")
    bench.advance(29)
    busy((yield bench.claim("b")))


def nonce_of_a_stranger_is_busy(bench: Bench) -> Questions:
    """Only the nonce of the claim itself owns again."""
    owned((yield bench.claim("a")))
    busy((yield bench.claim("A")))


def mismatch_in_every_state(bench: Bench) -> Questions:
    """Another fingerprint is refused, and changes nothing, in every live state."""
    owned((yield bench.claim("a")))
    owned((yield bench.claim("a", name="lapsed", lease=1)))
    unknown = owned((yield bench.claim("a", name="unknown")))
    yes((yield bench.abandon(unknown.token, name="unknown")), "abandon")
    bench.advance(2)
    done = owned((yield bench.claim("a", name="done")))
    yes((yield bench.complete(done.token, name="done")), "complete")
    for name in ("k", "lapsed", "unknown", "done"):
        before = yield bench.inspect(name=name)
        answer = yield bench.claim("b", name=name, fingerprint=_OTHER)
        same(answer, Mismatch(), f"another fingerprint, {name}")
        same((yield bench.inspect(name=name)), before, f"the record of {name}")
    bench.advance(100)
    answer = yield bench.claim("b", name="done", fingerprint=_OTHER)
    same(answer, Mismatch(), "another fingerprint, its answer no longer kept")


def same_command_by_another_way(bench: Bench) -> Questions:
    """A key claimed over HTTP fits the same command by another way, and no other."""
    post = (b"raw", b"do it", b"\x00POST /a\xff")
    first = owned((yield bench.claim_by("a", *post)))
    record = kept((yield bench.inspect()))
    found = (record.fingerprint, record.command, record.door)
    same(found, post, "fingerprint, command, door")
    busy((yield bench.claim_by("b", b"do it")), "the command by a call")
    yes((yield bench.renew(first.token)), "renew")
    yes((yield bench.complete(first.token)), "complete")
    replayed((yield bench.claim_by("c", b"do it")), "the command by a call")
    again = yield bench.claim_by("d", b"raw 2", b"do it", b"POST /b")
    replayed(again, "the command at another door")
    again = yield bench.claim_by("e", b"raw 2", b"do that", b"POST /b")
    same(again, Mismatch(), "another command at another door")
    again = yield bench.claim_by("f", b"do that")
    same(again, Mismatch(), "another command by a call")
    again = yield bench.claim_by("g", b"raw 2", *post[1:])
    same(again, Mismatch(), "other bytes at the same door")


def lapsed_lease_is_taken_over(bench: Bench) -> Questions:
    """At the end of its lease a key goes to the next, with a larger token."""
    first = owned((yield bench.claim("a")))
    bench.advance(30)
    second = owned((yield bench.claim("b")), "the claim after the lease")
    same((second.attempts, second.abandoned), (2, True), "attempts, abandoned")
    assert second.token > first.token, "tokens must grow"
    busy((yield bench.claim("a")))


def quarantine_blocks_a_lapsed_key(bench: Bench) -> Questions:
    """Under quarantine nobody runs an abandoned key, also not much later."""
    owned((yield bench.claim("a", windows=Windows(1, 1))))
    bench.advance(31)
    answer = yield bench.claim("b", on_abandoned="quarantine")
    same(answer, Unresolved(), "the claim after the lease")
    same((yield bench.claim("c")), Unresolved(), "a claim under another policy")
    bench.advance(86400)
    same((yield bench.claim("d")), Unresolved(), "a claim the day after")


def crash_is_remembered_beyond_the_windows(bench: Bench) -> Questions:
    """Windows count from completion; a claim that never ended has none yet."""
    short = Windows(1, 1)
    owned((yield bench.claim("a", windows=short)))
    bench.advance(86400)
    answer = yield bench.claim("b", windows=short, on_abandoned="quarantine")
    same(answer, Unresolved(), "a day after the crash")


def probe_is_asked_for(bench: Bench) -> Questions:
    """Under a probe the next owner is told to look first, also when told twice."""
    owned((yield bench.claim("a")))
    bench.advance(30)
    answer = owned((yield bench.claim("b", on_abandoned="probe")))
    same((answer.abandoned, answer.probe), (True, True), "abandoned, probe")
    again = owned((yield bench.claim("b", on_abandoned="probe")))
    same(again, answer, "the repeated claim")


def renewing_keeps_others_away(bench: Bench) -> Questions:
    """A renewed lease counts from its renewal."""
    first = owned((yield bench.claim("a")))
    for _ in range(5):
        bench.advance(20)
        yes((yield bench.renew(first.token)), "renew")
        answer = busy((yield bench.claim("b")))
        near(answer.retry_after, 30, "what is left of the lease")


def renewing_by_nothing_lets_go(bench: Bench) -> Questions:
    """A lease of 0 seconds is over at once, and the key counts as abandoned."""
    first = owned((yield bench.claim("a")))
    yes((yield bench.renew(first.token, 0.0)), "renew")
    second = owned((yield bench.claim("b")))
    yes(second.abandoned, "abandoned")


def answer_is_replayed_byte_for_byte(bench: Bench) -> Questions:
    """Status, headers in their order and body come back as they were stored."""
    first = owned((yield bench.claim("a")))
    yes((yield bench.complete(first.token)), "complete")
    bench.advance(20)
    answer = replayed((yield bench.claim("b")))
    same(answer.outcome, ANSWER, "the replayed answer")
    near(answer.expires_in, 40, "what is left of the window")


def answers_of_any_kind_and_size(bench: Bench) -> Questions:
    """An empty body, a megabyte, a value and a refusal are all answers."""
    big = bytes(range(256)) * 4096
    outcomes = {
        "empty": StoredOutcome("value", b"", 204),
        "big": StoredOutcome("value", big),
        "refusal": StoredOutcome("refusal", b'["no"]', 409),
        "text": StoredOutcome("value", "naïve \U0001f600".encode(), 200),
    }
    for name, outcome in outcomes.items():
        first = owned((yield bench.claim("a", name=name)))
        yes((yield bench.complete(first.token, outcome, name=name)), "complete")
        answer = replayed((yield bench.claim("b", name=name)))
        same(answer.outcome, outcome, name)


def windows_end_half_open(bench: Bench) -> Questions:
    """Replayed for 60 s, then gone, and after the dedupe window a new key."""
    first = owned((yield bench.claim("a")))
    yield bench.complete(first.token)
    bench.advance(59)
    answer = replayed((yield bench.claim("b")))
    bench.advance(1)
    answer = yield bench.claim("b")
    same(answer, Gone(ANSWER._replace(body=b"")), "at 60 s")
    bench.advance(539)
    answer = yield bench.claim("b")
    assert isinstance(answer, Gone), f"at 599 s: {answer!r}"
    bench.advance(1)
    second = owned((yield bench.claim("b")), "at 600 s the claim")
    same((second.attempts, second.abandoned), (1, False), "attempts, abandoned")
    assert second.token > first.token, "tokens grow over expiry too"


def windows_of_the_completion_count(bench: Bench) -> Questions:
    """They start when the answer is stored, not when the key is claimed."""
    first = owned((yield bench.claim("a")))
    bench.advance(500)
    yes((yield bench.complete(first.token)), "a late completion")
    bench.advance(59)
    replayed((yield bench.claim("b")))


def tombstone_is_gone(bench: Bench) -> Questions:
    """What was done but could not be stored is told so, and never runs again."""
    first = owned((yield bench.claim("a")))
    tombstone = StoredOutcome("tombstone", b"", 303, (("location", "/x"),))
    yes((yield bench.complete(first.token, tombstone)), "complete")
    same((yield bench.claim("b")), Gone(tombstone), "the next claim")


def old_request_is_refused(bench: Bench) -> Questions:
    """A request older than records are kept is not run where none is found."""
    for age in (600, 100_000):
        same((yield bench.claim("a", age=age)), Expired(), f"at an age of {age} s")
    same((yield bench.inspect()), None, "a refused request")
    first = owned((yield bench.claim("a", age=599)), "a younger one")
    yield bench.complete(first.token)
    replayed((yield bench.claim("b", age=100_000)))


def keys_are_independent(bench: Bench) -> Questions:
    """What happens to one key changes no other."""
    first = owned((yield bench.claim("a", name="one")))
    owned((yield bench.claim("a", name="two")), "another key with the same nonce")
    yes((yield bench.complete(first.token, name="one")), "complete")
    busy((yield bench.claim("b", name="two")))
    no((yield bench.complete(1, name="three")), "a key nobody claimed")


def one_of_many_claims_owns(bench: Bench) -> Questions:
    """Of claims made at the same time exactly one owns, the others are busy."""
    for turn in range(10):
        name = f"k{turn}"
        answers = yield [bench.claim(str(nonce), name=name) for nonce in range(8)]
        kinds = sorted(type(answer).__name__ for answer in answers)
        same(kinds, ["Busy"] * 7 + ["Owned"], "8 claims at once")


def one_of_many_takeovers_owns(bench: Bench) -> Questions:
    """When a lease has lapsed, exactly one of those who wait takes over."""
    tokens: list[int] = []
    owned((yield bench.claim("first")))
    for turn in range(10):
        bench.advance(30)
        answers = yield [bench.claim(f"{turn}.{nonce}") for nonce in range(8)]
        winners = [answer for answer in answers if isinstance(answer, Owned)]
        same(len(winners), 1, "owners after a lapse")
        tokens.append(winners[0].token)
    same(tokens, sorted(set(tokens)), "the tokens in order")


def unknown_is_kept_for_a_month(bench: Bench) -> Questions:
    """An unknown outcome blocks its key for as long as somebody may look."""
    first = owned((yield bench.claim("a", windows=Windows(1, 1))))
    yes((yield bench.abandon(first.token)), "abandon")
    bench.advance(UNKNOWN_RETENTION - 100)
    same((yield bench.claim("b")), Unresolved(), "nearly a month later")


CLAIMS = tuple(
    Check(ask)
    for ask in (
        first_claim_owns,
        second_claim_is_busy,
        same_nonce_same_claim,
        nonce_of_a_stranger_is_busy,
        mismatch_in_every_state,
        same_command_by_another_way,
        lapsed_lease_is_taken_over,
        quarantine_blocks_a_lapsed_key,
        crash_is_remembered_beyond_the_windows,
        probe_is_asked_for,
        renewing_keeps_others_away,
        renewing_by_nothing_lets_go,
        answer_is_replayed_byte_for_byte,
        answers_of_any_kind_and_size,
        windows_end_half_open,
        windows_of_the_completion_count,
        tombstone_is_gone,
        old_request_is_refused,
        keys_are_independent,
        one_of_many_claims_owns,
        one_of_many_takeovers_owns,
        unknown_is_kept_for_a_month,
    )
)
