"""The SMS simulator: faults, callbacks, inbound messages and hostile input."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from random import Random
from typing import Any

import anyio
import httpx2
import pytest

from examples.critical_buttons.simulator.callbacks import plan
from examples.critical_buttons.simulator.clock import SimClock
from examples.critical_buttons.simulator.faults import Callbacks, Faults, Switchboard
from examples.critical_buttons.simulator.messages import KEPT, Messages
from examples.critical_buttons.simulator.segments import count
from examples.critical_buttons.sms.signature import verify
from syncpatterns.testing import FakeClock
from tests.app.simulated import FROM, PACE, TO, Receiver, Simulator, eventually


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    """One simulator for this file."""
    with Simulator("--seed", "7") as started:
        yield started


@pytest.fixture
def sim(process: Simulator) -> Simulator:
    """A simulator without faults and messages."""
    process.reset()
    return process


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes webhooks in."""
    with Receiver() as made:
        yield made


# ------------------------------------------------------------------- faults


def test_refused_connections_look_like_no_server_at_all(sim: Simulator) -> None:
    """Also to a client that kept a connection; the admin's port stays open."""
    assert sim.create().status_code == 201  # leaves a connection behind
    sim.faults(mode="refuse")

    with pytest.raises(httpx2.ConnectError):
        sim.create()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sim.port))

    sim.faults(mode="refuse")  # twice is once
    sim.faults()
    assert sim.create().status_code == 201
    assert sim.seen()["created"] >= 2


def test_nobody_else_gets_the_port_while_connections_are_refused(
    sim: Simulator,
) -> None:
    """Another program on it would be taken for the provider."""
    sim.faults(mode="refuse")

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", sim.port))


@pytest.mark.parametrize("mode", ["hang", "drop"])
def test_what_is_hung_or_dropped_is_not_sent(sim: Simulator, mode: str) -> None:
    """The client cannot tell it from the next case."""
    sim.faults(mode=mode)

    with pytest.raises((httpx2.ReadTimeout, httpx2.RemoteProtocolError)):
        sim.api.post(sim.messages_path, data={"To": TO}, timeout=0.2)

    assert sim.seen()["messages"] == []


@pytest.mark.parametrize("mode", ["accept_then_hang", "accept_then_drop"])
def test_what_is_accepted_first_is_sent(sim: Simulator, mode: str) -> None:
    """The client cannot tell it from the case before."""
    sim.faults(mode=mode)

    with pytest.raises((httpx2.ReadTimeout, httpx2.RemoteProtocolError)):
        sim.api.post(
            sim.messages_path, data={"To": TO, "From": FROM, "Body": "x"}, timeout=0.5
        )

    assert [each["body"] for each in sim.seen()["messages"]] == ["x"]


def test_hung_requests_are_let_go_when_the_fault_ends(sim: Simulator) -> None:
    """Without an answer, as when a provider restarts."""
    sim.faults(mode="hang")
    before = sim.seen()["requests"]["create"]
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.settimeout(20)
        auth = httpx2.BasicAuth(sim.account, sim.token)
        request = httpx2.Request("POST", sim.url + sim.messages_path, data={"To": TO})
        request = next(auth.sync_auth_flow(request))
        head = b"".join(b"%b: %b\r\n" % pair for pair in request.headers.raw)
        target = request.url.raw_path
        raw.sendall(b"POST %b HTTP/1.1\r\n%b\r\n%b" % (target, head, request.read()))
        eventually(lambda: bool(sim.seen()["requests"]["create"] > before))

        sim.faults()

        assert raw.recv(100) == b""


def test_a_fault_may_hit_the_next_few_requests_only(sim: Simulator) -> None:
    """What is not counted, the latency, stays."""
    sim.faults(mode="500", fail_next=2, latency=0.001)

    assert [sim.create().status_code for _ in range(4)] == [500, 500, 201, 201]
    left = sim.admin.get("/_sim/faults").json()
    assert (left["mode"], left["fail_next"], left["latency"]) == (
        "healthy",
        None,
        0.001,
    )


