"""What is never stored, never sent elsewhere, and never believed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.adapters.httpx import (
    HttpRequest,
    OfflineClient,
    Reply,
    RequestConflict,
    RequestRefused,
)
from syncpatterns.errors import (
    ConfigurationError,
    KeyInvalid,
    ResultNotStorable,
    SignInRequired,
)
from syncpatterns.offline_queue import (
    Done,
    ItemContext,
    OfflineQueue,
    Queued,
    RetryWith,
    SetAside,
)
from syncpatterns.testing import FakeClock
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import Said, Service, problem
from tests.unit.offline_queue.surface import states

URL = "/api/leads/update-status"


@pytest.fixture
def engine(clock: FakeClock) -> Iterator[Any]:
    """One engine: what is refused here is refused before any store hears of it."""
    with connect("memory://", clock=clock) as made:
        yield made


# ----------------------------------------------------------------- credentials


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Cookie",
        "Proxy-Authorization",
        "X-Api-Key",
        "X-Auth-Token",
        "X-CSRF-Token",
        "X-Amz-Security-Token",
        "Api-Key",
        "X-Session-Id",
        "X-Hub-Signature",
    ],
)
def test_a_credential_is_never_taken_to_be_stored(
    crm: OfflineClient, make: MakeClient, queue: OfflineQueue, name: str
) -> None:
    """Not with a request, and not by configuration; the message has not its value."""
    with pytest.raises(ConfigurationError, match="credential") as refused:
        crm.post(URL, json={}, headers={name: "hunter2"})
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="credential"):
        make(name="other", keep_headers=[name])
    assert queue.stats().live == 0


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Idempotency-Key": "k"}, "key="),
        ({"Host": "evil.example"}, "itself"),
        ({"Content-Length": "3"}, "itself"),
        ({"X-Anything": "1"}, "keep_headers="),
        ({"If-Match": "a\r\nX-Admin: yes"}, "cannot be sent"),
    ],
)
def test_other_headers_are_taken_only_if_they_may_be_kept(
    crm: OfflineClient, headers: dict[str, str], said: str
) -> None:
    """The list says what lies in a file for days."""
    with pytest.raises(ConfigurationError, match=said):
        crm.post(URL, json={}, headers=headers)


def test_a_header_that_was_declared_is_kept_both_ways(
    make: MakeClient, queue: OfflineQueue, service: Service
) -> None:
    """Of requests and of answers."""
    crm = make(keep_headers=["X-Tenant"])
    service.script = [Said(headers={"X-Tenant": "acme", "X-Other": "1"})]
    out = crm.post(URL, json={}, headers={"X-Tenant": "acme"}, mode="queue")
    queue.flush()

    assert service.last.headers["x-tenant"] == "acme"
    kept = out.receipt.wait(0).value.headers
    assert kept == {"content-type": "application/json", "x-tenant": "acme"}


@pytest.mark.parametrize(
    "said",
    [
        KeyError("acme"),
        TimeoutError(),
        ["Authorization"],
        {"Authorization": "two\nlines"},
        {"Idempotency-Key": "mine"},
    ],
)
def test_who_asks_cannot_be_said_so_nothing_is_sent(
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    caplog: pytest.LogCaptureFixture,
    said: Any,
) -> None:
    """It is not counted, it is logged, and the request has not been sent."""

    def auth(scope: str) -> Any:
        if isinstance(said, Exception):
            raise said
        return said

    crm = make(auth=auth)
    with caplog.at_level(logging.WARNING):
        out = crm.post(URL, json={})

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, item.sent_at) == (0, None)
    assert "auth= failed" in caplog.text
    assert service.requests == []


def test_nobody_is_signed_in_so_it_waits_for_that(
    make: MakeClient, queue: OfflineQueue, service: Service
) -> None:
    """auth= may say so itself: PARKED, and delivered after resume()."""
    signed_in: dict[str, str] = {}

    def auth(scope: str) -> dict[str, str]:
        if scope not in signed_in:
            raise SignInRequired(f"{scope}: sign in.")
        return {"Authorization": signed_in[scope]}

    crm = make(auth=auth)
    out = crm.post(URL, json={}, scope="acme")
    assert isinstance(out, Queued)
    assert out.reason == "sign-in"
    assert service.requests == []

    signed_in["acme"] = "token"
    queue.resume()
    assert queue.flush().sent == 1
    assert service.last.headers["authorization"] == "token"


def test_a_request_never_goes_with_the_token_of_another_scope(
    make: MakeClient, queue: OfflineQueue, service: Service
) -> None:
    """Who is signed in now does not matter; whose request it is does."""
    crm = make(auth=lambda scope: {"Authorization": f"of {scope}"})
    service.stop()
    crm.post(URL, json={}, scope="ada")
    crm.post(URL, json={}, scope="bob")
    service.start()
    queue.flush()

    sent = {each.headers["authorization"] for each in service.requests}
    assert sent == {"of ada", "of bob"}


# ------------------------------------------------------------------------ keys


@pytest.mark.parametrize("key", ["two words", "ünder", "k" * 256, "line\nbreak"])
def test_a_key_that_no_header_carries_is_refused(crm: OfflineClient, key: str) -> None:
    """Before anything is stored."""
    with pytest.raises(KeyInvalid):
        crm.post(URL, json={}, key=key)


@pytest.mark.parametrize("key", ['a"b', "a,b", "a\\b"])
def test_a_key_with_marks_is_quoted(
    crm: OfflineClient, service: Service, key: str
) -> None:
    """As the adapters of this library read it."""
    from syncpatterns._http import parse_key

    crm.post(URL, json={}, key=key)

    sent = service.last.headers["idempotency-key"].encode()
    assert parse_key([(b"idempotency-key", sent)]) == key


# --------------------------------------------------- answers that are not theirs


@pytest.mark.parametrize(
    "said",
    [
        Said(302, headers={"Location": "http://login.hotel.example/"}),
        Said(307, headers={"Location": "/elsewhere"}),
        Said(511),
        Said(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"}),
    ],
)
def test_a_captive_portal_is_neither_a_success_nor_a_refusal(
    crm: OfflineClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
    said: Said,
) -> None:
    """Redirects are not followed; the same key asks again, and no attempt is used."""
    service.script = [said]
    out = crm.post(URL, json={"n": 1})

    assert isinstance(out, Queued)
    assert out.reason == "no-answer"
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, len(service.requests)) == (0, 1)
    clock.advance(60)
    queue.flush()
    assert [each.path for each in service.requests] == [URL, URL]
    assert states(queue, [out.receipt.id]) == ["done"]


@pytest.mark.parametrize(
    ("said", "answers", "kept"),
    [
        (Said(200, b"OK", {"Content-Type": "text/plain"}), ["text/plain"], "OK"),
        (Said(202, b"", {"Content-Type": ""}), [""], ""),
        (Said(204, b"", {"Content-Type": ""}), [], ""),
    ],
)
def test_a_service_may_answer_in_other_ways_if_that_is_declared(
    make: MakeClient, service: Service, said: Said, answers: list[str], kept: str
) -> None:
    """Plain text, or nothing at all."""
    crm = make(answers=answers)
    service.script = [said]
    out = crm.post(URL, json={})

    assert isinstance(out, Done)
    assert (out.value.status_code, out.value.text) == (said.status, kept)


@pytest.mark.parametrize(
    ("body", "kind", "kept"),
    [
        (b'{"a": NaN}', "application/json", Reply(200, text='{"a": NaN}')),
        (b"{", "application/json", Reply(200, text="{")),
        (b"[" * 2000 + b"]" * 2000, "application/json", None),
        (b"\xff\xfe", "application/json", Reply(200, cut=True)),
        (b'{"a":"' + b"x" * 70000 + b'"}', "application/json", Reply(200, cut=True)),
        (b'"\\ud800"', "application/json", Reply(200, text='"\\ud800"')),
    ],
)
def test_an_answer_that_cannot_be_kept_is_still_a_success(
    crm: OfflineClient,
    queue: OfflineQueue,
    service: Service,
    body: bytes,
    kind: str,
    kept: Reply | None,
) -> None:
    """It was done; what of the body cannot be kept is left out, and it says so."""
    service.script = [Said(200, body, {"Content-Type": kind})]
    out = crm.post(URL, json={})

    assert isinstance(out, Done)
    found = out.receipt.wait(0).value
    assert found == out.value
    if kept is None:
        kept = Reply(200, text=body.decode())
    assert (found.data, found.text, found.cut) == (kept.data, kept.text, kept.cut)


# ------------------------------------------------------------------- conflicts


Hook = Callable[[HttpRequest, RequestConflict, ItemContext], object]


@pytest.mark.parametrize("said", [problem(412, "version-conflict"), Said(412)])
@pytest.mark.case("QUE-32", part="http-conflict")
def test_a_conflict_is_decided_with_the_answer_at_hand(
    make: MakeClient, queue: OfflineQueue, service: Service, said: Said
) -> None:
    """What is sent instead has a key of its own, and the old one's place."""
    heard: list[Any] = []

    def on_conflict(
        request: HttpRequest, error: RequestConflict, ctx: ItemContext
    ) -> object:
        heard.append((error.reply.status_code, ctx.key))
        changed = request.with_headers(if_match='"v2"')
        return RetryWith(changed.with_json({**request.json, "seen": 2}))

    crm = make(on_conflict=on_conflict)
    service.script = [said]
    out = crm.post(URL, json={"to": "won"}, headers={"If-Match": '"v1"'}, lane="l")
    queue.flush()

    assert isinstance(out, Queued)
    first, second = service.requests
    assert heard == [(412, first.key)]
    assert (first.key != second.key, second.headers["if-match"]) == (True, '"v2"')
    assert json.loads(second.body) == {"to": "won", "seen": 2}
    assert out.receipt.wait(0).value.json() == {"id": 1}


