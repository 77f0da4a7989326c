"""Lines that drip, hang and lead elsewhere; one client for several people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, strategies as st

from syncpatterns import connect
from syncpatterns.adapters.httpx import HttpRequest, OfflineClient
from syncpatterns.offline_queue import Done, OfflineQueue, Queued
from syncpatterns.retry import deadline
from syncpatterns.testing import FakeClock, FaultProxy
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import Said, Service

BASE = "https://crm.example/api"


class Dripping(httpx2.SyncByteStream):
    """Sends one byte a minute."""

    def __init__(self, clock: FakeClock, chunks: int) -> None:
        self._clock = clock
        self._left = chunks

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._left):
            self._clock.advance(60)
            yield b" "


@pytest.mark.parametrize(("status", "kind"), [(200, Done), (503, Queued)])
def test_an_answer_that_drips_is_not_waited_for(
    queue: OfflineQueue, clock: FakeClock, status: int, kind: type
) -> None:
    """The status of a success is enough; of anything else the same key asks again."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "application/json"}
        return httpx2.Response(status, headers=headers, stream=Dripping(clock, 1000))

    began = clock.monotonic()
    with httpx2.Client(base_url=BASE, transport=httpx2.MockTransport(handle)) as client:
        out = OfflineClient(queue, client, clock=clock).post("/x", json={})

    assert isinstance(out, kind)
    assert clock.monotonic() - began < 300
    if isinstance(out, Queued):
        assert out.reason == "no-answer"


@pytest.mark.parametrize("awaited", [False, True])
async def test_a_line_that_hangs_is_left_after_the_lease(
    service: Service, awaited: bool
) -> None:
    """Whatever the wrapped client's own time-out is; asked again under the same key."""

    async def once(lease: float) -> tuple[str, bool]:
        service.effects.clear()
        with connect("memory://") as engine, FaultProxy(service.port) as proxy:
            queue = OfflineQueue("field", engine, lease=lease)
            url = f"http://127.0.0.1:{proxy.port}"
            options: Any = {"base_url": url, "timeout": None, "verify": False}
            proxy.add("blackhole", direction="down")
            if awaited:
                async with httpx2.AsyncClient(**options) as client:
                    out = await OfflineClient(queue, client).apost("/x", json={})
            else:
                with httpx2.Client(**options) as client:
                    out = await OfflineClient(queue, client).apost("/x", json={})
        assert isinstance(out, Queued)
        return out.reason, list(service.effects) == [out.receipt.key]

    found = await once(0.3)
    for lease in (3.0, 30.0):  # a machine that stands still sends nothing in time
        if found != ("no-answer", True):
            found = await once(lease)

    assert found == ("no-answer", True)


NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
NO_ANSWER = (
    httpx2.ReadTimeout,
    httpx2.WriteTimeout,
    httpx2.ReadError,
    httpx2.WriteError,
    httpx2.CloseError,
    httpx2.RemoteProtocolError,
    httpx2.LocalProtocolError,
    httpx2.ProxyError,
    httpx2.DecodingError,
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        *((each, "not-sent") for each in NOT_SENT),
        *((each, "no-answer") for each in NO_ANSWER),
    ],
)
def test_each_way_to_fail_is_known_for_what_it_proves(
    queue: OfflineQueue, error: type[Exception], reason: str
) -> None:
    """Only what fails before a connection is there has certainly not been sent."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        raise error("it failed")

    with httpx2.Client(base_url=BASE, transport=httpx2.MockTransport(handle)) as client:
        out = OfflineClient(queue, client).post("/x", json={})

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (out.reason, item.attempts) == (reason, 0)
    assert (item.sent_at is None) == (reason == "not-sent")


def test_a_deadline_that_is_over_sends_nothing_and_blames_nobody(
    crm: OfflineClient, queue: OfflineQueue, service: Service
) -> None:
    """It has not been sent, no attempt is used, and the service is not "away"."""
    with deadline(0):
        out = crm.post("/x", json={})

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, item.sent_at, service.requests) == (0, None, [])
    assert isinstance(crm.post("/x", json={}), Done)


def test_a_redirect_is_not_followed_whatever_the_client_does(
    make: MakeClient, service: Service
) -> None:
    """A client that follows would turn the POST into a GET of a login page."""
    with Service() as elsewhere:
        service.script = [Said(302, headers={"Location": f"{elsewhere.url}/login"})]
        options: Any = {"follow_redirects": True, "verify": False}
        with httpx2.Client(base_url=service.url, **options) as client:
            out = make(client).post("/x", json={})

    assert isinstance(out, Queued)
    assert elsewhere.requests == []


def test_a_client_that_rewrites_addresses_cannot_send_elsewhere(
    make: MakeClient, queue: OfflineQueue, service: Service
) -> None:
    """What the client has made is looked at before it is sent."""

    class Rewriting(httpx2.Client):
        elsewhere = ""

        def build_request(self, method: str, url: Any, **options: Any) -> Any:
            return super().build_request(method, self.elsewhere or url, **options)

    with Service() as other, Rewriting(base_url=service.url, verify=False) as client:
        crm = make(client)
        client.elsewhere = f"{other.url}/x"
        out = crm.post("/x", json={})

    assert isinstance(out, Queued)
    assert (other.requests, service.requests) == ([], [])
    assert queue.stats().live == 1


def test_the_session_of_one_is_not_sent_with_the_request_of_another(
    make: MakeClient, service: Service
) -> None:
    """A client keeps cookies; with auth= they stay behind, of questions too."""
    crm = make(auth=lambda scope: {"Authorization": f"of {scope}"})
    service.script = [Said(headers={"Set-Cookie": "session=ada; Path=/"})]
    crm.post("/x", json={}, scope="ada")
    crm.post("/x", json={}, scope="bob")
    crm.get("/x", scope="bob")

    assert [each.headers.get("cookie") for each in service.requests] == [None] * 3


def test_the_wrapped_client_s_own_cookies_are_its_own_business(
    crm: OfflineClient, wrapped: httpx2.Client, service: Service
) -> None:
    """Without auth= the client says who asks, in its way."""
    wrapped.cookies.set("session", "ada")
    crm.post("/x", json={})
    crm.get("/x")

    assert [each.headers.get("cookie") for each in service.requests] == [
        "session=ada"
    ] * 2


def odd(request: httpx2.Request) -> httpx2.Response:
    """Be a transport that is broken itself."""
    raise LookupError("no such route")


def test_an_error_that_is_none_of_a_line_is_raised_as_it_is(make: MakeClient) -> None:
    """It is told in nobody else's words, and is not the cause of itself."""
    client = httpx2.Client(base_url=BASE, transport=httpx2.MockTransport(odd))
    with client, pytest.raises(LookupError) as caught:
        make(client).post("/x", json={}, mode="online")

    assert caught.value.__cause__ is None


async def test_an_async_error_that_is_none_of_a_line_is_raised_as_it_is(
    make: MakeClient,
) -> None:
    """As with a blocking client."""
    transport = httpx2.MockTransport(odd)
    async with httpx2.AsyncClient(base_url=BASE, transport=transport) as client:
        with pytest.raises(LookupError) as caught:
            await make(client).apost("/x", json={}, mode="online")

    assert caught.value.__cause__ is None


@given(path=st.one_of(st.text(), st.text("/.%2eE\\@:?#ax\r\n").map("/".__add__)))
def test_no_stored_path_leads_to_another_host_or_up(path: str) -> None:
    """Whatever is written into the file: refused, or below the base."""
    try:
        request = HttpRequest("POST", path)
    except ValueError:
        return
    url = httpx2.URL(BASE + request.path)

    assert (url.scheme, url.host, url.port) == ("https", "crm.example", None)
    assert url.raw_path.startswith(b"/api/")
    assert not {b"..", b"."} & set(url.raw_path.partition(b"?")[0].split(b"/"))
    assert not any(byte <= 32 for byte in url.raw_path)
