"""`OfflineClient`: sent now if it can be, else later; one key, the same bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from syncpatterns.adapters.httpx import (
    HttpRequest,
    OfflineClient,
    Reply,
    RequestRefused,
)
from syncpatterns.errors import ConfigurationError, KeyReused, NotSent
from syncpatterns.offline_queue import (
    Done,
    ItemState,
    OfflineQueue,
    Queued,
    Ref,
    last_write,
)
from syncpatterns.testing import FakeClock, FaultProxy
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import Said, Service, problem
from tests.unit.offline_queue.surface import World, states

URL = "/api/leads/update-status"
WON = {"lead_id": "l-7", "to": "won"}


@pytest.mark.case("QUE-35", part="http-online")
def test_what_can_be_sent_is_sent_and_leaves_nothing_behind(
    crm: OfflineClient, queue: OfflineQueue, service: Service, world: World
) -> None:
    """Online: the service's own answer, and an empty queue."""
    out = world(crm, "post", URL, json=WON, scope="acme")

    assert isinstance(out, Done)
    assert out.value.json() == {"id": 1}
    assert (out.value.status_code, out.value.replayed) == (200, False)
    assert queue.stats().live == 0
    (request,) = service.requests
    assert (request.method, request.path) == ("POST", URL)
    assert request.key == out.receipt.key
    assert "idempotency-age" not in request.headers
    assert "idempotency-waited" not in request.headers


@pytest.mark.case("QUE-35", part="http-offline")
def test_offline_it_is_stored_and_later_sent_under_its_key(
    crm: OfflineClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
    world: World,
) -> None:
    """It has used no attempt and has no age; how long it waited is told."""
    service.stop()
    out = world(crm, "post", URL, json=WON, scope="acme")
    second = world(crm, "post", URL, json=WON, scope="acme")

    assert isinstance(out, Queued)
    assert isinstance(second, Queued)
    assert (out.reason, second.reason) == ("not-sent", "offline")
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, item.sent_at) == (0, None)

    clock.advance(3 * 86400)
    service.start()
    world.flush(queue)
    assert states(queue, [out.receipt.id, second.receipt.id]) == ["done", "done"]
    assert [each.key for each in service.requests] == [
        out.receipt.key,
        second.receipt.key,
    ]
    first = service.requests[0]
    assert "idempotency-age" not in first.headers
    assert first.headers["idempotency-waited"] == str(3 * 86400)


@pytest.mark.case("QUE-35", part="http-timeout")
def test_an_answer_that_is_lost_is_asked_for_under_the_same_key(
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
    world: World,
) -> None:
    """The service had done it before the line broke: one effect, and it says so."""
    with (
        FaultProxy(service.port) as proxy,
        httpx2.Client(base_url=f"http://127.0.0.1:{proxy.port}") as through,
    ):
        crm = make(through)
        proxy.add("rst_after_reply")
        out = world(crm, "post", URL, json=WON, scope="acme")
        assert isinstance(out, Queued)
        assert out.reason == "no-answer"
        assert len(service.effects) == 1

        clock.advance(90)
        world.flush(queue)
        reply = world(out.receipt, "wait", 0).value

    first, again = service.requests
    assert (first.key, first.body) == (again.key, again.body)
    assert again.headers["idempotency-age"] == "90"
    assert reply.replayed
    assert reply.json() == {"id": 1}
    assert len(service.effects) == 1


@pytest.mark.case("QUE-35", part="http-lane")
def test_a_lane_keeps_its_order(
    crm: OfflineClient, queue: OfflineQueue, service: Service, world: World
) -> None:
    """What waits in a lane is not overtaken; another lane is sent at once."""
    crm.post(URL, json={"n": 1}, lane="lead:7", mode="queue")
    behind = world(crm, "post", URL, json={"n": 2}, lane="lead:7")
    beside = world(crm, "post", URL, json={"n": 3}, lane="lead:8")

    assert isinstance(behind, Queued)
    assert behind.reason == "lane"
    assert isinstance(beside, Done)
    world.flush(queue)
    sent = [json.loads(each.body)["n"] for each in service.requests]
    assert sent == [3, 1, 2]


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        (
            {"json": {"b": 1.0, "a": "ü"}},
            b'{"b":1.0,"a":"\\u00fc"}',
            "application/json",
        ),
        ({"json": [1, "2"]}, b'[1,"2"]', "application/json"),
        ({"json": False}, b"false", "application/json"),
        (
            {"data": {"a": "1 2", "b": ["x", "y"]}},
            b"a=1+2&b=x&b=y",
            "application/x-www-form-urlencoded",
        ),
        ({"data": "ü"}, b"\xc3\xbc", "text/plain; charset=utf-8"),
        ({"content": b"\x00\xff\xfe"}, b"\x00\xff\xfe", None),
        ({"content": b'{"a": 1}'}, b'{"a": 1}', None),
        ({}, b"", None),
    ],
)
def test_a_body_is_sent_as_it_was_given(
    crm: OfflineClient,
    queue: OfflineQueue,
    service: Service,
    body: dict[str, Any],
    sent: bytes,
    kind: str | None,
) -> None:
    """Now and after it waited: the same bytes, so that the same key fits."""
    crm.post("/x", **body)
    crm.post("/x", **body, mode="queue")
    queue.flush()

    assert [each.body for each in service.requests] == [sent, sent]
    assert {each.headers.get("content-type") for each in service.requests} == {kind}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_every_method_that_changes_something_goes_through_the_queue(
    crm: OfflineClient, service: Service, method: str, world: World
) -> None:
    """Each has its key."""
    out = world(crm, method, "/things/7", json={"a": 1})

    assert isinstance(out, Done)
    assert service.last.method == method.upper()
    assert service.last.key == out.receipt.key


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_what_only_asks_goes_straight_on(
    crm: OfflineClient, queue: OfflineQueue, service: Service, method: str
) -> None:
    """The wrapped client's own response, no key, and nothing in the queue."""
    response = getattr(crm, method)("/things/7", params={"a": "b"})

    assert isinstance(response, httpx2.Response)
    assert (service.last.method, service.last.path) == (
        method.upper(),
        "/things/7?a=b",
    )
    assert "idempotency-key" not in service.last.headers
    service.stop()
    with pytest.raises(httpx2.ConnectError):
        getattr(crm, method)("/things/7")
    assert queue.stats().live == 0


