"""Who may read what, and what an event stream refuses to open."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from syncpatterns.errors import ChannelDenied, ConfigurationError, SyncPatternsError
from syncpatterns.realtime import Event, Hub, Position, encode_cursor
from syncpatterns.realtime.sse import SseApp, decode_cursor
from tests.unit.realtime.asgi_client import Exchange, request
from tests.unit.realtime.sse_app import (
    CHANNEL,
    app_of,
    authorize,
    booking,
)

GARBAGE = [
    "x",
    "%00",
    "e30=!",
    "null",
    "bnVsbA",  # null
    "W10",  # []
    "eyJhIjoxfQ",  # {"a":1}
    "eyJhIjpbIngiLC0xXX0",  # {"a":["x",-1]}
    "eyJhIjpbIngiLHRydWVdfQ",  # {"a":["x",true]}
    "eyJhIjpbIngiLDEuNV19",  # {"a":["x",1.5]}
    "eyJhIjpbIngiLDEwMDAwMDAwMDAwMDAwMDAwMDAwMF19",  # beyond 64 bits
    "eyJhIjpbIngKaWQ6IDEiLDFdfQ",  # a line end in the epoch
    "eyJhCiI6WyJ4IiwxXX0",  # a line end in the channel
    "W" * 20_000,
    "\u00e9",
]


@pytest.mark.case("RTM-44")
@pytest.mark.parametrize("cursor", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("place", ["query", "header"])
async def test_a_garbage_cursor_is_refused(cursor: str, place: str) -> None:
    """What this service has not given out is a 400 that says what to do."""
    from urllib.parse import quote

    hub = Hub()
    if place == "query":
        opened = request(app_of(hub), f"/events?cursor={quote(cursor, safe='%')}")
    else:
        opened = request(app_of(hub), headers={"Last-Event-ID": cursor})
    async with opened as stream:
        await stream.finished()

    assert stream.status == 400
    assert stream.problem["type"] == "/problems/cursor-invalid"
    assert "connect without it" in stream.problem["detail"]
    assert hub.subscribers == 0


class SignIn(SyncPatternsError):
    """An application's own refusal."""

    status = 401
    problem = "sign-in"
    title = "Sign in first."


def refuse(error: Exception) -> Any:
    """Return an authorize that raises *error*."""

    def authorize(scope: object, asked: object) -> None:
        raise error

    return authorize


@pytest.mark.parametrize(
    ("authorize", "status", "problem"),
    [
        (lambda scope, asked: None, 403, "channel-denied"),
        (lambda scope, asked: {}, 403, "channel-denied"),
        (lambda scope, asked: [], 403, "channel-denied"),
        (refuse(ChannelDenied("no")), 403, "channel-denied"),
        (refuse(SignIn("who are you?")), 401, "sign-in"),
    ],
    ids=["none", "empty", "no-list", "denied", "sign-in"],
)
async def test_nothing_is_sent_before_the_right_to_read(
    authorize: Any, status: int, problem: str
) -> None:
    """A refusal is an ordinary answer, not a stream that begins and breaks off."""
    hub = Hub()
    async with request(app_of(hub, authorize=authorize)) as exchange:
        await exchange.finished()

    assert exchange.status == status
    assert exchange.problem["type"] == f"/problems/{problem}"
    assert hub.subscribers == 0


async def test_authorize_may_be_async_and_return_a_list() -> None:
    """Names in a list are public names and channels alike."""

    async def authorize(scope: object, asked: tuple[str, ...]) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return ["news"]

    hub = Hub()
    async with request(app_of(hub, authorize=authorize)) as stream:
        await stream.opened()
        hub.publish(Event("news", "said", {"n": 1}))
        block = await stream.event()

    assert block.json["channel"] == "news"


async def test_a_tenant_sees_its_own_channel_only() -> None:
    """Neither asking for another's channel nor its cursor leads there."""
    hub = Hub()
    app = app_of(hub)
    other = hub.publish(booking(1, "tenant.globex.bookings")).position
    assert other is not None
    cursors = [
        encode_cursor({"bookings": Position(other.epoch, 0)}),
        encode_cursor({"tenant.globex.bookings": Position(other.epoch, 0)}),
    ]
    got: list[bytes] = []
    for cursor in cursors:
        async with request(app, f"/events?cursor={cursor}") as stream:
            await stream.opened()
            hub.publish(booking(2, "tenant.globex.bookings"))
            hub.publish(booking(3))
            while (await stream.event()).event == "gap":
                pass
            got.append(stream.body)
    path = "/events?channel=tenant.globex.bookings"
    async with request(app, path) as stream:
        await stream.opened()
        hub.publish(booking(4, "tenant.globex.bookings"))
        await anyio.wait_all_tasks_blocked()
        got.append(stream.body)

    for body in got:
        assert b'"n":1' not in body
        assert b'"n":2' not in body
        assert b'"n":4' not in body
        assert other.epoch.encode() not in body.replace(
            b'"asked":"' + other.epoch.encode(), b""
        )


