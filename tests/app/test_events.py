"""The live stream: everything committed, in order, once, and only one's own."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from syncpatterns.realtime import Position, encode_cursor
from tests.app.conftest import StartApp
from tests.app.driver import Api, AppProcess, Message, Stream, listening, problem
from tests.timing import at_best

# One app for all of them: a second worker would start a second one.
pytestmark = pytest.mark.xdist_group("app-events")


def confirmable(api: Api, number: int, **headers: str) -> list[str]:
    """Return ids of held bookings whose hold has not run out."""
    found = [
        b["id"]
        for b in api.bookings(**headers)
        if b["status"] == "held" and b["expires_at"] > b["updated_at"]
    ]
    return found[:number]


def heard(message: Message | None) -> tuple[str, int]:
    """Return id and version of the booking that *message* tells about."""
    assert message is not None
    assert message.event == "booking.changed"
    booking = message.data["data"]["booking"]
    return booking["id"], booking["version"]


def read(stream: Stream, number: int) -> list[str]:
    """Return the bookings that the next messages tell about."""
    return [heard(stream.next())[0] for _ in range(number)]


def cursor_of(api: Api, **headers: str) -> str:
    """Return the position at which a page would connect."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    cursor: str = api.client.get("/api/bookings", headers=sent).headers[
        "x-realtime-cursor"
    ]
    return cursor


def test_a_page_misses_nothing_between_its_list_and_its_stream(
    api: Api, app: AppProcess
) -> None:
    """What is committed after the list and before the connect comes first."""
    before, after = confirmable(api, 2)
    cursor = cursor_of(api)
    api.confirm(before, "between")

    with listening(app, cursor=cursor) as stream:
        first = stream.next()
        answer = api.confirm(after, "afterwards")
        second = stream.next()

    assert heard(first) == (before, 2)
    assert heard(second) == (after, 2)
    assert second is not None
    assert second.data["data"]["booking"] == answer.json()["booking"]
    assert second.data["data"]["by"] == "demo"


def test_the_stream_names_the_click_by_its_hash(api: Api, app: AppProcess) -> None:
    """A page knows its own change again; the key itself is nowhere."""
    (booking,) = confirmable(api, 1)

    with listening(app) as stream:
        api.confirm(booking, "a-key-that-stays-secret")
        message = stream.next()

    (line,) = api.audit(booking)
    assert message is not None
    assert message.data["data"]["key_hash"] == line["key_hash"]
    assert "a-key-that-stays-secret" not in str(message)


def test_a_tenant_hears_only_its_own(api: Api, app: AppProcess) -> None:
    """Whichever way it names itself."""
    (mine,) = confirmable(api, 1)
    first, second = confirmable(api, 2, X_Tenant="globex")
    with (
        listening(app, tenant="globex") as theirs,
        listening(app, headers={"X-Tenant": "globex"}) as also_theirs,
        listening(app) as ours,
    ):
        api.confirm(first, "theirs-1", X_Tenant="globex")
        api.confirm(mine, "ours")
        api.confirm(second, "theirs-2", X_Tenant="globex")

        assert read(theirs, 2) == read(also_theirs, 2) == [first, second]
        assert read(ours, 1) == [mine]


@pytest.mark.parametrize(
    "channel",
    ["tenant.globex.bookings", "tenant.acme.bookings.x", "everything", "bookings:"],
)
def test_no_other_channel_can_be_asked_for(api: Api, channel: str) -> None:
    """Another tenant's channel is denied as one that does not exist."""
    refused = api.client.get("/events", params={"channel": channel})

    assert problem(refused) == (403, "channel-denied")


@pytest.mark.parametrize("channel", ["", "*", "a b", "ü", "x" * 201])
def test_what_can_be_no_channel_is_a_400(api: Api, channel: str) -> None:
    """Told apart from a channel of others."""
    refused = api.client.get("/events", params={"channel": channel})

    assert problem(refused) == (400, "stream-invalid")


def test_the_own_channel_may_be_named(api: Api, app: AppProcess) -> None:
    """As `bookings`, which is what the page says."""
    (booking,) = confirmable(api, 1)

    with listening(app, channel="bookings") as stream:
        api.confirm(booking, "named-channel")

        assert read(stream, 1) == [booking]


def test_a_cursor_of_another_tenant_opens_nothing(api: Api, app: AppProcess) -> None:
    """A cursor is a position, never a permission."""
    cursor = cursor_of(api, X_Tenant="globex")
    (theirs,) = confirmable(api, 1, X_Tenant="globex")
    (mine,) = confirmable(api, 1)
    api.confirm(theirs, "not-for-you", X_Tenant="globex")

    with listening(app, cursor=cursor) as stream:
        api.confirm(mine, "for-me")
        message = stream.next()
        while message is not None and message.event == "gap":
            message = stream.next()

    assert heard(message)[0] == mine


