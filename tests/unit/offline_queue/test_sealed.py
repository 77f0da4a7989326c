"""What waits is sealed; what cannot be opened is parked, and the rest flows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from syncpatterns import Refusal, connect
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import (
    Done,
    ItemParked,
    ItemState,
    OfflineQueue,
    Ref,
    RetryWith,
    merge,
)
from syncpatterns.offline_queue._core import NewItem
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.offline_queue._sealing._inside import Inside, folded, unfolded
from syncpatterns.sealing import Keyring, SealBroken, SealKeyMissing
from tests.unit.offline_queue.sealed import (
    BOTH,
    CANARY,
    NEW,
    OLD,
    OP,
    WRONG,
    field,
    raw,
    seals_in,
)
from tests.unit.offline_queue.surface import Crm, Facts, Lead, Update, World


def put(world: World, queue: OfflineQueue, lead: int, status: str = "won") -> Any:
    """Enqueue an update, and return its receipt."""
    return world(queue, "enqueue", OP, Update(lead, status))


def test_it_is_done_as_if_nothing_were_sealed(
    engine: Any, crm: Crm, world: World
) -> None:
    """Handlers, receipts and lists see what was given; the store sees none of it."""
    queue = field(engine, crm, sealer=OLD)
    headers = {"note": CANARY}
    receipt = world(queue, "enqueue", OP, Update(7, CANARY), headers=headers)
    (stored,) = raw(queue).items("field")
    (shown,) = world(queue, "items", lane="lead:7")

    assert CANARY not in f"{stored.payload!r}{stored.headers}{stored.lane}"
    assert b"old" in stored.payload
    assert stored.lane.startswith("sealed:")
    assert (shown.lane, shown.seq) == ("lead:7", receipt.id)
    assert CANARY.encode() in shown.payload

    world.flush(queue)
    ((payload, context),) = crm.calls
    assert (payload, dict(context.headers)) == (Update(7, CANARY), headers)
    assert world(receipt, "wait", 0).value == Lead(7, CANARY)
    ended = raw(queue).ended("field", receipt.id)
    assert CANARY.encode() not in ended.result


@pytest.mark.case("QUE-52", part="wrong key")
@pytest.mark.parametrize("sealer", [WRONG, NEW, None], ids=["wrong", "gone", "none"])
def test_what_has_another_key_is_parked_and_the_others_flow(
    engine: Any, crm: Crm, world: World, facts: Facts, sealer: Keyring | None
) -> None:
    """Its lane waits behind it; once the key is there, it is requeued and done."""
    before = field(engine, crm, sealer=OLD)
    first, second = put(world, before, 7), put(world, before, 7, "lost")
    without = field(engine, crm, sealer=sealer, hooks=[facts])
    other = put(world, without, 8)
    report = world.flush(without)
    (parked,) = world(without.parked, "list", reason="key")

    assert (report.sent, report.parked, report.left) == (1, 1, 2)
    assert crm.keys == [other.key]
    assert (parked.seq, parked.error) == (first.id, "SealKeyMissing: old")
    assert parked.sent_at is None
    assert [fact.reason for fact in facts.of(ItemParked)] == ["key"]
    assert world(second, "state") is ItemState.WAITING

    restored = field(engine, crm, sealer=BOTH)
    assert world(restored.parked, "requeue", [parked]) == 1
    assert world.flush(restored).sent == 2
    assert crm.keys == [other.key, first.key, second.key]


@pytest.mark.parametrize("mode", ["auto", "online"])
def test_a_call_is_sealed_from_the_first_moment(
    engine: Any, crm: Crm, world: World, mode: str
) -> None:
    """Also while its caller holds it; and what is retried is opened again."""
    queue = OfflineQueue("field", engine, sealer=OLD)
    seen: list[bytes] = []

    @queue.handler(OP)
    def update(payload: Update, ctx: Any) -> Lead:
        seen.extend(stored.payload for stored in raw(queue).items("field"))
        return crm.answer(payload, ctx)

    done = world(queue, "call", OP, Update(7, CANARY), mode=mode)

    assert isinstance(done, Done)
    assert done.value == Lead(7, CANARY)
    assert len(seen) == 1
    assert CANARY.encode() not in seen[0]


def test_keys_change_while_items_wait(engine: Any, crm: Crm, world: World) -> None:
    """Old and new ones stand in one lane, in their order."""
    first = put(world, field(engine, crm, sealer=OLD), 7)
    queue = field(engine, crm, sealer=BOTH)
    second = put(world, queue, 7, "lost")
    one, two = raw(queue).items("field")

    assert (b"old" in one.payload, b"new" in two.payload) == (True, True)
    assert one.lane == two.lane
    assert world.flush(queue).sent == 2
    assert crm.keys == [first.key, second.key]


def test_what_was_enqueued_before_is_known_by_its_key(
    engine: Any, crm: Crm, world: World
) -> None:
    """The same action again is a duplicate, also of one stored in the clear."""
    for lead, sealer in ((1, None), (2, OLD)):
        before = field(engine, crm, sealer=sealer)
        one = world(before, "enqueue", OP, Update(lead, "won"), key=f"k{lead}")
        after = field(engine, crm, sealer=BOTH)
        two = world(after, "enqueue", OP, Update(lead, "won"), key=f"k{lead}")
        world.flush(after)
        three = world(after, "enqueue", OP, Update(lead, "won"), key=f"k{lead}")
        assert one.id == two.id == three.id
        with pytest.raises(Exception, match="another payload"):
            world(after, "enqueue", OP, Update(lead, "lost"), key=f"k{lead}")

    assert len(crm.calls) == 2


def test_the_fingerprint_tells_nobody_whether_a_guess_is_right(
    engine: Any, crm: Crm
) -> None:
    """A plain digest of a phone number is found by trying all of them.

    And where two items say the same, theirs differ: somebody who may press a
    button cannot find out by it what others wait for.
    """
    plain, sealed = field(engine, crm), field(engine, crm, sealer=OLD)
    plain.enqueue(OP, Update(7, "won"))
    for _ in range(2):
        sealed.enqueue(OP, Update(7, "won"))
    prints = [each.fingerprint for each in raw(plain).items("field")]

    assert len(set(prints)) == 3
    assert [len(each) for each in prints] == [32] * 3


def test_merging_opens_merges_and_seals(engine: Any, crm: Crm, world: World) -> None:
    """The user's function sees both payloads; one sealed item is left."""
    both = merge(lambda old, new: Update(old.lead, f"{old.status}+{new.status}"))

    queue = OfflineQueue("field", engine, sealer=OLD)

    @queue.handler(OP, entity=lambda p: f"lead:{p.lead}", coalesce=both)
    def update(payload: Update, ctx: Any) -> Lead:
        return crm.answer(payload, ctx)

    put(world, queue, 7, "a")
    put(world, queue, 7, "b")
    last = put(world, queue, 7, "c")
    (stored,) = raw(queue).items("field")

    assert stored.entity.startswith("sealed:")
    assert b"a+b" not in stored.payload
    assert world.flush(queue).sent == 1
    assert world(last, "wait", 0).value == Lead(7, "a+b+c")


