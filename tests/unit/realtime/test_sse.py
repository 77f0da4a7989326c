"""The event stream, driven in process: what is sent, refused and survived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ChannelDenied, ConfigurationError, SyncPatternsError
from syncpatterns.realtime import Event, Hub, Position, encode_cursor
from syncpatterns.realtime.sse import SseApp, decode_cursor
from syncpatterns.testing import FakeClock
from tests.unit.realtime.asgi_client import PATIENCE, Exchange, request

CHANNEL = "tenant.acme.bookings"


def authorize(scope: Mapping[str, Any], asked: tuple[str, ...]) -> dict[str, str]:
    """Let a tenant read its own channels by their short names."""
    tenant = dict(scope["headers"]).get(b"x-tenant", b"acme").decode()
    return {name: f"tenant.{tenant}.{name}" for name in asked}


def app_of(hub: Hub, **options: Any) -> SseApp:
    """Return an app with short channel names."""
    options.setdefault("authorize", authorize)
    return SseApp(hub, channels=["bookings"], **options)


def booking(number: int, channel: str = CHANNEL) -> Event:
    """Return an event about a booking."""
    return Event(channel, "booking.changed", {"n": number})


async def until_subscribed(hub: Hub, count: int = 1) -> None:
    """Wait until *hub* has *count* subscribers."""
    with anyio.fail_after(PATIENCE):
        while hub.subscribers != count:
            await anyio.lowlevel.checkpoint()


async def passes(clock: FakeClock, seconds: float) -> None:
    """Let *seconds* pass once everybody waits, and everybody act on it."""
    await anyio.wait_all_tasks_blocked()
    clock.advance(seconds)
    await anyio.wait_all_tasks_blocked()


@pytest.mark.case("RTM-44")
async def test_first_bytes_come_without_any_event() -> None:
    """Headers, a comment, the retry time and a cursor are sent at once."""
    hub = Hub()
    async with request(app_of(hub, retry_ms=2000)) as stream:
        status = await stream.answered()
        first = await stream.block()
        second = await stream.block()

    assert status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["cache-control"] == "no-cache, no-transform"
    assert stream.headers["x-accel-buffering"] == "no"
    assert first.comments == ["ok"]
    assert first.retry is not None
    assert 1500 <= first.retry <= 2500
    assert second.data is None
    assert set(decode_cursor(second.id or "")) == {"bookings"}


@pytest.mark.case("RTM-44")
async def test_events_come_as_one_line_with_a_cursor_on_the_last() -> None:
    """Each event is one data line; the last of a batch carries the cursor."""
    hub = Hub()
    async with request(app_of(hub)) as stream:
        await stream.opened()
        hub.publish_many([booking(1), booking(2)])
        one, two = await stream.event(), await stream.event()

    assert (one.event, two.event) == ("booking.changed", "booking.changed")
    assert one.json["data"] == {"n": 1}
    assert one.json["channel"] == "bookings"
    assert one.id is None
    assert two.id is not None
    position = decode_cursor(two.id)["bookings"]
    assert position.offset == 2


@pytest.mark.case("RTM-44")
async def test_the_header_resumes_and_beats_the_query() -> None:
    """Last-Event-ID is what a browser knows best; the query is for the start."""
    hub = Hub()
    hub.publish_many([booking(n) for n in range(1, 6)])
    epoch = hub.publish(booking(6)).position.epoch  # type: ignore[union-attr]  # published
    at = {n: encode_cursor({"bookings": Position(epoch, n)}) for n in (2, 5)}
    app = app_of(hub)

    async with request(app, f"/events?cursor={at[2]}") as stream:
        by_query = [(await stream.event()).json["data"]["n"] for _ in range(4)]
    async with request(
        app, f"/events?cursor={at[2]}", headers={"Last-Event-ID": at[5]}
    ) as stream:
        by_header = (await stream.event()).json["data"]["n"]

    assert by_query == [3, 4, 5, 6]
    assert by_header == 6


@pytest.mark.case("RTM-44")
async def test_one_cursor_resumes_two_channels() -> None:
    """The id names every channel of the stream, so both go on."""
    hub = Hub()
    app = app_of(hub)
    path = "/events?channel=bookings&channel=rooms"
    async with request(app, path) as stream:
        await stream.opened()
        hub.publish(booking(1))
        await stream.event()
        seen = stream.last_id
    hub.publish_many([booking(2), booking(10, "tenant.acme.rooms")])
    async with request(app, path, headers={"Last-Event-ID": seen or ""}) as stream:
        blocks = [await stream.event(), await stream.event()]

    got = {block.json["channel"]: block.json["data"]["n"] for block in blocks}
    assert got == {"bookings": 2, "rooms": 10}


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


@pytest.mark.case("RTM-16")
async def test_a_cursor_of_a_lost_epoch_brings_a_gap_event() -> None:
    """After a restart of a memory hub the client is told to fetch anew."""
    hub = Hub()
    cursor = encode_cursor({"bookings": Position("0badcafe", 7)})
    async with request(app_of(hub), f"/events?cursor={cursor}") as stream:
        gap = await stream.event()
        hub.publish(booking(1))
        after = await stream.event()
    resumed = Hub()
    async with request(app_of(resumed), headers={"Last-Event-ID": gap.id or ""}) as two:
        again = await two.event()

    assert gap.event == "gap"
    assert gap.json["channel"] == "bookings"
    assert gap.json["asked"] == "0badcafe:7"
    assert gap.json["reason"] == "epoch"
    assert after.json["data"] == {"n": 1}
    assert again.json["reason"] == "epoch"  # the other hub has yet another epoch


async def test_a_client_cut_off_after_a_gap_is_not_told_twice() -> None:
    """The gap's own id is a position from which nothing is lost."""
    hub = Hub()
    hub.publish(booking(1))
    cursor = encode_cursor({"bookings": Position("0badcafe", 7)})
    async with request(app_of(hub), f"/events?cursor={cursor}") as stream:
        gap = await stream.event()
    async with request(app_of(hub), headers={"Last-Event-ID": gap.id or ""}) as stream:
        after = await stream.event()

    assert gap.event == "gap"
    assert (after.event, after.json["data"]) == ("booking.changed", {"n": 1})


