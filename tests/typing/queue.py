"""How users call an offline queue; read by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_type
from uuid import UUID

from syncpatterns import (
    CircuitBreaker,
    Done,
    OfflineQueue,
    Operation,
    Queued,
    Refusal,
    Transaction,
    connect,
)
from syncpatterns.events import Fact
from syncpatterns.offline_queue import (
    Accept,
    Action,
    Discard,
    HttpVerdict,
    Item,
    ItemContext,
    ItemState,
    LaterOptions,
    Pause,
    QueueStats,
    Receipt,
    Ref,
    Reject,
    RetryWith,
    SendOptions,
    SetAside,
    cancel_pair,
    error_of_http,
    keep_first,
    last_write,
    merge,
    verdict_of_http,
)
from syncpatterns.retry import full_jitter


@dataclass
class UpdateStatus:
    lead_id: int
    status: str


@dataclass
class Lead:
    id: int


class Moved(Refusal):
    status = 412


def heard(fact: object) -> None:
    """Hear everything."""


engine = connect("sqlite:///field.db")
queue = OfflineQueue(
    "field",
    engine,
    max_items=1000,
    max_bytes=64 << 20,
    overflow="drop_oldest",
    block_for=1.0,
    max_age=7 * 86400,
    redeliver_within=82800,
    margin=3600,
    lease=30,
    max_attempts=5,
    max_deliveries=20,
    backoff=full_jitter(1, 4),
    durability="enqueue",
    on_dead="continue",
    keep_results=86400,
    keep_failed=True,
    breaker={"crm": CircuitBreaker(name="crm")},
    hooks=[heard],
)
OfflineQueue("q", engine, overflow="drop")  # type: ignore[arg-type]  # no such way


def decide(
    payload: UpdateStatus, error: Exception, ctx: ItemContext
) -> Accept | Discard | RetryWith | SetAside | Reject:
    """Say what is to become of a conflict."""
    return RetryWith(UpdateStatus(payload.lead_id, "lost"))


@queue.handler(
    "leads.update_status",
    version=2,
    upcast={1: lambda old: {**old, "status": "new"}},
    lane=lambda p: f"lead:{p.lead_id}",
    coalesce=last_write(),
    target="crm",
    conflicts=(Moved,),
    on_conflict=decide,
    on_parent="hold",
)
def update_status(payload: UpdateStatus, ctx: ItemContext) -> Lead:
    """Take a context."""
    assert_type(ctx.key, str)
    assert_type(ctx.age, float)
    assert_type(ctx.remaining(), float)
    ctx.extend()
    return Lead(payload.lead_id)


@queue.handler("leads.create")
async def create(payload: str) -> Lead:
    """Await."""
    return Lead(len(payload))


@queue.handler("notes.add", coalesce=keep_first(), entity=lambda p: p["id"])
def add_note(payload: dict[str, Any]) -> None:
    """Return nothing."""


queue.handler("leads.delete", colour="red")  # type: ignore[call-overload]  # no such option
merge(lambda waiting, new: new)
cancel_pair("leads.create")


def write(tx: Transaction, command: UpdateStatus) -> Lead:
    """Enqueue in the transaction."""
    receipt = tx.enqueue(queue, update_status, command, priority=1)
    assert_type(receipt, Any)
    assert_type(queue.enqueue_tx(tx, update_status, command), Receipt[Any])
    return Lead(command.lead_id)


operation = Operation("leads.update", engine, effect=write)
assert_type(queue.handler(operation), Operation[UpdateStatus, Lead])

command = UpdateStatus(7, "won")
out = queue.call(update_status, command, key="k", scope="acme")
assert_type(out, Done[Lead] | Queued[Lead])
match out:
    case Done(value, receipt):
        assert_type(value, Lead)
        assert_type(receipt, Receipt[Lead])
    case Queued(receipt, reason):
        assert_type(receipt.wait(5), Done[Lead])
        assert_type(reason, str)
queue.call(update_status, "won")  # type: ignore[arg-type]  # no such payload
queue.call(update_status, command, mode="offline")  # type: ignore[call-overload]  # no such mode
assert_type(
    queue.call("leads.new", {"a": 1}, mode="online", journal=False),
    Done[Any] | Queued[Any],
)
assert_type(queue.call(create, "Ada"), Done[Lead] | Queued[Lead])
assert_type(queue.call(operation, command, scope="acme"), Done[Lead] | Queued[Lead])

lead = queue.enqueue(create, "Ada", key=UUID(int=7), delay=5, expires_in=60)
assert_type(lead, Receipt[Lead])
assert_type(lead.id, int)
assert_type(lead.state(), ItemState | None)
assert_type(lead.cancel(), bool)
queue.enqueue("notes.add", {"lead": Ref(lead, "$.id")}, after=[lead], lane=None)
queue.enqueue(create, "Ada", colour="red")  # type: ignore[call-overload]  # no such option
many = queue.enqueue_many([(create, "Ada"), Action("notes.add", {}, {"priority": 1})])
assert_type(many, list[Receipt[Any]])
assert_type(
    operation.enqueue(queue, command, key="k", scope="acme", priority=2), Receipt[Lead]
)
options: SendOptions = {"key": "k", "priority": 3}
later: LaterOptions = {"delay": 5.0}
queue.enqueue(create, "Ada", **options)
operation.enqueue(queue, command, key="k", scope="acme", **later)

assert_type(queue.items(states=["dead"], lane="lead:7", limit=5), list[Item])
assert_type(queue.get(7), Item | None)
assert_type(queue.receipt(7), Receipt[Any])
assert_type(queue.stats(), QueueStats)
assert_type(queue.blocked_lanes(), dict[str, int])
assert_type(queue.cancel([lead, 7]), int)
queue.pause("crm", seconds=60)
assert_type(queue.listen(print), Callable[[], None])
assert_type(queue.resume(), list[Pause])
assert_type(queue.dead.list(reason="rejected"), list[Item])
assert_type(queue.dead.requeue(queue.dead.list(), tail=True), int)
assert_type(queue.parked.discard([7]), int)

verdict = verdict_of_http(429, None, 7.0)
assert_type(verdict, HttpVerdict)
raised = error_of_http(verdict, "leads.update_status [0a1b2c3d]")
if raised is not None:
    assert_type(raised.retry_after, float | None)


async def on_a_loop(facts: list[Fact]) -> None:
    """The same names with an a, awaited."""
    assert_type(await queue.acall(create, "Ada"), Done[Lead] | Queued[Lead])
    given = await queue.aenqueue(update_status, command)
    assert_type(given, Receipt[Lead])
    assert_type(await given.await_result(5), Done[Lead])
    assert_type(await given.astate(), ItemState | None)
    assert_type(await given.acancel(), bool)
    assert_type(await queue.aenqueue_many([(create, "Ada")]), list[Receipt[Any]])
    assert_type(await queue.aitems(), list[Item])
    assert_type(await queue.aget(7), Item | None)
    assert_type(await queue.astats(), QueueStats)
    assert_type(await queue.ablocked_lanes(), dict[str, int])
    assert_type(await queue.acancel([given]), int)
    await queue.apause()
    assert_type(await queue.aresume(), list[Pause])
    assert_type(await queue.dead.alist(), list[Item])
    assert_type(await queue.dead.arequeue([7]), int)
    assert_type(await queue.parked.adiscard([7]), int)
    enqueued = operation.aenqueue(queue, command, key="k", scope="acme")
    assert_type(await enqueued, Receipt[Lead])