@dataclass(frozen=True)
class Note:
    lead: int
    text: str


def test_a_child_is_filled_from_a_sealed_result(
    engine: Any, world: World, crm: Crm
) -> None:
    """References lie sealed with the payload, results sealed with their number."""
    queue = field(engine, crm, sealer=OLD)
    notes: list[Note] = []

    @queue.handler("notes.add")
    def add(payload: Note) -> None:
        notes.append(payload)

    lead = put(world, queue, 7)
    note = {"lead": Ref(lead, "$.id"), "text": CANARY}
    child = world(queue, "enqueue", "notes.add", note)
    stored = raw(queue).get("field", child.id)

    assert "$.id" not in stored.headers
    assert world.flush(queue).sent == 2
    assert notes == [Note(7, CANARY)]


def test_a_child_of_a_result_without_key_is_parked(
    engine: Any, world: World, crm: Crm
) -> None:
    """Its own key is there, its parent's is not."""
    queue = field(engine, crm, sealer=OLD)
    lead = put(world, queue, 7)
    world.flush(queue)
    later = field(engine, crm, sealer=NEW)

    @later.handler("notes.add")
    def add(payload: Note) -> None:
        raise AssertionError(payload)

    note = {"lead": Ref(lead, "$.id"), "text": "x"}
    child = world(later, "enqueue", "notes.add", note)
    world.flush(later)
    (parked,) = world(later.parked, "list")

    assert (parked.seq, parked.reason) == (child.id, "key")