def test_a_problem_of_the_service_s_own_is_what_it_was_declared_to_be(
    make: MakeClient, queue: OfflineQueue, service: Service
) -> None:
    """409 alone says nothing: its type does."""
    crm = make(
        problems={"slot-taken": "conflict", "busy": "retry"},
        on_conflict=lambda request, error, ctx: SetAside(),
    )
    service.script = [
        problem(409, "slot-taken"),
        problem(409, "busy", Retry_After="1"),
        problem(409, "no"),
    ]
    # For the caller a conflict that was set aside is the conflict itself.
    with pytest.raises(RequestConflict):
        crm.post(URL, json={"n": 1})
    busy = crm.post(URL, json={"n": 2})
    queue.resume()
    assert isinstance(busy, Queued)
    assert [(each.seq, each.reason) for each in queue.parked.list()] == [
        (1, "conflict")
    ]


def test_what_ends_it_is_told_without_what_was_typed(
    crm: OfflineClient, service: Service
) -> None:
    """A problem type that is somebody's sentence goes into no message."""
    document = {"type": "https://x.example/Ada Lovelace said no\n", "status": 409}
    service.script = [
        Said(
            409,
            json.dumps(document).encode(),
            {"Content-Type": "application/problem+json"},
        )
    ]
    with pytest.raises(RequestRefused) as refused:
        crm.post("/people/ada-lovelace", json={"name": "Ada"})

    assert "http-409" in str(refused.value)
    # Not "ada": that may stand in the hash of a key.
    assert "lovelace" not in str(refused.value).lower()


