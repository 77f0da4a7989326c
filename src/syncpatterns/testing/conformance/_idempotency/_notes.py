"""Checks of notes: what a claim keeps until it is settled, and of lapsed claims."""

from __future__ import annotations

from syncpatterns.idempotency._core import (
    FREE_RETENTION,
    STEP,
    Mismatch,
    Notes,
    State,
    Unresolved,
)
from syncpatterns.testing.conformance._asking import Ask, Questions, same
from syncpatterns.testing.conformance._idempotency._bench import (
    ANSWER,
    Bench,
    Check,
    kept,
    no,
    owned,
    yes,
)

_COMMAND: Notes = (("command", b'{"to":"caf\xc3\xa9"}\x00\xff'),)
_STEP: Notes = ((f"{STEP}reserve", b"1"),)


def _sorted(notes: Notes) -> list[tuple[str, bytes]]:
    return sorted(notes)


def notes_are_kept_with_the_claim(bench: Bench) -> Questions:
    """Those of the claim and those added later, byte for byte."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    same(_sorted(first.notes), _sorted(_COMMAND), "the owner's notes")
    yes((yield bench.note(first.token, _STEP)), "note")
    record = kept((yield bench.inspect()))
    same(_sorted(record.notes), _sorted(_COMMAND + _STEP), "the record's notes")
    yes((yield bench.renew(first.token)), "renew")
    record = kept((yield bench.inspect()))
    same(_sorted(record.notes), _sorted(_COMMAND + _STEP), "the notes, after renewal")


def a_note_replaces_one_of_its_name(bench: Bench) -> Questions:
    """Others stay as they are."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    yield bench.note(first.token, _STEP)
    changed = ((_STEP[0][0], b"2"), ("receipt", b"r"))
    yes((yield bench.note(first.token, changed)), "a second note")
    record = kept((yield bench.inspect()))
    same(_sorted(record.notes), _sorted(_COMMAND + changed), "the notes")


def the_next_owner_gets_the_notes(bench: Bench) -> Questions:
    """Of the same request: after a lapse, and after the key was given back."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    yield bench.note(first.token, _STEP)
    bench.advance(30)
    second = owned((yield bench.claim("b", notes=_COMMAND)))
    same(_sorted(second.notes), _sorted(_COMMAND + _STEP), "after a lapse")
    yield bench.release(second.token)
    third = owned((yield bench.claim("c", notes=_COMMAND)))
    same(_sorted(third.notes), _sorted(_COMMAND + _STEP), "after a release")
    again = owned((yield bench.claim("c", notes=_COMMAND)))
    same(_sorted(again.notes), _sorted(third.notes), "the claim, repeated")


def a_stale_token_notes_nothing(bench: Bench) -> Questions:
    """Nor one that was never given out, nor after the end."""
    no((yield bench.note(1, _STEP)), "note of an absent key")
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    bench.advance(30)
    second = owned((yield bench.claim("b", notes=_COMMAND)))
    before = yield bench.inspect()
    for token in (first.token, second.token + 1):
        no((yield bench.note(token, _STEP)), "note with a stale token")
    same((yield bench.inspect()), before, "the record")
    yield bench.release(second.token)
    no((yield bench.note(second.token, _STEP)), "note after the release")


def completion_drops_the_notes(bench: Bench) -> Questions:
    """They may hold a command's personal data, which nobody needs any more."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    yield bench.note(first.token, _STEP)
    yes((yield bench.complete(first.token)), "complete")
    same(kept((yield bench.inspect())).notes, (), "the notes")
    no((yield bench.note(first.token, _STEP)), "note after completion")


def steps_bind_a_free_key(bench: Bench) -> Questions:
    """What was done for one request must not be skipped for another (IDM-70)."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    yield bench.note(first.token, _STEP)
    yield bench.release(first.token)
    answer = yield bench.claim("b", fingerprint=b"other")
    same(answer, Mismatch(), "another request, with a step done")
    loose = owned((yield bench.claim("a", name="loose", notes=_COMMAND)))
    yield bench.release(loose.token, name="loose")
    other = owned((yield bench.claim("b", name="loose", fingerprint=b"other")))
    same(other.notes, (), "notes of another request")


def unknown_keys_keep_their_notes(bench: Bench) -> Questions:
    """Whoever looks must see what was asked for; settled, it is dropped."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    yield bench.abandon(first.token)
    listed = yield Ask("unresolved", 10)
    same([record.notes for record in listed], [_COMMAND], "notes in unresolved()")
    yes((yield bench.resolve(ANSWER)), "resolve")
    same(kept((yield bench.inspect())).notes, (), "the notes, settled")