async def test_clients_never_see_the_channels_own_name() -> None:
    """Events, gaps and cursors carry the public name."""
    hub = Hub()
    cursor = encode_cursor({"bookings": Position("0badcafe", 7)})
    async with request(app_of(hub), f"/events?cursor={cursor}") as stream:
        await stream.event()
        hub.publish(booking(1))
        block = await stream.event()

    assert b"tenant" not in stream.body
    assert list(decode_cursor(block.id or "")) == ["bookings"]


async def test_two_names_of_one_event_are_two_encodings() -> None:
    """What is kept for one public name is not sent under another."""
    hub = Hub()
    app = app_of(hub, authorize=lambda scope, asked: {asked[0]: CHANNEL})
    async with (
        request(app, "/events?channel=one") as one,
        request(app, "/events?channel=two") as two,
    ):
        await one.opened()
        await two.opened()
        hub.publish(booking(1))
        names = [(await s.event()).json["channel"] for s in (one, two)]

    assert names == ["one", "two"]


@pytest.mark.parametrize(
    "query",
    [
        "channel=",
        "channel=a%20b",
        "channel=a%0Aid:1",
        f"channel={'a' * 201}",
        "channel=caf%C3%A9",
        "&".join(f"channel=c{n}" for n in range(33)),
        "&".join(f"x{n}=1" for n in range(100)),
    ],
    ids=["empty", "space", "line", "long", "accent", "many", "parameters"],
)
async def test_a_query_that_makes_no_sense_is_refused(query: str) -> None:
    """Malformed and excessive channels are a 400."""
    async with request(app_of(Hub()), f"/events?{query}") as exchange:
        await exchange.finished()

    assert exchange.status == 400
    assert exchange.problem["type"] == "/problems/stream-invalid"


async def test_two_different_cursors_are_refused() -> None:
    """Which of them was meant cannot be known."""
    one = encode_cursor({"bookings": Position("aa", 1)})
    two = encode_cursor({"bookings": Position("aa", 2)})
    async with request(app_of(Hub()), f"/events?cursor={one}&cursor={two}") as exchange:
        await exchange.finished()

    assert exchange.status == 400


async def test_it_answers_http_only() -> None:
    """A WebSocket is closed; the lifespan of an app is not its business."""
    app = app_of(Hub())
    exchange = Exchange()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket"}, exchange.receive, send)
    with pytest.raises(ConfigurationError, match="HTTP only"):
        await app({"type": "lifespan"}, exchange.receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    "options",
    [
        {"heartbeat": 0},
        {"send_timeout": -1},
        {"max_connections": 0},
        {"max_lifetime": 0},
        {"retry_ms": 0},
        {"authorize": None},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """Wrong wiring is said at the start."""
    with pytest.raises(ConfigurationError):
        app_of(Hub(), **options)


@pytest.mark.parametrize("channels", ["bookings", ["a b"], [""]])
def test_default_channels_are_checked(channels: Any) -> None:
    """A text is no list of names."""
    with pytest.raises(ConfigurationError):
        SseApp(Hub(), authorize=authorize, channels=channels)


async def test_without_channels_and_default_there_is_nothing_to_read() -> None:
    """A stream of nothing is a mistake of the caller."""
    async with request(SseApp(Hub(), authorize=authorize)) as exchange:
        await exchange.finished()

    assert exchange.status == 400


@pytest.mark.parametrize("granted", ["bookings", {"a b": "c"}, {"a": "c d"}, [""]])
async def test_what_authorize_returns_is_checked(
    granted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in the application does not open a stream."""
    app = app_of(Hub(), authorize=lambda scope, asked: granted)
    async with request(app) as exchange:
        await exchange.finished()

    assert exchange.status == 500
    assert exchange.problem["type"] == "/problems/configuration"
    assert "authorize" not in exchange.body.decode()
    assert "authorize" in caplog.text
