"""How users call another service offline; read by checkers, never run."""

from __future__ import annotations

from typing import Any, assert_type

import httpx2

from syncpatterns import connect
from syncpatterns.adapters.httpx import (
    HttpRequest,
    OfflineClient,
    Reply,
    RequestConflict,
    RequestRefused,
)
from syncpatterns.offline_queue import (
    Done,
    ItemContext,
    OfflineQueue,
    Queued,
    Receipt,
    RetryWith,
)


def decide(request: HttpRequest, error: RequestConflict, ctx: ItemContext) -> RetryWith:
    """Decide with the answer at hand."""
    assert_type(error.reply.json(), Any)
    return RetryWith(request.with_headers(if_match=error.reply.headers["etag"]))


queue = OfflineQueue("field", connect("memory://"))
crm = OfflineClient(
    queue,
    httpx2.Client(base_url="http://127.0.0.1"),
    name="crm",
    auth=lambda scope: {"Authorization": scope},
    problems={"slot-taken": "conflict"},
    on_conflict=decide,
)

assert_type(crm.post("/x", json={}), Done[Reply] | Queued[Reply])
match crm.post("/x", json={}, lane="l", scope="acme", later={"priority": 9}):
    case Done(reply):
        assert_type(reply, Reply)
        assert_type(reply.status_code, int)
    case Queued(receipt):
        assert_type(receipt, Receipt[Reply])
        assert_type(receipt.wait().value, Reply)

crm.post("/x", json={}, mode="later")  # type: ignore[arg-type]  # auto, queue, online
crm.post("/x", timeout=3)  # type: ignore[call-arg]  # the wrapped client's
OfflineClient(queue, None, problems={"a": "maybe"})  # type: ignore[dict-item]  # no word


def reason(error: RequestRefused) -> str | None:
    """Show what was said."""
    return error.reply.problem


async def awaited() -> None:
    """Wrap an async client."""
    client = OfflineClient(queue, httpx2.AsyncClient(base_url="http://127.0.0.1"))
    assert_type(await client.apost("/x", json={}), Done[Reply] | Queued[Reply])
    assert_type(await client.aget("/x"), Any)
