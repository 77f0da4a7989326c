"""Handlers: plain and async, in every world; versions; what they are told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from syncpatterns import connect
from syncpatterns.codec import JsonCodec
from syncpatterns.errors import LeaseLost
from syncpatterns.offline_queue import (
    Done,
    ItemContext,
    ItemReleased,
    ItemState,
    OfflineQueue,
    Queued,
)
from syncpatterns.offline_queue._core import LIVE, Filter
from syncpatterns.offline_queue._invoking import THREADS
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.surface import Crm, Facts, Update, World, states


class Move(BaseModel):
    """Payload in its second form."""

    lead_id: int
    status: str
    by: str = "nobody"


@pytest.mark.parametrize("kind", ["plain", "async", "around"])
@pytest.mark.parametrize("way", ["call", "drain"])
def test_any_handler_in_any_world(
    make: Callable[..., OfflineQueue], kind: str, way: str, world: World
) -> None:
    """A loop is never blocked by a plain one, a thread awaits an async one."""
    queue = make()
    threads: list[int] = []

    async def answer(payload: int) -> int:
        threads.append(threading.get_ident())
        await anyio.lowlevel.checkpoint()
        return payload + 1

    if kind == "plain":

        @queue.handler("n.inc")
        def plain(payload: int) -> int:
            threads.append(threading.get_ident())
            return payload + 1

    elif kind == "async":
        queue.handler("n.inc")(answer)
    else:

        @queue.handler("n.inc")
        def around(payload: int) -> Any:
            return answer(payload)

    if way == "call":
        out = world(queue, "call", "n.inc", 1)
    else:
        receipt = world(queue, "enqueue", "n.inc", 1)
        world.flush(queue)
        out = world(receipt, "wait", 0)

    assert isinstance(out, Done)
    assert out.value == 2
    here = threading.get_ident()
    on_loop = world.name != "sync"
    # A plain handler leaves the loop's thread; an async one leaves a thread.
    assert (threads[0] == here) is (on_loop is (kind != "plain"))


def test_an_async_handler_awaits_in_trio_too(make: Callable[..., OfflineQueue]) -> None:
    """The portal is asyncio's, whatever the caller's thread had run before."""
    queue = make()

    @queue.handler("n.inc")
    async def inc(payload: int) -> int:
        with anyio.fail_after(5):
            await anyio.to_thread.run_sync(lambda: None)
        return payload + 1

    async def main() -> Any:
        return await anyio.to_thread.run_sync(lambda: queue.call(inc, 1))

    assert anyio.run(main, backend="trio").value == 2


def test_a_handler_knows_its_item(
    queue: OfflineQueue, crm: Crm, clock: FakeClock, world: World
) -> None:
    """Key, scope, counts and times; what it shows holds no key."""
    start = clock.time()
    crm.script = [ValueError("500"), TimeoutError()]
    receipt = queue.enqueue(
        "leads.update",
        Update(7, "won"),
        key="secret",
        scope="acme",
        headers={"trace": "t1"},
    )
    world.flush(queue)
    clock.advance(10)
    world.flush(queue)
    clock.advance(60)
    world.flush(queue)
    first, second, third = (ctx for _, ctx in crm.calls)

    assert (first.key, first.scope, first.id) == ("secret", "acme", receipt.id)
    assert [ctx.attempt for ctx in (first, second, third)] == [1, 2, 2]
    assert [ctx.deliveries for ctx in (first, second, third)] == [1, 2, 3]
    assert [ctx.age for ctx in (first, second, third)] == [0.0, 10.0, 70.0]
    assert first.token < second.token < third.token
    assert first.enqueued_at == start
    assert dict(first.headers) == {"trace": "t1"}
    assert first.key_hash == receipt.key_hash
    assert "secret" not in repr(first)
    assert first.remaining() == 30.0


def test_a_handler_without_context_is_called_without(
    make: Callable[..., OfflineQueue],
) -> None:
    """A second parameter with a default is the handler's own business."""
    queue = make()

    @queue.handler("n.add")
    def add(payload: int, more: int = 5) -> int:
        return payload + more

    out = queue.call(add, 1)

    assert isinstance(out, Done)
    assert out.value == 6


def test_methods_and_partials_can_be_handlers(
    make: Callable[..., OfflineQueue],
) -> None:
    """A bound method is a new object each time it is named."""
    queue = make()

    class Client:
        def send(self, payload: int) -> int:
            return payload * 2

    client = Client()
    queue.handler("n.double")(client.send)
    out = queue.call(client.send, 4)

    assert isinstance(out, Done)
    assert out.value == 8


# ------------------------------------------------------------------ versions


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


# ------------------------------------------------------------------- leases


def test_a_handler_can_extend_its_lease(
    make: Callable[..., OfflineQueue], clock: FakeClock, world: World
) -> None:
    """Held: later. Taken by another: told, and the result is dropped."""
    queue = make(lease=30)
    told: list[Any] = []

    @queue.handler("n.inc")
    def inc(payload: int, ctx: ItemContext) -> int:
        if ctx.deliveries == 1:
            ctx.extend(100)
            clock.advance(90)
            queue.flush()  # another worker finds nothing: it is still ours
            told.append(queue.get(ctx.id).token)  # type: ignore[union-attr]  # it is there
            ctx.check()
        return payload + ctx.deliveries

    out = world(queue, "call", inc, 1)

    assert told == [1]
    assert isinstance(out, Done)
    assert out.value == 2


