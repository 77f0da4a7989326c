"""Payloads over releases: old, newer, foreign and broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from syncpatterns.codec import JsonCodec
from syncpatterns.errors import ResultNotStorable
from syncpatterns.offline_queue import (
    Done,
    ItemContext,
    ItemReleased,
    OfflineQueue,
)
from syncpatterns.offline_queue._core import LIVE
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Facts, Update, World, states


class Move(BaseModel):
    """Payload in its second form."""

    lead_id: int
    status: str
    by: str = "nobody"


def _v1_to_v2(old: Any) -> Any:
    return {"lead_id": old["lead"], "status": old["status"]}


def _v2_to_v3(old: Any) -> Any:
    return {**old, "by": "import"}


@pytest.mark.case("QUE-50", part="upcast")
def test_old_rows_are_read_by_new_code(engine: Any, world: World) -> None:
    """Step by step, also what waited over two releases."""
    old = OfflineQueue("field", engine)
    old.handler("leads.move")(_old)
    old.enqueue("leads.move", Update(7, "won"), key="k")
    new = OfflineQueue("field", engine)
    seen: list[Move] = []

    @new.handler("leads.move", version=3, upcast={1: _v1_to_v2, 2: _v2_to_v3})
    def move(payload: Move) -> None:
        seen.append(payload)

    world.flush(new)

    assert seen == [Move(lead_id=7, status="won", by="import")]


def _old(payload: Update) -> None:
    del payload


@pytest.mark.case("QUE-50", part="newer")
@pytest.mark.parametrize("reason", ["newer", "unknown-operation"])
def test_newer_rows_wait_for_newer_code(
    engine: Any, clock: FakeClock, facts: Facts, reason: str, world: World
) -> None:
    """Put back without an attempt; PARKED after an hour; never DEAD."""
    new = OfflineQueue("field", engine)
    name = "leads.move" if reason == "newer" else "leads.new"
    new.handler(name, version=2, upcast={})(_newer)
    receipt = new.enqueue(name, Move(lead_id=7, status="won"))
    old = OfflineQueue("field", engine, hooks=[facts])
    old.handler("leads.move")(_old)
    for _ in range(100):
        clock.advance(31)
        world.flush(old)
    item = old.get(receipt.id)
    assert item is not None
    assert (item.state in LIVE, item.attempts, item.sent_at) == (True, 0, None)
    assert {fact.reason for fact in facts.of(ItemReleased)} == {reason}
    for _ in range(30):
        clock.advance(31)
        world.flush(old)
    parked = world(old.parked, "list")

    assert [(each.seq, each.reason) for each in parked] == [(receipt.id, reason)]
    assert "ItemDead" not in facts.names
    assert world(new.parked, "requeue", parked) == 1
    world.flush(new)
    assert states(new, [receipt.id]) == ["done"]


def _newer(payload: Move) -> None:
    del payload


def test_a_week_offline_is_no_reason_to_park(engine: Any, clock: FakeClock) -> None:
    """What waited long is looked at as often as what is new, before it is parked."""
    new = OfflineQueue("field", engine)
    new.handler("leads.move", version=2, upcast={})(_newer)
    receipt = new.enqueue("leads.move", Move(lead_id=7, status="won"))
    old = OfflineQueue("field", engine)
    old.handler("leads.move")(_old)
    clock.advance(3 * 86400)
    old.flush()

    assert states(old, [receipt.id]) == ["scheduled"]


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"\xff\xfe", b'{"lead":"x"}', b"null", b'{"lead":1}', b"[" * 5000],
    ids=["empty", "cut", "bytes", "type", "null", "missing", "deep"],
)
@pytest.mark.parametrize("version", [1, 0])
def test_a_payload_that_cannot_be_read_is_dead_and_kept(
    engine: Any, payload: bytes, version: int, world: World
) -> None:
    """Whoever wrote it: the bytes are there to be looked at; the next one runs."""
    queue = OfflineQueue("field", engine)
    seen: list[Update] = []

    @queue.handler("leads.update")
    def update(payload: Update) -> None:
        seen.append(payload)

    receipt = queue.enqueue(update, Update(1, "x"))
    item = queue.get(receipt.id)
    assert item is not None
    _stored(engine, payload, version)
    queue.enqueue(update, Update(2, "x"))
    world.flush(queue)
    (dead,) = queue.dead.list()

    assert (dead.reason, dead.payload) == ("payload-invalid", payload)
    assert dead.error.endswith("Error"), "which kind it was, without its words"
    assert seen == [Update(1, "x"), Update(2, "x")]


def _stored(engine: Any, payload: bytes, version: int) -> None:
    """Store an item as another program might have."""
    from syncpatterns.offline_queue._core import NewItem
    from syncpatterns.offline_queue._ports import EnqueueRequest

    new = NewItem("leads.update", "foreign", "", b"", payload, version)
    engine.queue_store().enqueue(EnqueueRequest("field", [new]))


@pytest.mark.parametrize("headers", ["{", "[]", "7", '{"$refs":7}', '{"$refs":[[1]]}'])
def test_headers_that_cannot_be_read_are_no_end_of_a_drain(
    engine: Any, headers: str
) -> None:
    """DEAD like a payload; nothing escapes to the worker."""
    from syncpatterns.offline_queue._core import NewItem
    from syncpatterns.offline_queue._ports import EnqueueRequest

    queue = OfflineQueue("field", engine)
    queue.handler("n.inc")(_inc)
    new = NewItem("n.inc", "k", "", b"", b"1", headers=headers)
    engine.queue_store().enqueue(EnqueueRequest("field", [new]))
    report = queue.flush()

    assert report.dead == 1
    assert [item.reason for item in queue.dead.list()] == ["payload-invalid"]


def _inc(payload: int, ctx: ItemContext) -> int:
    return payload + 1


def test_a_codec_of_the_users_own(make: Callable[..., OfflineQueue]) -> None:
    """Plain JSON, or whatever can encode and decode."""
    queue = make()

    @queue.handler("any.thing", codec=JsonCodec())
    def thing(payload) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001 - what codec= is for
        return payload

    out: Any = queue.call("any.thing", {"a": [1, None]})

    assert out.value == {"a": [1, None]}


def test_a_result_without_a_form_is_still_done(
    make: Callable[..., OfflineQueue], caplog: pytest.LogCaptureFixture, world: World
) -> None:
    """It has happened: never again. The caller has it, a receipt says None."""
    queue = make()

    @queue.handler("n.inc")
    def inc(payload: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - says nothing
        return object()

    out = world(queue, "call", "n.inc", 1)

    assert isinstance(out, Done)
    assert type(out.value) is object
    assert world(out.receipt, "wait", 0).value is None
    assert "its result cannot be kept" in caplog.text


def test_a_dict_for_a_model_is_that_model(make: Callable[..., OfflineQueue]) -> None:
    """Validated when it is enqueued; lanes see the model."""
    queue = make()
    seen: list[Move] = []

    @queue.handler("leads.move", lane=lambda p: f"lead:{p.lead_id}")
    def move(payload: Move) -> None:
        seen.append(payload)

    receipt = queue.enqueue("leads.move", {"lead_id": 7, "status": "won"})
    item = queue.get(receipt.id)
    queue.flush()

    assert receipt.lane == "lead:7"
    assert item is not None
    assert json.loads(item.payload) == {"lead_id": 7, "status": "won", "by": "nobody"}
    assert seen == [Move(lead_id=7, status="won")]


def test_a_dict_without_end_is_refused(engine: Any) -> None:
    """It says so; the recursion of whoever looks for a `Ref` in it is not shown."""
    queue = OfflineQueue("field", engine)

    @queue.handler("n.note")
    def note(payload: dict[str, Any]) -> None: ...

    round_: dict[str, Any] = {}
    round_["self"] = round_
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    for payload in (round_, {"deep": deep}):
        with pytest.raises(ResultNotStorable, match="nested too deep"):
            queue.enqueue(note, payload)
