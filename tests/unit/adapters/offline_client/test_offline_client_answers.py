"""Answers that can be read in part, and those that somebody else raised first."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx2
import pytest

from syncpatterns import connect
from syncpatterns.adapters._offline_client._problems import Unread, problem_of
from syncpatterns.adapters.httpx import (
    OfflineClient,
    Reply,
    RequestConflict,
    RequestRefused,
)
from syncpatterns.offline_queue import Done, OfflineQueue, Queued, Ref
from syncpatterns.testing import FakeClock
from tests.unit.adapters.offline_client.conftest import MakeClient
from tests.unit.adapters.offline_client.service import PROBLEM, Said, Service, problem

URL = "/api/leads/update-status"
IN_PROGRESS = b'{"type":"/problems/in-progress","detail":%b}'


@pytest.fixture
def engine(clock: FakeClock) -> Any:
    """One engine: what an answer means is decided before any store hears of it."""
    with connect("memory://", clock=clock) as made:
        yield made


def said(body: bytes) -> Said:
    """Return a 409 whose body is this."""
    return Said(409, body, {"Content-Type": PROBLEM})


# ------------------------------------------------- the type comes before the status


@pytest.mark.parametrize(
    "body",
    [
        IN_PROGRESS % b"NaN",
        IN_PROGRESS % b'"\\ud800"',
        IN_PROGRESS % b'"\xe9"',
        IN_PROGRESS % (b'"' + b"x" * 200_000 + b'"'),
        IN_PROGRESS % (b"[" * 5000 + b"]" * 5000),
        b"\xef\xbb\xbf" + IN_PROGRESS % b'"with a byte order mark"',
    ],
    ids=["nan", "surrogate", "latin-1", "long", "deep", "mark"],
)
def test_a_type_counts_whatever_else_stands_in_the_problem(
    crm: OfflineClient, service: Service, body: bytes
) -> None:
    """Read as a bare 409 it would be a refusal, and what is under way would be DEAD."""
    service.script = [said(body)]
    out = crm.post(URL, json={})

    assert isinstance(out, Queued)
    assert out.reason == "in-progress"


def test_how_much_is_kept_says_nothing_about_what_an_answer_means(
    make: MakeClient, service: Service
) -> None:
    """`keep_body` is about the file, and the type is looked at all the same."""
    crm = make(keep_body=0, problems={"batch-failed": "conflict"})
    service.script = [problem(409, "batch-failed"), problem(409, "in-progress")]
    with pytest.raises(RequestConflict) as caught:
        crm.post(URL, json={})
    out = crm.post(URL, json={})

    reply = caught.value.reply
    assert (reply.cut, reply.data, reply.problem) == (True, None, "batch-failed")
    assert isinstance(out, Queued)
    assert out.reason == "in-progress"


UNREADABLE = [
    b"",
    b"{",
    b'{"detail":"only',
    b"\xff\xfe",
    b"null",
    b'{"detail":"' + b"x" * 70_000 + b'","type":"/problems/slot-taken"}',
]


@pytest.mark.parametrize(
    "body", UNREADABLE, ids=["empty", "open", "cut", "latin-1", "null", "late"]
)
def test_a_conflict_whose_type_cannot_be_read_is_asked_again(
    crm: OfflineClient,
    queue: OfflineQueue,
    service: Service,
    clock: FakeClock,
    body: bytes,
) -> None:
    """It may be in progress or done as well as refused: one effect, under one key."""
    service.script = [said(body)]
    out = crm.post(URL, json={}, key="k-1")
    beside = crm.post(URL, json={}, key="k-2")
    assert isinstance(out, Queued)
    assert (out.reason, type(beside)) == ("failed", Done)

    clock.advance(60)
    assert queue.flush().sent == 1
    assert list(service.effects) == ["k-2", "k-1"]


def test_a_conflict_that_is_never_readable_is_left_to_a_person(
    crm: OfflineClient, queue: OfflineQueue, service: Service, clock: FakeClock
) -> None:
    """The service answers: its attempts have an end, and what it has done is unknown.

    Counted as offline, it would stop all that waits for the service, for days; given
    up as DEAD, it would be pressed anew, and done a second time.
    """
    service.script = [said(b"")]
    out = crm.post(URL, json={}, key="k-1")
    assert isinstance(out, Queued)
    for number in range(2, 6):
        crm.post(URL, json={}, key=f"k-{number}", mode="queue")
        service.script = [said(b"")]
        clock.advance(4)
        queue.flush()

    sent = [each.key for each in service.requests]
    assert [(each.seq, each.reason) for each in queue.parked.list()] == [
        (out.receipt.id, "unknown")
    ]
    assert sent.count("k-1") == 5
    assert sorted(service.effects) == ["k-2", "k-3", "k-4", "k-5"]


def test_another_problem_whose_type_cannot_be_read_is_what_its_status_says(
    crm: OfflineClient, service: Service
) -> None:
    """Of those only 409 has more than one meaning."""
    service.script = [Said(422, b"{", {"Content-Type": PROBLEM})]
    with pytest.raises(RequestRefused):
        crm.post(URL, json={})


@pytest.mark.parametrize(
    ("body", "whole", "found"),
    [
        (b'{"type":"https://x.example/problems/slot-taken#1"}', True, "1"),
        (b'{"type":"about:blank"}', True, None),
        (b'{"type":7}', True, None),
        (b'{"status":409}', True, None),
        (b"[]", True, None),
        (b'{ "a" : {"type":"no"} , "type" : "/problems/yes", "b": "br', False, "yes"),
        (b'{"a": {"type":"no"}, "ty', False, Unread.UNREAD),
        (b'{"type" "x"}', True, Unread.UNREAD),
        (b"null", True, Unread.UNREAD),
        (b'{"type":"somebody\'s sentence"}', True, None),
    ],
)
def test_the_type_is_the_documents_own(body: bytes, whole: bool, found: object) -> None:
    """Not one of something inside of it; broken off, it counts if it came before."""
    assert problem_of(f"{PROBLEM}; charset=utf-8", body, whole=whole) == found


def test_what_is_no_problem_document_has_no_type() -> None:
    """A member called type may stand in any JSON."""
    body = b'{"type":"/problems/in-progress"}'

    assert problem_of("application/json", body, whole=True) is None


def test_what_was_done_long_ago_is_done_with_a_reply_that_says_so(
    crm: OfflineClient, queue: OfflineQueue, service: Service, clock: FakeClock
) -> None:
    """Whoever takes `Done` apart finds a reply, now and at the receipt."""
    service.script = [Said(504), problem(409, "outcome-gone")]
    out = crm.post(URL, json={})
    assert isinstance(out, Queued)
    clock.advance(120)
    queue.flush()

    found = out.receipt.wait(0).value
    assert (found.status_code, found.problem) == (409, "outcome-gone")
    assert len({each.key for each in service.requests}) == 1


GONE = b'{"type":"/problems/outcome-gone","status":409}'


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (GONE, {}),
        (GONE, {"keep_body": 0}),
        (GONE[:-1] + b',"n":NaN}', {}),
        (GONE[:-1] + b',"detail":"' + b"x" * 70_000 + b'"}', {}),
    ],
    ids=["plain", "not-kept", "nan", "long"],
)
def test_what_is_gone_is_said_however_little_of_it_is_kept(
    make: MakeClient, service: Service, body: bytes, options: dict[str, Any]
) -> None:
    """The type that was read is in the reply, and not only its body."""
    service.script = [said(body)]
    out = make(**options).post(URL, json={})

    assert isinstance(out, Done)
    assert out.value == Reply(409, problem="outcome-gone")
    assert out.receipt.wait(0).value == out.value


@pytest.mark.parametrize(
    "path", ["$.data.status", "$.data", "$.status_code", "$.problem", "$.text"]
)
def test_what_is_gone_gives_no_value_to_another_request(
    crm: OfflineClient, queue: OfflineQueue, service: Service, path: str
) -> None:
    """Of the problem it would take 409 for the state of the lead: a person looks."""
    first = crm.post(URL, json={}, mode="queue").receipt
    crm.post("/child", json={"to": Ref(first, path)}, mode="queue")
    service.script = [said(GONE)]
    queue.flush()
    queue.flush()

    assert [each.path for each in service.requests] == [URL]
    assert [each.reason for each in queue.parked.list()] == ["parent-result"]
    assert first.wait(0).value.problem == "outcome-gone"


# ------------------------------------------------------------ who stands between


def test_a_proxy_that_wants_a_password_is_not_the_service(
    crm: OfflineClient, queue: OfflineQueue, service: Service, clock: FakeClock
) -> None:
    """407 comes from what stands between: asked again, and no attempt is used."""
    service.script = [Said(407)]
    out = crm.post(URL, json={})
    assert isinstance(out, Queued)

    clock.advance(60)
    assert (out.reason, queue.flush().sent) == ("no-answer", 1)


def test_half_of_a_long_address_is_not_kept(
    crm: OfflineClient, service: Service
) -> None:
    """Cut off, it would lead somewhere else; a signed one may well be 2,000 long."""
    fits, too_long = "/f?" + "a" * 4000, "/f?" + "a" * 4100
    service.script = [
        Said(201, b"{}", {"Location": fits}),
        Said(201, b"{}", {"Location": too_long}),
    ]
    kept = [crm.post(URL, json={}), crm.post(URL, json={})]

    found = [out.value.headers.get("location") for out in kept if isinstance(out, Done)]
    assert found == [fits, None]


# ------------------------------------------------------- what the client raises


def by_status(response: httpx2.Response) -> None:
    """Be the hook that many give their clients."""
    response.raise_for_status()


def by_status_and_body(response: httpx2.Response) -> None:
    """Be the same after a look at the body."""
    response.read()
    response.raise_for_status()


@pytest.mark.parametrize(
    ("hook", "answer", "reason"),
    [
        (by_status, Said(401), "sign-in"),
        (by_status, Said(503), "no-answer"),
        (by_status, Said(302, headers={"Location": "/x"}), "no-answer"),
        (by_status_and_body, problem(409, "in-progress"), "in-progress"),
    ],
)
def test_a_hook_that_raises_for_a_status_changes_no_meaning(
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    hook: Callable[[httpx2.Response], None],
    answer: Said,
    reason: str,
) -> None:
    """Counted as failed, a 401 would be DEAD after five tries. No attempt is used."""
    service.script = [answer]
    hooks: Any = {"response": [hook]}
    with httpx2.Client(base_url=service.url, verify=False, event_hooks=hooks) as client:
        out = make(client).post(URL, json={})

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (out.reason, item.attempts) == (reason, 0)


def test_a_conflict_that_a_hook_took_the_body_of_is_what_its_kind_says(
    make: MakeClient, queue: OfflineQueue, service: Service, clock: FakeClock
) -> None:
    """Of a problem the type is lost: an attempt each, and then a person. None is away.

    One that is no problem has no type to lose, and is the refusal that it always was.
    """
    hooks: Any = {"response": [by_status]}
    with httpx2.Client(base_url=service.url, verify=False, event_hooks=hooks) as client:
        crm = make(client)
        service.script = [Said(409), problem(409, "slot-taken")]
        with pytest.raises(RequestRefused):
            crm.post(URL, json={})
        out = crm.post(URL, json={}, key="k-1")
        behind = crm.post(URL, json={}, key="k-2")
        for _ in range(4):
            service.script = [problem(409, "slot-taken")]
            clock.advance(4)
            report = queue.flush()
            assert report.offline == ()

    assert isinstance(out, Queued)
    assert isinstance(behind, Done)
    assert [(each.seq, each.reason) for each in queue.parked.list()] == [
        (out.receipt.id, "unknown")
    ]


async def test_an_async_hook_that_raises_changes_no_meaning(
    make: MakeClient, service: Service
) -> None:
    """As with a blocking client."""

    async def hook(response: httpx2.Response) -> None:
        await response.aread()
        response.raise_for_status()

    service.script = [problem(422, "reason-required")]
    hooks: Any = {"response": [hook]}
    options: Any = {"base_url": service.url, "verify": False}
    async with httpx2.AsyncClient(event_hooks=hooks, **options) as client:
        with pytest.raises(RequestRefused) as caught:
            await make(client).apost(URL, json={})

    assert caught.value.reply.problem == "reason-required"


def test_a_client_that_was_closed_uses_no_attempt(
    make: MakeClient,
    queue: OfflineQueue,
    service: Service,
    wrapped: httpx2.Client,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A program that ends in the wrong order finds everything where it was."""
    out = make().post(URL, json={}, mode="queue")
    wrapped.close()
    with caplog.at_level(logging.ERROR):
        for _ in range(8):
            queue.flush()
            clock.advance(60)

    assert isinstance(out, Queued)
    item = queue.get(out.receipt.id)
    assert item is not None
    assert (item.attempts, item.sent_at, out.receipt.state()) == (0, None, "ready")
    assert "is closed" in caplog.text


