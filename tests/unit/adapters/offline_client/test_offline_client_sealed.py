"""An HTTP client whose requests wait, in a queue that is sealed."""

from __future__ import annotations

from typing import Any

import httpx2

from syncpatterns.adapters.httpx import OfflineClient
from syncpatterns.offline_queue import OfflineQueue, Queued
from syncpatterns.testing import FakeClock
from tests.unit.adapters.offline_client.service import Service
from tests.unit.offline_queue.sealed import CANARY, OLD, raw
from tests.unit.offline_queue.surface import World


def test_a_request_waits_sealed_and_is_sent_as_it_was(
    engine: Any,
    service: Service,
    wrapped: httpx2.Client,
    clock: FakeClock,
    world: World,
) -> None:
    """Address, headers and body lie sealed; the service gets the very same."""
    queue = OfflineQueue("field", engine, sealer=OLD, require_sealed=True)
    crm = OfflineClient(queue, wrapped, name="crm", clock=clock)
    service.stop()
    body = {"phone": CANARY}
    out = world(crm, "post", f"/leads/{CANARY}", json=body, scope="acme")
    (stored,) = raw(queue).items("field")

    assert isinstance(out, Queued)
    assert CANARY not in repr(tuple(stored))
    service.start()
    clock.advance(60)
    world.flush(queue)
    (request,) = service.requests
    assert (request.path, request.key) == (f"/leads/{CANARY}", out.receipt.key)
    assert CANARY.encode() in request.body
    assert world(out.receipt, "wait", 0).value.status_code == 200