@pytest.mark.case("RTM-44", part="garbage position over HTTP")
@pytest.mark.parametrize("position", ["garbage", "%", "e:1", "A" * 9000, "bnVsbA"])
@pytest.mark.parametrize("where", ["header", "query"])
def test_a_garbage_position_is_told_and_never_a_500(
    api: Api, app: AppProcess, position: str, where: str
) -> None:
    """It says to fetch the state anew and connect without it."""
    headers = {"Last-Event-ID": position} if where == "header" else {}
    params = {"cursor": position} if where == "query" else {}

    refused = api.client.get("/events", headers=headers, params=params)

    assert problem(refused) == (400, "cursor-invalid")


@pytest.mark.parametrize("offset", [0, 3, 2**53])
def test_a_position_of_another_database_is_told_as_a_gap(
    app: AppProcess, offset: int
) -> None:
    """After --fresh, the numbers of the old file mean nothing."""
    cursor = encode_cursor({"tenant.acme.bookings": Position("0badcafe", offset)})

    with listening(app, cursor=cursor) as stream:
        message = stream.next()

    assert message is not None
    assert (message.event, message.data["reason"]) == ("gap", "epoch")


@pytest.mark.case("RTM-17", part="app")
def test_a_page_resumes_across_a_restart(start_app: StartApp) -> None:
    """No loss and no repeat, though the server was killed meanwhile."""
    first = start_app()
    with first.client() as client:
        api = Api(client)
        clicks = confirmable(api, 6)
        with listening(first) as stream:
            api.confirm(clicks[0], "r0")
            api.confirm(clicks[1], "r1")
            heard_before = read(stream, 2)
            position = stream.position
        api.confirm(clicks[2], "r2")
        api.confirm(clicks[3], "r3")
    first.process.send_signal(signal.SIGKILL)
    first.wait()

    second = start_app()
    with second.client() as client:
        api = Api(client)
        api.confirm(clicks[4], "r4")
        with listening(second, headers={"Last-Event-ID": position}) as stream:
            api.confirm(clicks[5], "r5")
            resumed = read(stream, 4)

    assert heard_before == clicks[:2]
    assert resumed == clicks[2:]


def test_what_one_process_confirms_the_pages_of_another_hear(
    start_app: StartApp,
) -> None:
    """Two servers on one file are one stream."""
    one, two = start_app(), start_app()
    with one.client() as client, listening(two) as stream:
        api = Api(client)
        clicks = confirmable(api, 3)
        for click in clicks:
            api.confirm(click, f"across-{click}")

        assert read(stream, 3) == clicks


@pytest.mark.case("APP-54", part="server")
def test_a_stop_with_open_pages_takes_less_than_a_second(start_app: StartApp) -> None:
    """Every stream ends as a complete response, and what was sent is read."""

    def stop_once() -> float:
        app = start_app()
        assert app.serving, app.ending()
        with (
            app.client() as client,
            listening(app) as one,
            listening(app) as two,
            listening(app, tenant="globex") as three,
        ):
            api = Api(client)
            (booking,) = confirmable(api, 1)
            api.confirm(booking, f"before-the-stop-{booking}")
            assert read(one, 1) == read(two, 1) == [booking]

            began = time.monotonic()
            code = app.stop()
            took = time.monotonic() - began
            ends = [stream.next() for stream in (one, two, three)]

        assert (code, ends) == (0, [None] * 3)
        assert app.said[1:] == []
        return took

    assert at_best(stop_once, 1.0, tries=10) < 1.0


@pytest.mark.case("RTM-48", part="app")
def test_a_hundred_pages_end_cleanly_and_resume(start_app: StartApp) -> None:
    """Each stream ends with HTTP's own end of a body, and goes on after it."""
    first = start_app()
    with ExitStack() as pages, first.client() as client:
        cursor = cursor_of(Api(client))
        streams = [pages.enter_context(_raw_stream(first, cursor)) for _ in range(100)]
        opened = [_until(stream, b"\n\n") for stream in streams]
        code = first.stop()
        endings = [_until(stream, b"0\r\n\r\n") for stream in streams]

    second = start_app()
    with ExitStack() as pages, second.client() as client:
        (booking,) = confirmable(Api(client), 1)
        Api(client).confirm(booking, "after-the-restart")
        streams = [pages.enter_context(_raw_stream(second, cursor)) for _ in range(100)]
        resumed = [_until(stream, b"booking.changed") for stream in streams]

    assert code == 0
    assert all(b"200 OK" in opening for opening in opened)
    assert all(ending.endswith(b"0\r\n\r\n") for ending in endings)
    assert all(booking.encode() not in opening for opening in opened)
    assert not any(b"event: gap" in text for text in resumed)


def _raw_stream(app: AppProcess, cursor: str) -> closing[socket.socket]:
    url = urlsplit(app.url)
    connection = socket.create_connection((url.hostname, url.port), timeout=120)
    connection.sendall(
        f"GET /events HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Accept: text/event-stream\r\nLast-Event-ID: {cursor}\r\n\r\n".encode()
    )
    return closing(connection)


def _until(connection: socket.socket, end: bytes) -> bytes:
    """Return what comes up to and with *end*, or up to the end of the connection."""
    text = b""
    while end not in text:
        more = connection.recv(65536)
        if not more:
            break
        text += more
    return text