def test_a_receipt_says_that_it_was_done_but_not_what(
    engine: Any, world: World, crm: Crm
) -> None:
    """None would be a lie: the handler had an answer."""
    queue = field(engine, crm, sealer=OLD)
    receipt = put(world, queue, 7, CANARY)
    world.flush(queue)
    later = field(engine, crm, sealer=WRONG).receipt(receipt.id)

    with pytest.raises(SealKeyMissing, match="it was done, but") as caught:
        world(later, "wait", 0)
    assert (caught.value.key_id, later.state()) == ("old", ItemState.DONE)
    assert CANARY not in str(caught.value)


class Moved(Refusal):
    """Somebody was first."""

    status = 412


def test_what_takes_an_items_place_is_sealed(
    engine: Any, world: World, crm: Crm
) -> None:
    """Also in the lane of one that was stored in the clear."""
    for lead, before in ((1, None), (2, OLD)):
        plain = field(engine, crm, sealer=before)
        first, second = put(world, plain, lead, "a"), put(world, plain, lead, "b")
        queue = OfflineQueue("field", engine, sealer=BOTH)
        seen: list[str] = []

        def instead(payload: Update, error: Any, ctx: Any) -> RetryWith:
            return RetryWith(Update(payload.lead, CANARY))

        @queue.handler(OP, lane=lambda p: f"lead:{p.lead}", on_conflict=instead)
        def update(payload: Update) -> Lead:
            seen.append(payload.status)  # noqa: B023 - called in this round only
            if payload.status == "a":
                raise Moved
            return Lead(payload.lead, payload.status)

        world.flush(queue)

        assert seen == ["a", CANARY, "b"]
        assert world(queue.receipt(first.id), "wait", 0).value == Lead(lead, CANARY)
        assert world(queue.receipt(second.id), "wait", 0).value == Lead(lead, "b")


# ---------------------------------------------------------------- tampering


@pytest.mark.case("QUE-52", part="swapped at the port")
def test_an_item_opens_in_its_own_place_only(
    engine: Any, crm: Crm, world: World
) -> None:
    """A payload under another key, operation, scope or version is not delivered."""
    queue = field(engine, crm, sealer=OLD, require_sealed=True)
    put(world, queue, 7)
    put(world, queue, 8, CANARY)
    one, two = raw(queue).items("field")
    seals = seals_in(queue)

    assert seals.item_out(one).payload == b'{"lead":7,"status":"won"}'
    reasons = [
        seals.item_out(one._replace(**change)).why.reason
        for change in (
            {"payload": two.payload},
            {"key": two.key},
            {"operation": "leads.delete"},
            {"scope": "other"},
            {"version": 2},
            {"payload": b'{"lead":7,"status":"forged"}'},
            {"payload": b'{"lead":7,"status":"forged"}', "headers": "{}"},
        )
    ]
    assert reasons == ["tampered"] * 6 + ["not-sealed"]


def test_a_swapped_result_is_not_believed(engine: Any, crm: Crm, world: World) -> None:
    """A result is bound to the number of its item."""
    queue = field(engine, crm, sealer=OLD)
    receipts = [put(world, queue, lead) for lead in (7, 8)]
    world.flush(queue)
    seals = seals_in(queue)
    one, two = (raw(queue).ended("field", each.id) for each in receipts)

    assert seals.ended_out(one).result == b'{"id":7,"status":"won"}'
    assert isinstance(seals.ended_out(one._replace(result=two.result)).why, SealBroken)