# -------------------------------------------------------------------- declared


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"client": object()}, "AsyncClient"),
        ({"base_url": "ftp://x.example"}, "base_url"),
        ({"base_url": "crm.example"}, "base_url"),
        ({"base_url": "https://ada:secret@crm.example"}, "auth="),
        ({"base_url": "https://crm.example/?a=1"}, "base_url"),
        ({"base_url": "https://crm.example:99999"}, "base_url"),
        ({"keep_body": -1}, "keep_body"),
        ({"problems": {"a": "maybe"}}, "problems="),
        ({"problems": "slot-taken"}, "problems="),
        ({"keep_headers": ["Host"]}, "keep_headers"),
        ({"name": "two words"}, "name"),
    ],
)
def test_what_can_never_work_is_said_at_the_start(
    make: MakeClient, options: dict[str, Any], said: str
) -> None:
    """With the sentence that says what to do."""
    with pytest.raises(ConfigurationError, match=said):
        make(**options)


def test_an_async_auth_needs_an_async_client(make: MakeClient) -> None:
    """Nobody could await it."""

    async def auth(scope: str) -> dict[str, str]:
        return {}

    with pytest.raises(ConfigurationError, match="async"):
        make(auth=auth)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"json": {}, "content": b"x"}, "one body"),
        ({"files": {"a": b"x"}}, "files"),
        ({"timeout": 3}, "timeout"),
        ({"content": b"x" * (2 << 20)}, "max_payload"),
    ],
)
def test_what_no_queue_can_hold_is_refused(
    crm: OfflineClient, queue: OfflineQueue, options: dict[str, Any], said: str
) -> None:
    """Nothing is stored, nothing sent."""
    with pytest.raises(ConfigurationError, match=said):
        crm.post(URL, **options)
    assert queue.stats().live == 0


def test_a_body_without_a_json_form_is_refused(crm: OfflineClient) -> None:
    """Before anything is stored."""
    with pytest.raises(ResultNotStorable):
        crm.post(URL, json={"a": object()})


def test_a_method_that_asks_is_not_queued(crm: OfflineClient) -> None:
    """`request` is for what changes something."""
    with pytest.raises(ConfigurationError, match="method"):
        crm.request("GET", URL)


def test_the_stored_form_is_the_one_that_was_released(
    crm: OfflineClient, queue: OfflineQueue
) -> None:
    """Form 1, byte for byte: what waits today is read by the next release."""
    crm.post("/x?a=1", json=[1, None], headers={"If-Match": "v"}, mode="queue")
    crm.post("/x", content=b"text", mode="queue")
    crm.delete("/x", content=b"\xff", mode="queue")
    crm.delete("/x", mode="queue")

    items = queue.items()
    assert {each.version for each in items} == {1}
    assert [each.payload.decode() for each in items] == [
        '{"method":"POST","path":"/x?a=1","headers":{"if-match":"v"},"json":[1,null]}',
        '{"method":"POST","path":"/x","text":"text"}',
        '{"method":"DELETE","path":"/x","base64":"/w=="}',
        '{"method":"DELETE","path":"/x"}',
    ]