def test_a_fault_may_hit_lookups_instead(sim: Simulator) -> None:
    """So that a message is accepted and then cannot be found."""
    sim.faults(mode="503", applies_to="lookup", retry_after=1.2)

    assert sim.create().status_code == 201
    answer = sim.api.get(sim.messages_path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")

    sim.faults(mode="503", applies_to="all")
    assert sim.create().status_code == 503
    assert "retry-after" not in sim.create().headers


def test_more_than_the_rate_is_refused_with_the_time_to_wait(sim: Simulator) -> None:
    """429, code 20429, and nothing is sent."""
    sim.faults(rate_limit=0.01)

    first, second = sim.create(), sim.create()

    assert (first.status_code, second.status_code) == (201, 429)
    assert second.json()["code"] == 20429
    assert 90 <= int(second.headers["retry-after"]) <= 100
    assert sim.seen()["count"] == 1


def test_latency_comes_before_everything_else(sim: Simulator) -> None:
    """A client that does not wait so long has sent nothing."""
    sim.faults(latency=30)
    with pytest.raises(httpx2.ReadTimeout):
        sim.api.post(sim.messages_path, data={"To": TO}, timeout=0.2)

    assert sim.seen()["count"] == 0


def test_an_answer_that_is_no_json_is_an_accepted_message(sim: Simulator) -> None:
    """201 and a web page, as a proxy in between would have it."""
    sim.faults(mode="garbled")

    answer = sim.create()

    assert (answer.status_code, answer.text[:6]) == (201, "<html>")
    assert sim.seen()["count"] == 1


def test_the_same_request_twice_is_two_messages(sim: Simulator) -> None:
    """The provider does not dedupe, whatever headers come along."""
    for _ in range(2):
        sim.api.post(
            sim.messages_path,
            data={"To": TO, "From": FROM, "Body": "x"},
            headers={"Idempotency-Key": "k", "I-Twilio-Idempotency-Token": "k"},
        )

    assert sim.seen()["count"] == 2


# ---------------------------------------------------------------- callbacks


def statuses(receiver: Receiver, n: int) -> list[str]:
    """Return the statuses that the next *n* webhooks tell."""
    return [receiver.next().status for _ in range(n)]


def test_late_callbacks_come_late_and_the_message_does_not_wait(
    sim: Simulator, receiver: Receiver
) -> None:
    """Whoever asks sees it delivered long before anybody is told."""
    sim.faults(callbacks={"delay": 3600})
    sid = sim.create(StatusCallback=receiver.url).json()["sid"]
    sim.advance(2 * PACE)
    eventually(lambda: bool(sim.message(sid)["status"] == "delivered"))

    assert receiver.none_left()
    sim.advance(3600)
    assert statuses(receiver, 2) == ["sent", "delivered"]


def test_doubled_callbacks_are_the_same_twice(
    sim: Simulator, receiver: Receiver
) -> None:
    """Both signed."""
    sim.faults(callbacks={"copies": 2})
    sim.create(StatusCallback=receiver.url)
    sim.advance(2 * PACE)
    hooks = [receiver.next() for _ in range(4)]

    assert [each.status for each in hooks] == ["sent", "sent", "delivered", "delivered"]
    assert hooks[0].form == hooks[1].form
    for hook in hooks:
        assert verify(sim.token, hook.url, hook.form, hook.signature)


def test_reordered_callbacks_tell_the_end_first(
    sim: Simulator, receiver: Receiver
) -> None:
    """Delivered, then sent."""
    sim.faults(callbacks={"reorder": True})
    sim.create(StatusCallback=receiver.url)
    sim.advance(2 * PACE)

    assert statuses(receiver, 2) == ["delivered", "sent"]


def test_lost_callbacks_never_come(sim: Simulator, receiver: Receiver) -> None:
    """The next message's are the first to arrive."""
    sim.faults(callbacks={"lose": 1})
    sim.create(StatusCallback=receiver.url)
    sim.advance(3 * PACE)
    sim.faults()
    sid = sim.create(StatusCallback=receiver.url).json()["sid"]
    sim.advance(2 * PACE)

    assert {dict(receiver.next().form)["MessageSid"] for _ in range(2)} == {sid}


def test_a_message_may_end_undelivered(sim: Simulator, receiver: Receiver) -> None:
    """With the code that says why."""
    sim.faults(callbacks={"final": "undelivered", "error_code": 30006})
    sid = sim.create(StatusCallback=receiver.url).json()["sid"]
    sim.advance(2 * PACE)
    hooks = [dict(receiver.next().form) for _ in range(2)]

    assert [each.get("ErrorCode") for each in hooks] == [None, "30006"]
    assert sim.message(sid)["error_code"] == 30006


def test_a_webhook_that_is_not_there_holds_nothing_up(sim: Simulator) -> None:
    """The message is delivered; what the webhook answered is noted."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        sim.create(StatusCallback=url)
        sim.advance(2 * PACE)
        eventually(lambda: len(sim.seen()["messages"][0]["callbacks"]) == 2)

    (message,) = sim.seen()["messages"]
    assert [each["answer"] for each in message["callbacks"]] == [None, None]
    assert message["status"] == "delivered"


def test_the_same_seed_loses_the_same_callbacks() -> None:
    """A run can be repeated."""
    faults = Callbacks(lose=0.5, copies=5)

    first, again = (plan(faults, 1.0, Random(3)) for _ in range(2))

    assert first == again
    assert 2 < len(first) < 12


# ------------------------------------------------------------ inbound, clock


def test_an_inbound_message_is_a_signed_webhook(
    sim: Simulator, receiver: Receiver
) -> None:
    """The answer comes when the webhook has answered."""
    answer = sim.admin.post(
        "/_sim/inbound",
        json={"from": TO, "to": FROM, "body": "Grüße", "url": receiver.url},
    ).json()
    hook = receiver.next()

    assert answer["webhook"]["status"] == 204
    assert verify(sim.token, hook.url, hook.form, hook.signature)
    form = dict(hook.form)
    assert (form["From"], form["Body"], form["SmsStatus"]) == (TO, "Grüße", "received")
    assert form["MessageSid"] == answer["sid"]


def test_after_stop_the_provider_refuses_until_start(
    sim: Simulator, receiver: Receiver
) -> None:
    """One word only, and only between these two numbers."""

    def said(body: str) -> tuple[int, int]:
        inbound = {"from": TO, "to": FROM, "body": body, "url": receiver.url}
        sim.admin.post("/_sim/inbound", json=inbound)
        answer = sim.create()
        return answer.status_code, answer.json().get("code", 0)

    assert said("STOP PLEASE") == (201, 0)
    assert said(" Stop ") == (400, 21610)
    assert sim.create(To="+12025550199").status_code == 201
    assert said("start") == (201, 0)


def test_a_clock_moved_forward_lets_whoever_waits_go_on() -> None:
    """Nobody waits for real."""
    clock = SimClock(FakeClock())
    done = []

    async def main() -> None:
        async def wait() -> None:
            await clock.wait_until(clock.monotonic() + 3600)
            done.append(clock.offset)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            clock.advance(3599)
            await anyio.wait_all_tasks_blocked()
            assert done == []
            clock.advance(1)

    anyio.run(main)

    assert done == [3600]


# ------------------------------------------------------------------- bounds


async def test_only_the_newest_messages_are_kept() -> None:
    """And what would become of the others is called off."""
    messages = Messages(kept=2)
    clock = SimClock(FakeClock())
    made = [
        messages.add(
            to=TO,
            from_=FROM,
            body=str(n),
            direction="outbound-api",
            status="queued",
            created=clock.now(),
            segments=1,
        )
        for n in range(4)
    ]

    assert [each.body for each in messages.newest_first()] == ["3", "2"]
    assert [each.life.cancel_called for each in made] == [True, True, False, False]
    assert messages.get(made[0].sid) is None
    assert (len(messages), messages.created, KEPT) == (2, 4, 10_000)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "b" * 153, 3),  # the escape is not cut from its letter
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("é" * 160, 1),
        ("ç", 1),
        ("ç" * 71, 2),
    ],
)
def test_segments_are_counted_as_a_network_does(text: str, segments: int) -> None:
    """GSM-7 160 and 153 to a segment, UCS-2 70 and 67."""
    assert count(text) == segments


def test_counting_down_ends_in_health() -> None:
    """The switchboard forgets the mode with the last request it was for."""
    board = Switchboard(Random(1))
    board.set(Faults(mode="429", fail_next=1, retry_after=3))

    assert [board.mode("create"), board.mode("create")] == ["429", "healthy"]


# ------------------------------------------------------------------ hostile

FORM = "application/x-www-form-urlencoded"
GOOD = b"To=%2B12025550147&From=%2B15005550006&Body=x"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, b"", 400),
        (FORM, b"To=%FF%FE&Body=x", 400),
        (FORM, b"\xff\xfe\x00", 400),
        (FORM, b"a=1&" * 200, 400),
        (FORM, GOOD.replace(b"Body=x", b"Body=" + b"x" * 1601), 400),
        (FORM, b"Body=" + b"x" * 70_000, 413),
        (FORM, GOOD + b"&To=", 400),
        (FORM, GOOD + b"&MediaUrl=http://127.0.0.1/", 400),
        (FORM, GOOD + b"&SendAt=2030-01-01", 400),
        (FORM, GOOD + b"&MessagingServiceSid=x", 400),
        (FORM, GOOD + b"&ValidityPeriod=%D9%A3", 400),
        (FORM, GOOD + b"&StatusCallback=http://127.0.0.1:99999/", 400),
        (FORM, GOOD + b"&StatusCallback=http://[::1", 400),
        (FORM, GOOD + b"&StatusCallback=http://127.0.0.1%0d%0aX:1/", 400),
        (FORM, GOOD + b"&StatusCallback=http://127.0.0.1@sms.example/", 400),
        ("application/json", GOOD, 415),
        ("", GOOD, 415),
    ],
)
def test_hostile_forms_are_answered_4xx(
    sim: Simulator, kind: str, body: bytes, status: int
) -> None:
    """In the provider's own words, and nothing is sent."""
    answer = sim.api.post(
        sim.messages_path, content=body, headers={"Content-Type": kind}
    )

    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert sim.seen()["count"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "PageSize=0",
        "PageSize=-1",
        "PageSize=x",
        "PageSize=9999999999",
        "Page=-1",
        "PageToken=zz",
        "PageToken=PA",
        "DateSent=today",
        "DateSent>=2026-13-01",
        "DateSent<=9999-12-31T23:59:59-23:59",
        "DateSent>=0001-01-01T00:00:00%2B23:59",
        "To=%FF",
        "&".join(f"a{n}=1" for n in range(200)),
    ],
)
def test_hostile_queries_are_answered_400(sim: Simulator, query: str) -> None:
    """A list is never half right."""
    answer = sim.api.get(f"{sim.messages_path}?{query}")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic %%%",
        "Basic Og==",
        "Bearer x",
        "Basic \u00e9",
        "Basic " * 50 + "x",
    ],
)
def test_hostile_credentials_are_answered_401(
    sim: Simulator, authorization: str
) -> None:
    """With the provider's code, also for what is no base64."""
    answer = httpx2.post(
        sim.url + sim.messages_path,
        data={"To": TO},
        headers=[(b"Authorization", authorization.encode())],
        trust_env=False,
    )

    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/2010-04-01/Accounts/AC0/Messages.json", 404),
        ("GET", "/2010-04-01/Accounts/{account}/Messages/../../x.json", 404),
        ("GET", "/2010-04-01/Accounts/{account}/Messages/SM%00%FF.json", 404),
        ("GET", "/" + "x" * 5000, 404),
        ("DELETE", "/2010-04-01/Accounts/{account}/Messages.json", 405),
        ("PUT", "/2010-04-01/Accounts/{account}/Messages/SM0.json", 405),
    ],
)
def test_what_is_not_there_is_told_in_the_providers_words(
    sim: Simulator, method: str, path: str, status: int
) -> None:
    """Short, whatever was asked for."""
    answer = sim.api.request(method, path.format(account=sim.account))

    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_sim/faults", b"", 422),
        ("/_sim/faults", b"[]", 422),
        ("/_sim/faults", b"{", 422),
        ("/_sim/faults", b"[" * 30_000, 422),
        ("/_sim/faults", b'{"mode": "nonsense"}', 422),
        ("/_sim/faults", b'{"mode": "500", "fail_next": 0}', 422),
        ("/_sim/faults", b'{"mode": "refuse", "fail_next": 1}', 422),
        ("/_sim/faults", b'{"latency": NaN}', 422),
        ("/_sim/faults", b'{"latency": 1e400}', 422),
        ("/_sim/faults", b'{"callbacks": {"copies": 99}}', 422),
        ("/_sim/faults", b'{"unknown": 1}', 422),
        ("/_sim/faults", b" " * 70_000, 413),
        ("/_sim/inbound", b'{"from": "x", "to": "y", "body": ""}', 422),
        ("/_sim/clock", b'{"advance": -1}', 422),
        ("/_sim/messages", b"{}", 405),
        ("/_sim/nothing", b"{}", 404),
    ],
)
def test_hostile_admin_requests_are_answered_4xx(
    sim: Simulator, path: str, body: bytes, status: int
) -> None:
    """And change nothing."""
    answer = sim.admin.post(
        path, content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == status
    assert sim.admin.get("/_sim/faults").json() == json.loads(
        Faults().model_dump_json()
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 403),
        ({"Host": "127.0.0.1.attacker.example"}, 403),
        ({"Host": "attacker.example:80", "Origin": "http://attacker.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": FORM}, 415),
    ],
)
def test_another_sites_page_cannot_switch_faults(
    sim: Simulator, headers: dict[str, str], status: int
) -> None:
    """Not under a name of its own, and not with what a page may send unasked."""
    answer = sim.admin.post(
        "/_sim/faults",
        content=b'{"mode": "500"}',
        headers={"Content-Type": "application/json"} | headers,
    )

    assert answer.status_code == status
    assert sim.create().status_code == 201


@pytest.mark.parametrize("raw", [b"\x00\x01\r\n\r\n", b"GET / HTTP/9\r\n\r\n"])
def test_what_is_not_http_is_answered_400(sim: Simulator, raw: bytes) -> None:
    """And the next one is served."""
    with socket.create_connection(("127.0.0.1", sim.port)) as connection:
        connection.settimeout(20)
        connection.sendall(raw)

        assert connection.recv(12) == b"HTTP/1.1 400"

    assert sim.create().status_code == 201


@pytest.mark.case("APP-57", part="simulator")
def test_without_chaos_there_are_no_admin_routes() -> None:
    """404 where the API is, and no other port."""
    with Simulator(chaos=False) as plain:
        answers: list[Any] = [
            httpx2.request(method, f"{plain.url}/_sim/{what}", json={}, trust_env=False)
            for method, what in [
                ("GET", "faults"),
                ("POST", "faults"),
                ("GET", "messages"),
                ("POST", "inbound"),
                ("GET", "clock"),
            ]
        ]

    assert plain.admin_url is None
    assert {each.status_code for each in answers} == {404}