class Stuck(httpx2.AsyncByteStream):
    """Sends half of a body, and then nothing."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"id"'
        await anyio.sleep_forever()


@pytest.mark.parametrize(("status", "kind"), [(200, Done), (503, Queued)])
async def test_an_async_answer_that_sticks_is_judged_by_its_status(
    status: int, kind: type
) -> None:
    """As with a blocking client: a success is one without its body."""

    async def handle(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "application/json"}
        return httpx2.Response(status, headers=headers, stream=Stuck())

    async def once(lease: float) -> Any:
        with connect("memory://") as engine:
            queue = OfflineQueue("field", engine, lease=lease)
            transport = httpx2.MockTransport(handle)
            base = "https://crm.example"
            async with httpx2.AsyncClient(base_url=base, transport=transport) as client:
                return await OfflineClient(queue, client).apost("/x", json={})

    out = await once(0.3)
    for lease in (3.0, 30.0):  # a machine that stands still sends nothing in time
        if not isinstance(out, kind):
            out = await once(lease)

    assert isinstance(out, kind)


def test_a_problem_is_told_with_its_whole_body(
    crm: OfflineClient, service: Service
) -> None:
    """What can be read is still at hand for whoever decides."""
    document = {"type": "/problems/slot-taken", "alternatives": ["10:00"]}
    service.script = [said(json.dumps(document).encode())]
    with pytest.raises(RequestRefused) as caught:
        crm.post(URL, json={})

    assert caught.value.reply.json() == document
    assert caught.value.reply.problem == "slot-taken"