@pytest.mark.case("RTM-44")
async def test_silence_is_broken_by_a_heartbeat() -> None:
    """Fifteen seconds after the last bytes a comment is sent, and again."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    async with request(app_of(hub, heartbeat=15.0)) as stream:
        await stream.opened()
        for _ in range(3):
            sends = stream.sends
            await passes(clock, 14.9)
            early = stream.sends - sends
            await passes(clock, 0.2)
            block = await stream.block()

            assert early == 0
            assert (block.comments, block.data, block.id) == ([""], None, None)


@pytest.mark.case("RTM-15", part="in process")
async def test_a_client_that_never_reads_is_cut_off() -> None:
    """After the send timeout the subscription is gone."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    app = app_of(hub, send_timeout=10.0)
    async with request(app) as stream:
        await stream.opened()
        stream.stall()
        await passes(clock, 100.0)
        hub.publish(booking(1))
        await passes(clock, 9.9)

        assert hub.subscribers == 1
        await passes(clock, 0.2)
        await until_subscribed(hub, 0)
        assert app.connections == 0


async def test_a_slow_client_is_not_cut_off() -> None:
    """The time counts for one send, not for the stream."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    async with request(app_of(hub, send_timeout=10.0)) as stream:
        await stream.opened()
        for number in range(1, 5):
            stream.stall()
            hub.publish(booking(number))
            await passes(clock, 9.0)
            stream.reading.set()
            assert (await stream.event()).json["data"] == {"n": number}


async def test_a_stream_ends_after_its_lifetime() -> None:
    """At a moment between 80 and 100 % of it, cleanly, so that clients resume."""
    clock = FakeClock()
    hub = Hub(clock=clock)
    async with request(app_of(hub, max_lifetime=100.0, heartbeat=1000.0)) as stream:
        await stream.opened()
        await passes(clock, 79.0)
        early = stream.ended
        await passes(clock, 22.0)
        await stream.finished()

    assert not early
    assert hub.subscribers == 0


@pytest.mark.case("RTM-47", part="in process")
async def test_a_client_that_goes_is_released() -> None:
    """The disconnect ends the stream and its subscription."""
    hub = Hub()
    app = app_of(hub)
    async with request(app) as stream:
        await stream.opened()
        assert (hub.subscribers, app.connections) == (1, 1)

    assert (hub.subscribers, app.connections) == (0, 0)


@pytest.mark.case("RTM-48", part="hub")
async def test_closing_the_hub_ends_streams_cleanly() -> None:
    """Every stream gets its end, and a new one is sent away for a moment."""
    hub = Hub()
    app = app_of(hub)
    async with request(app) as one, request(app) as two:
        await one.opened()
        await two.opened()
        hub.close()
        await one.finished()
        await two.finished()
        async with request(app) as late:
            await late.finished()

    assert (one.ended, two.ended) == (True, True)
    assert late.status == 503
    assert 1 <= int(late.headers["retry-after"]) <= 5
    assert hub.subscribers == 0


async def test_one_stream_too_many_is_told_when_to_come_back() -> None:
    """The cap is a 503 with Retry-After, and a place freed can be used."""
    app = app_of(Hub(), max_connections=1)
    async with request(app) as first:
        await first.opened()
        async with request(app) as second:
            await second.finished()
    async with request(app) as third:
        status = await third.answered()

    assert second.status == 503
    assert second.problem["type"] == "/problems/too-many-streams"
    assert 1 <= int(second.headers["retry-after"]) <= 5
    assert status == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_only_get_opens_a_stream(method: str) -> None:
    """Another method is a 405 that names the one that works."""
    async with request(app_of(Hub()), method=method) as exchange:
        await exchange.finished()

    assert exchange.status == 405
    assert exchange.headers["allow"] == "GET"
    if method == "HEAD":
        assert exchange.body == b""
    else:
        assert exchange.problem["type"] == "/problems/method-not-allowed"


# ------------------------------------------------------------- who may read what


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


# ------------------------------------------------------------------- the bytes


@pytest.mark.parametrize("kind", ["error", "open", "message", "gap"])
async def test_types_that_a_browser_uses_itself_come_as_message(kind: str) -> None:
    """An event called error must not look like a broken connection."""
    hub = Hub()
    async with request(app_of(hub)) as stream:
        await stream.opened()
        hub.publish(Event(CHANNEL, kind, {"n": 1}))
        block = await stream.event()

    assert block.event == "message"
    assert block.json["type"] == kind


@pytest.mark.parametrize("text", ["a\nid: 9", "a\r\nevent: x", "\r", "\u2028", "\x00"])
async def test_no_text_can_begin_a_line_of_its_own(text: str) -> None:
    """Whatever an event holds stays inside its data line."""
    hub = Hub()
    event = Event(CHANNEL, "said", {"text": text}, key=text, headers={text: text})
    async with request(app_of(hub)) as stream:
        await stream.opened()
        hub.publish(event)
        block = await stream.event()

    assert block.event == "said"
    assert block.json["data"] == {"text": text}
    assert block.json["headers"] == {text: text}
    assert b"\r" not in stream.body


async def test_a_large_batch_goes_out_in_chunks() -> None:
    """No send is much larger than a chunk, and each ends with a cursor."""
    hub = Hub()
    sizes: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def counted(message: Any) -> None:
            sizes.append(len(message.get("body", b"")))
            await send(message)

        await app_of(hub)(scope, receive, counted)

    big = [Event(CHANNEL, "said", {"n": n, "x": "y" * 30_000}) for n in range(20)]
    async with request(app) as stream:
        await stream.opened()
        hub.publish_many(big)
        blocks = [await stream.event() for _ in big]

    assert [block.json["data"]["n"] for block in blocks] == list(range(20))
    assert max(sizes) < 64 * 1024 + 31_000
    assert sum(block.id is not None for block in blocks) > 5
    assert blocks[-1].id is not None


async def test_an_event_is_encoded_once_for_all_clients() -> None:
    """A hundred streams send the very same bytes object."""
    hub = Hub()
    app = app_of(hub)
    event = booking(1)
    async with anyio.create_task_group(), request(app) as one, request(app) as two:
        await one.opened()
        await two.opened()
        hub.publish(event)
        await one.event()
        first = event.wire["sse", "bookings"]
        await two.event()

    assert event.wire["sse", "bookings"] is first


async def test_a_broken_connection_ends_the_stream_quietly() -> None:
    """A server that raises OSError from send says that the client is gone."""
    hub = Hub()
    app = app_of(hub)

    async def breaking(scope: Any, receive: Any, send: Any) -> None:
        async def broken(message: Any) -> None:
            if b"data" in message.get("body", b""):
                raise BrokenPipeError
            await send(message)

        await app(scope, receive, broken)

    async with request(breaking) as stream:
        await stream.opened()
        hub.publish(booking(1))
        await until_subscribed(hub, 0)

    assert app.connections == 0


# -------------------------------------------------------------------- the wiring


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
async def test_what_authorize_returns_is_checked(granted: Any) -> None:
    """A mistake in the application does not open a stream."""
    app = app_of(Hub(), authorize=lambda scope, asked: granted)
    async with request(app) as exchange:
        await exchange.finished()

    assert exchange.status == 500
    assert "detail" not in exchange.problem
