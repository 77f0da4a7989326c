"""Where a request goes: below the address that was declared, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from syncpatterns import connect
from syncpatterns.adapters.httpx import OfflineClient
from syncpatterns.codec import digest
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import ItemState, OfflineQueue
from syncpatterns.offline_queue._core import NewItem
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.testing import FakeClock
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import Service


@pytest.fixture
def engine(clock: FakeClock) -> Iterator[Any]:
    """One engine: what is refused here is refused before any store hears of it."""
    with connect("memory://", clock=clock) as made:
        yield made


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "\\\\evil.example\\x",
        "javascript:alert(1)",
        "/a/../../b",
        "/a/%2e%2E/b",
        "/a/./b",
        "/x#fragment",
        "/x?access_token=1",
        "/x?Access-Token=1",
        "/x?a=1&refresh_token=1",
        "/x?api-key=1",
        "/x?a=1&API_KEY=2",
        "/" + "x" * 9000,
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(
    crm: OfflineClient, queue: OfflineQueue, service: Service, url: str
) -> None:
    """For requests and for questions, before anything is stored or sent."""
    with pytest.raises(ConfigurationError):
        crm.post(url, json={})
    with pytest.raises(ConfigurationError):
        crm.get(url)
    assert (queue.stats().live, service.requests) == (0, [])


def test_an_address_below_the_base_is_the_same_as_its_path(
    make: MakeClient, service: Service
) -> None:
    """With the base's own path before it; text is escaped once."""
    with httpx2.Client(base_url=f"{service.url}/api/v2/", verify=False) as wrapped:
        crm = make(wrapped)
        for url in ("leads/ä b?q=1", f"{service.url}/api/v2/leads/%C3%A4%20b?q=1"):
            crm.post(url, json={}, params={"n": [1, 2]})

    paths = [each.path for each in service.requests]
    assert paths == ["/api/v2/leads/%C3%A4%20b?q=1&n=1&n=2"] * 2


HOSTILE: list[dict[str, Any]] = [
    {"method": "POST", "path": "//evil.example/x"},
    {"method": "POST", "path": "https://evil.example/x"},
    {"method": "POST", "path": "@evil.example/x"},
    {"method": "POST", "path": "/a/../../admin"},
    {"method": "POST", "path": "/x\r\nHost: evil.example"},
    {"method": "GET", "path": "/x"},
    {"method": "POST /admin HTTP/1.1\r\n", "path": "/x"},
    {"method": "POST", "path": "/x", "headers": {"x-forwarded-user": "admin"}},
    {"method": "POST", "path": "/x", "headers": {"authorization": "Bearer x"}},
    {"method": "POST", "path": "/x", "headers": {"if-match": "a\nx-a: b"}},
    {"method": "POST", "path": "/x", "headers": ["if-match"]},
    {"method": "POST", "path": "/x", "headers": {"if-match": 7}},
    {"method": "POST", "path": "/x", "json": {}, "text": "two bodies"},
    {"method": "POST", "path": "/x", "base64": "!"},
    {"method": "POST", "path": "/x", "url": "https://evil.example"},
    {"method": "POST"},
]


@pytest.mark.parametrize(
    "payload", [*map(json.dumps, HOSTILE), "[]", "{", '"text"', "null", "[" * 5000]
)
def test_a_file_that_somebody_else_has_written_cannot_send_what_it_likes(
    crm: OfflineClient,
    queue: OfflineQueue,
    engine: Any,
    service: Service,
    payload: str,
) -> None:
    """Refused before it is sent; kept DEAD, and what follows is sent."""
    queue.stats()  # the queue's own first use comes before
    item = NewItem(
        operation=crm.operation,
        key="k",
        scope="acme",
        fingerprint=digest(payload.encode()),
        payload=payload.encode(),
        target="crm",
    )
    engine.queue_store().enqueue(EnqueueRequest("field", (item,)))
    good = crm.post("/good", json={}, mode="queue")
    queue.flush()

    (dead,) = queue.dead.list()
    assert (dead.reason, dead.state) == ("payload-invalid", ItemState.DEAD)
    assert [each.path for each in service.requests] == ["/good"]
    assert good.receipt.state() is ItemState.DONE