def test_what_lies_open_is_not_taken_where_all_is_sealed(
    engine: Any, crm: Crm, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Without `require_sealed` it is: a queue may have been sealed yesterday only."""
    plain = put(world, field(engine, crm), 7, CANARY)
    strict = field(engine, crm, sealer=OLD, require_sealed=True)
    ours = put(world, strict, 8)
    with caplog.at_level(logging.WARNING, "syncpatterns"):
        report = world.flush(strict)
    (parked,) = world(strict.parked, "list")

    assert (report.sent, report.parked) == (1, 1)
    assert crm.keys == [ours.key]
    assert (parked.seq, parked.reason) == (plain.id, "not-sealed")
    assert "not-sealed" in caplog.text
    assert CANARY not in caplog.text
    relaxed = field(engine, crm, sealer=OLD)
    assert world(relaxed.parked, "requeue", [parked]) == 1
    assert world.flush(relaxed).sent == 1


def test_what_lies_open_is_not_merged_into_something_sealed(
    engine: Any, crm: Crm, world: World
) -> None:
    """Else a forged payload would come out with a seal of ours."""
    both = merge(lambda old, new: Update(old.lead, f"{old.status}+{new.status}"))
    queue = OfflineQueue("field", engine, sealer=OLD, require_sealed=True)
    queue.handler(OP, entity=lambda p: f"lead:{p.lead}", coalesce=both)(crm.answer)
    put(world, queue, 7, "first")
    (item,) = raw(queue).items("field")
    # As whoever may write to the database would do it: under the right pseudonym.
    payload = b'{"lead":7,"status":"forged"}'
    planted = NewItem(OP, "forged", "", b"print", payload, entity=item.entity)
    raw(queue).enqueue(EnqueueRequest("field", [planted]))
    put(world, queue, 7, "last")
    world.flush(queue)

    done = [payload.status for payload, _ in crm.calls]
    assert done == ["first", "last"]
    assert [each.reason for each in queue.parked.list()] == ["not-sealed"]


# -------------------------------------------------------------- compression


def test_long_payloads_are_compressed_before_they_are_sealed(
    engine: Any, crm: Crm, world: World
) -> None:
    """With a seal and without; what was compressed is read where that is off."""
    text = "lorem ipsum " * 500
    sizes: list[int] = []
    for sealer, compress in ((None, 1024), (OLD, 1024), (OLD, None), (None, None)):
        queue = field(engine, crm, sealer=sealer, compress=compress)
        receipt = put(world, queue, 7, text)
        stored = raw(queue).get("field", receipt.id)
        sizes.append(len(stored.payload))
        world.flush(field(engine, crm, sealer=sealer))
        assert world(receipt, "wait", 0).value == Lead(7, text)

    assert sizes[0] < sizes[1] < 300
    assert sizes[2] > sizes[3] > 6000


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=st.text(max_size=400), header=st.text(max_size=40), lane=st.text(max_size=9)
)
def test_any_text_comes_back(text: str, header: str, lane: str) -> None:
    """Through a seal and compression, in payload, headers, lane and result."""
    queue = OfflineQueue("field", connect("memory://"), sealer=OLD, compress=16)
    seen: list[Any] = []

    @queue.handler("say")
    def say(payload: str, ctx: Any) -> str:
        seen.append((payload, ctx.headers["h"]))
        return payload

    options: dict[str, Any] = {"headers": {"h": header}, "lane": lane or None}
    try:
        receipt = queue.enqueue("say", text, **options)
    except ConfigurationError:  # a lane that cannot be stored
        return
    (item,) = queue.items()
    queue.flush()

    assert item.lane == (lane or None)
    assert seen == [(text, header)]
    assert receipt.wait(0).value == text


texts = st.none() | st.text(max_size=20)


@given(
    st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=20), texts, texts
)
def test_what_is_folded_is_unfolded_and_nothing_else(
    payload: bytes, print_: bytes, headers: str, lane: str | None, entity: str | None
) -> None:
    """Cut off anywhere, lengthened, or of a later release, it is refused."""
    inside = Inside(payload, print_, headers, lane, entity)
    data = folded(inside)
    wrong = [data[:at] for at in range(len(data))]

    assert unfolded(data) == inside
    for each in (*wrong, data + b"\x00", b"\x02" + data[1:]):
        with pytest.raises(ValueError, match=r"^it "):
            unfolded(each)


# ------------------------------------------------------------ configuration


@pytest.mark.parametrize(
    "wrong",
    [
        {"sealer": "key"},
        {"sealer": Keyring},
        {"require_sealed": True},
        {"require_sealed": "yes", "sealer": OLD},
        {"compress": -1},
        {"compress": True},
        {"compress": "1024"},
    ],
    ids=repr,
)
def test_a_seal_that_can_never_work_is_refused(wrong: dict[str, Any]) -> None:
    """When the queue is made, and with the name of the option."""
    with pytest.raises(ConfigurationError, match=rf"^field: .*{next(iter(wrong))}="):
        OfflineQueue("field", connect("memory://"), **wrong)