def test_a_handler_that_lost_its_item_is_told(
    make: Callable[..., OfflineQueue], clock: FakeClock, facts: Facts
) -> None:
    """Somebody else has it: `extend` and `check` raise, the late result is dropped."""
    queue = make(lease=30)
    raised: list[type[BaseException]] = []
    store = queue._parts.ready()

    @queue.handler("n.inc")
    def inc(payload: int, ctx: ItemContext) -> int:
        if ctx.deliveries > 1:
            return 100
        clock.advance(0.5)
        store.settle("field", [_freed(ctx)])
        queue.flush()
        for method in (ctx.extend, ctx.check):
            with pytest.raises(LeaseLost, match="another worker"):
                method()
            raised.append(LeaseLost)
        return 1

    out = queue.call(inc, 1)

    assert raised == [LeaseLost] * 2
    assert isinstance(out, Queued)
    assert out.reason == "lease-lost"
    assert out.receipt.wait(0).value == 100
    assert facts.names.count("ItemLeaseLost") == 1


def _freed(ctx: ItemContext) -> Any:
    from syncpatterns.offline_queue._core import Hold, Release

    return Release(Hold(ctx.id, ctx.token))


@pytest.mark.parametrize("backend", ["sync", "asyncio"])
def test_a_call_that_takes_longer_than_its_lease_keeps_it(
    make: Callable[..., OfflineQueue], clock: FakeClock, backend: str
) -> None:
    """Renewed every third of it by one timer for all calls of the queue."""
    queue = make(lease=30)
    meanwhile: list[Any] = []

    @queue.handler("n.inc")
    def inc(payload: int, ctx: ItemContext) -> int:
        for _ in range(20):
            clock.advance(10)
        queue.flush()
        meanwhile.append(queue.items(states=["leased"]))
        return payload + 1

    out = World(backend)(queue, "call", inc, 1)

    assert out.value == 2
    assert [item.lapses for item in meanwhile[0]] == [0]
    assert [item.token for item in meanwhile[0]] == [1]


async def test_a_store_that_can_only_be_awaited_keeps_its_leases(
    clock: FakeClock,
) -> None:
    """A task of the loop renews where no thread can."""
    engine = connect("memory://", clock=clock)
    queue = OfflineQueue("field", engine.async_queue_store(), clock=clock, lease=30)
    begun = anyio.Event()

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        begun.set()
        for _ in range(12):
            await clock.await_for_sleepers(1)
            clock.advance(10)
            await anyio.wait_all_tasks_blocked()
        return payload + 1

    with anyio.fail_after(10):
        out = await queue.acall(inc, 1)

    assert isinstance(out, Done)
    assert out.value == 2


@pytest.mark.case("QUE-55", part="call")
async def test_a_call_that_is_cancelled_gives_its_item_back() -> None:
    """Attempts unchanged; it may have been done, so it counts as sent."""
    queue = OfflineQueue("field", connect("memory://"))
    running = anyio.Event()

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        running.set()
        await anyio.sleep_forever()
        return payload

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_called, queue)
        await running.wait()
        tasks.cancel_scope.cancel()
    (item,) = await queue.aitems()

    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.sent_at is not None


async def _called(queue: OfflineQueue) -> None:
    await queue.acall("n.inc", 1)


@pytest.mark.case("QUE-55", part="not begun")
async def test_a_call_that_had_no_thread_yet_was_never_sent() -> None:
    """Its plain handler waits for one, is cancelled, and is never called."""
    queue = OfflineQueue("field", connect("memory://"))
    free, calls = threading.Event(), list[int]()

    @queue.handler("n.inc")
    def inc(payload: int) -> None:
        calls.append(payload)
        free.wait(10)

    async with anyio.create_task_group() as tasks:
        for _ in range(THREADS):
            tasks.start_soon(queue.acall, inc, 1)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.05):
            await queue.acall(inc, 2)
        items = await queue.aitems(states=["ready"])
        free.set()

    assert 2 not in calls
    assert [(item.payload, item.sent_at) for item in items] == [(b"2", None)]


@pytest.mark.parametrize("way", ["call", "drain"])
def test_what_a_handler_waits_for_can_be_cancelled(
    make: Callable[..., OfflineQueue], way: str
) -> None:
    """A future that its owner cancels ends neither the caller nor the drain."""
    queue = make()

    @queue.handler("n.inc")
    async def inc(payload: int, ctx: ItemContext) -> int:
        if ctx.deliveries == 1:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        return payload

    async def main() -> Any:
        if way == "call":
            return await queue.acall(inc, 1)
        receipt = await queue.aenqueue(inc, 1)
        await queue.aflush()
        return Queued(receipt, "no-answer")

    out = anyio.run(main)
    item = queue.get(out.receipt.id)

    assert out.reason == "no-answer"
    assert item is not None
    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.sent_at is not None


def test_a_call_that_is_interrupted_gives_its_item_back(
    make: Callable[..., OfflineQueue],
) -> None:
    """Ctrl-C ends the call and not the action."""
    queue = make()

    @queue.handler("n.inc")
    def inc(payload: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.call(inc, 1)
    which = Filter(states=LIVE)
    (item,) = queue._parts.ready().items("field", which)

    assert (item.state, item.attempts) == (ItemState.READY, 0)
    assert item.sent_at is not None