def test_the_same_key_and_request_is_one_request(
    crm: OfflineClient, queue: OfflineQueue, service: Service, world: World
) -> None:
    """Pressed again it is the same receipt; another request is refused."""
    service.stop()
    one = world(crm, "post", URL, json=WON, key="press-1", scope="acme")
    same = world(crm, "post", URL, json=WON, key="press-1", scope="acme")

    assert one.receipt.id == same.receipt.id
    with pytest.raises(KeyReused):
        world(crm, "post", URL, json={**WON, "to": "lost"}, key="press-1", scope="acme")
    assert queue.stats().live == 1


def test_mode_online_leaves_nothing_behind(
    crm: OfflineClient, queue: OfflineQueue, service: Service, world: World
) -> None:
    """Nobody there: it raises, and will not be sent later."""
    service.stop()

    with pytest.raises(NotSent):
        world(crm, "post", URL, json=WON, mode="online")
    assert queue.stats().live == 0


def test_a_reply_is_kept_for_whoever_has_the_receipt(
    crm: OfflineClient, queue: OfflineQueue, service: Service, world: World
) -> None:
    """Status, the headers that matter, and the body; no cookie."""
    service.script = [
        Said(
            201, b'{"id": 9}', {"ETag": '"v2"', "Location": "/x/9", "Set-Cookie": "s=1"}
        )
    ]
    out = world(crm, "post", "/x", json={}, mode="queue")
    world.flush(queue)

    headers = {"content-type": "application/json", "etag": '"v2"', "location": "/x/9"}
    assert world(out.receipt, "wait", 0).value == Reply(201, headers, {"id": 9})


def test_a_later_request_takes_from_an_earlier_answer(
    crm: OfflineClient, queue: OfflineQueue, service: Service
) -> None:
    """Made offline: a lead, and a note on the lead that has no number yet."""
    lead = crm.post("/leads", json={"name": "Ada"}, mode="queue").receipt
    note = {"text": "Hi", "on": [Ref(lead, "$.data.id")]}
    out = crm.post("/notes", json=note, headers={"If-Match": '"a"'}, mode="queue")
    queue.flush()

    assert json.loads(service.last.body) == {"text": "Hi", "on": [1]}
    assert service.last.headers["if-match"] == '"a"'
    assert out.receipt.wait(0).value.json() == {"id": 2}


@pytest.mark.case("QUE-30", part="http")
def test_a_service_that_wants_rest_gets_it_and_others_flow(
    crm: OfflineClient,
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
) -> None:
    """429 with Retry-After 7: that target pauses 7 s, and no attempt is used."""
    with Service() as elsewhere, httpx2.Client(base_url=elsewhere.url) as other:
        mail = make(other, name="mail")
        service.script = [Said(429, headers={"Retry-After": "7"})]
        out = crm.post(URL, json=WON)
        assert isinstance(out, Queued)
        assert isinstance(mail.post("/letters", json={}), Done)

        clock.advance(6.5)
        assert queue.flush().sent == 0
        clock.advance(1)
        assert queue.flush().sent == 1

    item = service.requests
    assert [each.key for each in item] == [out.receipt.key] * 2
    assert "idempotency-age" not in item[1].headers  # nothing was begun before