def resolved_as_not_done_only_steps_stay(bench: Bench) -> Questions:
    """A receipt of what did not happen is void; steps were done."""
    first = owned((yield bench.claim("a", notes=_COMMAND)))
    yield bench.note(first.token, (*_STEP, ("receipt", b"r")))
    yield bench.abandon(first.token)
    yes((yield bench.resolve(None)), "resolve")
    second = owned((yield bench.claim("b", notes=_COMMAND)))
    same(_sorted(second.notes), _sorted(_COMMAND + _STEP), "the next owner's notes")


def forgotten_keys_leave_no_notes(bench: Bench) -> Questions:
    """Swept or not: a key that is forgotten is a new one, and its steps are too."""
    for name in ("swept", "left"):
        first = owned((yield bench.claim("a", name=name, notes=_COMMAND)))
        yield bench.note(first.token, _STEP, name=name)
        yield bench.release(first.token, name=name)
    bench.advance(FREE_RETENTION)
    left = owned((yield bench.claim("b", name="left", notes=_COMMAND)))
    same(left.notes, _COMMAND, "the notes of a forgotten key")
    same((yield Ask("sweep", 100)), 1, "sweep")
    swept = owned((yield bench.claim("b", name="swept", notes=_COMMAND)))
    same(swept.notes, left.notes, "the notes of a swept key")


def lapsed_claims_are_listed(bench: Bench) -> Questions:
    """From the end of the lease on, longest ago first; nothing else is."""
    for name, lease in (("late", 20.0), ("early", 10.0), ("alive", 60.0)):
        owned((yield bench.claim("a", name=name, lease=lease, notes=_COMMAND)))
    for name, end in (("done", bench.complete), ("free", bench.release)):
        ended = owned((yield bench.claim("a", name=name, lease=1.0)))
        yield end(ended.token, name=name)
    same((yield Ask("lapsed", 10)), [], "lapsed(10) before any lease is over")
    bench.advance(20)
    listed = yield Ask("lapsed", 10)
    expected = [bench.key(name) for name in ("early", "late")]
    same([record.key for record in listed], expected, "lapsed(10)")
    same([record.notes for record in listed], [_COMMAND] * 2, "their notes")
    same({record.state for record in listed}, {State.IN_PROGRESS}, "their state")
    listed = yield Ask("lapsed", 1)
    same([record.key for record in listed], expected[:1], "lapsed(1)")
    owned((yield bench.claim("b", name="early")))
    listed = yield Ask("lapsed", 10)
    same([record.key for record in listed], expected[1:], "lapsed(10), one taken over")


def a_lapsed_claim_is_resolved(bench: Bench) -> Questions:
    """By whoever has looked, before anybody claims; a live one is not."""
    first = owned((yield bench.claim("a")))
    no((yield bench.resolve(ANSWER)), "resolve of a live claim")
    bench.advance(30)
    yes((yield bench.resolve(None)), "resolve of a lapsed claim")
    no((yield bench.complete(first.token)), "its late owner")
    no((yield bench.note(first.token, _STEP)), "a note of its late owner")
    second = owned((yield bench.claim("b")))
    assert second.token > first.token, "tokens must grow"
    same((second.attempts, second.abandoned), (2, False), "attempts, abandoned")


def who_resolves_may_say_so(bench: Bench) -> Questions:
    """By whom and why are taken, and change nothing else."""
    first = owned((yield bench.claim("a")))
    yield bench.abandon(first.token)
    same((yield bench.claim("b")), Unresolved(), "the next claim")
    ask = bench.resolve(ANSWER)
    yes((yield Ask(ask.method, *ask.args, by="ann", reason="seen")), "resolve")
    same(kept((yield bench.inspect())).state, State.COMPLETED, "the state")


NOTES = tuple(
    Check(ask)
    for ask in (
        notes_are_kept_with_the_claim,
        a_note_replaces_one_of_its_name,
        the_next_owner_gets_the_notes,
        a_stale_token_notes_nothing,
        completion_drops_the_notes,
        steps_bind_a_free_key,
        unknown_keys_keep_their_notes,
        resolved_as_not_done_only_steps_stay,
        forgotten_keys_leave_no_notes,
        lapsed_claims_are_listed,
        a_lapsed_claim_is_resolved,
        who_resolves_may_say_so,
    )
)
