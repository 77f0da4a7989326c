"""`OfflineClient` around an async client, on asyncio and trio."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import anyio
import httpx2
import pytest

from syncpatterns.adapters.httpx import OfflineClient, RequestRefused
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import Done, OfflineQueue, Queued
from syncpatterns.testing import FakeClock, FaultProxy
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import Said, Service, problem

URL = "/api/bookings/confirm"


@pytest.fixture
async def awaited(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """An async client of the service."""
    async with httpx2.AsyncClient(base_url=service.url, verify=False) as client:
        yield client


@pytest.mark.case("QUE-35", part="http-async")
async def test_offline_it_waits_and_is_sent_by_the_drain(
    make: MakeClient,
    awaited: httpx2.AsyncClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
) -> None:
    """Online it is done; offline it is stored; back again it is sent, once each."""
    crm = make(awaited)
    online = await crm.apost(URL, json={"n": 1}, scope="acme")
    service.stop()
    offline = await crm.apost(URL, json={"n": 2}, scope="acme")
    service.start()
    clock.advance(60)
    report = await queue.aflush()

    assert isinstance(online, Done)
    assert isinstance(offline, Queued)
    assert report.sent == 1
    assert [json.loads(each.body) for each in service.requests] == [{"n": 1}, {"n": 2}]
    assert (await offline.receipt.await_result(0)).value.json() == {"id": 2}


async def test_a_lost_answer_is_asked_for_under_the_same_key(
    make: MakeClient, queue: OfflineQueue, service: Service, clock: FakeClock
) -> None:
    """One effect, whatever the line did."""
    with FaultProxy(service.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        async with httpx2.AsyncClient(base_url=url, verify=False) as through:
            crm = make(through)
            proxy.add("rst_after_reply")
            out = await crm.apatch(URL, json={"n": 1}, scope="acme")
            clock.advance(30)
            await queue.aflush()
            done = await out.receipt.await_result(0)

    assert isinstance(out, Queued)
    assert out.reason == "no-answer"
    assert done.value.replayed
    assert service.last.headers["idempotency-age"] == "30"
    assert len(service.effects) == 1


async def test_a_refusal_is_raised_with_its_answer(
    make: MakeClient, awaited: httpx2.AsyncClient, service: Service
) -> None:
    """As with a blocking client."""
    crm = make(awaited)
    service.script = [problem(409, "slot-taken")]

    with pytest.raises(RequestRefused) as refused:
        await crm.aput(URL, json={})
    assert refused.value.reply.problem == "slot-taken"


async def test_an_async_auth_is_awaited_for_requests_and_questions(
    make: MakeClient, awaited: httpx2.AsyncClient, service: Service
) -> None:
    """A token may have to be fetched."""

    async def auth(scope: str) -> dict[str, str]:
        await anyio.lowlevel.checkpoint()
        return {"Authorization": f"Bearer of {scope}"}

    crm = make(awaited, auth=auth)
    await crm.adelete(URL, scope="acme")
    await crm.aget(URL, scope="globex")

    sent = [each.headers["authorization"] for each in service.requests]
    assert sent == ["Bearer of acme", "Bearer of globex"]


async def test_an_answer_that_breaks_off_is_judged_by_what_is_known(
    make: MakeClient,
    awaited: httpx2.AsyncClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
) -> None:
    """A success is one without its body; a 409 could mean anything: asked again."""
    crm = make(awaited)
    service.script = [Said(200, b'{"id":', length=100), Said(409, b"{", length=100)]
    done = await crm.apost(URL, json={"n": 1})
    unknown = await crm.apost(URL, json={"n": 2})
    clock.advance(5)
    await queue.aflush()

    assert isinstance(done, Done)
    assert (done.value.status_code, done.value.cut) == (200, True)
    assert isinstance(unknown, Queued)
    assert unknown.reason == "no-answer"
    assert (await unknown.receipt.await_result(0)).value.json() == {"id": 1}


@pytest.mark.parametrize("method", ["get", "head", "options"])
async def test_what_only_asks_goes_straight_on(
    make: MakeClient,
    awaited: httpx2.AsyncClient,
    queue: OfflineQueue,
    service: Service,
    method: str,
) -> None:
    """The wrapped client's own response, without a key."""
    response = await getattr(make(awaited), f"a{method}")("/x", params={"a": "b"})

    assert isinstance(response, httpx2.Response)
    assert (service.last.method, service.last.path) == (method.upper(), "/x?a=b")
    assert "idempotency-key" not in service.last.headers
    assert (await queue.astats()).live == 0


async def test_a_blocking_call_around_an_async_client_is_refused(
    make: MakeClient, awaited: httpx2.AsyncClient, service: Service
) -> None:
    """It says which method to use."""
    crm = make(awaited)

    with pytest.raises(ConfigurationError, match=r"await client\.apost"):
        crm.post(URL, json={})
    assert service.requests == []


async def test_a_question_through_a_blocking_client_does_not_stop_the_loop(
    crm: OfflineClient, service: Service
) -> None:
    """It is refused before it blocks."""
    with pytest.raises(ConfigurationError, match="event loop"):
        await crm.aget(URL)
    assert service.requests == []


def test_an_async_client_is_not_used_on_a_second_loop(
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its connections live on the first: said in the log, and no attempt is used."""
    client = httpx2.AsyncClient(base_url=service.url, verify=False)
    crm = make(client)

    async def first() -> None:
        await crm.apost(URL, json={"n": 1})
        await client.aclose()

    async def second() -> Done[object] | Queued[object]:
        return await crm.apost(URL, json={"n": 2})

    anyio.run(first)
    with caplog.at_level(logging.ERROR):
        out = anyio.run(second)

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, item.sent_at) == (0, None)
    assert "belongs to another event loop" in caplog.text
    assert len(service.requests) == 1