@pytest.mark.case("QUE-31", part="http")
def test_401_waits_for_a_new_token_and_the_old_one_is_not_sent_again(
    make: MakeClient, queue: OfflineQueue, service: Service, world: World, file: Any
) -> None:
    """PARKED until somebody signs in; the token is what it is at that moment."""
    tokens = {"acme": "stale-token-of-friday"}
    crm = make(auth=lambda scope: {"Authorization": f"Bearer {tokens[scope]}"})
    service.script = [Said(401), Said(401)]
    out = world(crm, "post", URL, json=WON, scope="acme")
    behind = world(crm, "post", URL, json=WON, scope="acme")

    assert isinstance(out, Queued)
    assert out.reason == "sign-in"
    assert states(queue, [out.receipt.id, behind.receipt.id]) == ["parked", "ready"]
    if file.exists():
        parts = [each.read_bytes() for each in file.parent.glob(f"{file.name}*")]
        assert not any(b"stale-token-of-friday" in part for part in parts)

    tokens["acme"] = "fresh-token-of-monday"
    service.script = []
    world(queue, "resume")
    world.flush(queue)
    sent = [each.headers["authorization"] for each in service.requests]
    assert sent == [
        "Bearer stale-token-of-friday",
        *["Bearer fresh-token-of-monday"] * 2,
    ]
    assert states(queue, [out.receipt.id, behind.receipt.id]) == ["done", "done"]


@pytest.mark.case("QUE-32", part="http")
def test_a_refusal_is_kept_with_its_request_and_the_next_is_sent(
    crm: OfflineClient, queue: OfflineQueue, service: Service, world: World
) -> None:
    """422: the caller sees the answer, the request is DEAD and whole."""
    service.script = [problem(422, "reason-required")]
    with pytest.raises(RequestRefused, match="reason-required") as refused:
        world(crm, "post", URL, json=WON, lane="lead:7")

    assert refused.value.reply.status_code == 422
    assert refused.value.reply.problem == "reason-required"
    (dead,) = queue.dead.list()
    assert (dead.reason, dead.state) == ("rejected", ItemState.DEAD)
    assert json.loads(dead.payload)["json"] == WON
    assert isinstance(world(crm, "post", URL, json=WON, lane="lead:7"), Done)


def test_an_answer_of_500_uses_an_attempt_and_one_of_503_does_not(
    crm: OfflineClient, queue: OfflineQueue, service: Service, clock: FakeClock
) -> None:
    """Failed is not the same as away."""
    service.script = [Said(500), Said(503, headers={"Retry-After": "1"})]
    out = crm.post(URL, json=WON)
    first = queue.get(out.receipt.id)
    clock.advance(5)
    queue.flush()
    second = queue.get(out.receipt.id)

    assert first is not None
    assert second is not None
    assert (first.attempts, second.attempts) == (1, 1)
    clock.advance(5)
    queue.flush()
    assert states(queue, [out.receipt.id]) == ["done"]


def test_a_client_without_an_address_is_refused(queue: OfflineQueue) -> None:
    """Where it sends to is said once, at the start."""
    with httpx2.Client() as client, pytest.raises(ConfigurationError, match="base_url"):
        OfflineClient(queue, client, name="nowhere")


def test_requests_about_one_thing_may_take_each_other_s_place(
    make: MakeClient, queue: OfflineQueue, service: Service
) -> None:
    """Ten edits made offline: the last one is sent, its answer is everybody's."""
    crm = make(coalesce=last_write(), entity=lambda request: request.path)
    service.stop()
    outs = [crm.put("/leads/7", json={"n": n}) for n in range(10)]
    service.start()
    queue.flush()

    assert [json.loads(each.body) for each in service.requests] == [{"n": 9}]
    assert {out.receipt.wait(0).value.json()["id"] for out in outs} == {1}


def test_a_request_is_changed_for_a_hook() -> None:
    """Another body, other headers, or one less; the rest stays."""
    request = HttpRequest("PUT", "/x", {"if-match": "1", "prefer": "a"}, {"a": 1})

    changed = request.with_json((1, 2)).with_headers(if_match="2", prefer=None)

    assert changed == HttpRequest("PUT", "/x", {"if-match": "2"}, [1, 2])
    assert request.body == b'{"a":1}'


@dataclass
class Url:
    """What a client shows of an address."""

    scheme: str = "http"
    host: str = "crm.example"
    port: int | None = None


class Duck:
    """Behaves like a client, and is none of httpx2's or httpx's."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def build_request(self, method: str, url: str, **options: Any) -> Any:
        self.made.append({"method": method, "at": url, **options})
        return SimpleNamespace(url=Url(), headers={})

    def send(self, request: Any, *, stream: bool, follow_redirects: bool) -> Any:
        assert (stream, follow_redirects) == (True, False)
        return SimpleNamespace(
            status_code=200,
            headers={"Content-Type": "application/json"},
            iter_bytes=lambda: iter([b'{"id"', b": 1}"]),
            close=lambda: None,
        )


def test_what_behaves_like_a_client_is_taken_for_one(queue: OfflineQueue) -> None:
    """Neither package is imported; time-outs are given for the four phases."""
    duck = Duck()
    crm = OfflineClient(queue, duck, base_url="http://crm.example")
    out = crm.post("/x", json={})

    assert isinstance(out, Done)
    assert out.value.json() == {"id": 1}
    assert duck.made[-1]["at"] == "http://crm.example/x"
    assert duck.made[-1]["timeout"] == (30.0,) * 4
