"""The event stream, driven in process: what is sent, refused and survived."""

from __future__ import annotations

import anyio
import pytest

from syncpatterns.errors import StoreUnavailable
from syncpatterns.realtime import Hub, Position, encode_cursor
from syncpatterns.realtime.sse import decode_cursor
from syncpatterns.testing import FakeClock
from tests.unit.realtime.asgi_client import request
from tests.unit.realtime.fake_engine import FakeEngine
from tests.unit.realtime.sse_app import (
    app_of,
    booking,
    passes,
    until_subscribed,
)


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
    assert late.problem["type"] == "/problems/stopping"
    assert "again" in late.problem["detail"]
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


async def test_a_lagging_client_gets_the_gap_and_then_the_ring() -> None:
    """Both in one chunk, with one cursor from which nothing comes again."""
    hub = Hub(ring=5)
    async with request(app_of(hub)) as stream:
        await stream.opened()
        stream.stall()
        hub.publish(booking(0))
        await anyio.wait_all_tasks_blocked()
        hub.publish_many([booking(n) for n in range(1, 21)])
        stream.reading.set()
        blocks = [await stream.event() for _ in range(7)]

    assert blocks[1].event == "gap"
    assert blocks[1].json["reason"] == "lagged"
    assert blocks[1].json["channel"] == "bookings"
    shown = [block.json["data"]["n"] for block in blocks if block.event != "gap"]
    assert shown == [0, 16, 17, 18, 19, 20]
    assert [block.id is not None for block in blocks] == [True, *[False] * 5, True]
    assert decode_cursor(blocks[-1].id or "")["bookings"].offset == 21


async def test_a_client_that_wants_no_gap_gets_an_end() -> None:
    """With ``on_lag="disconnect"`` the stream ends cleanly."""
    hub = Hub(ring=5)
    async with request(app_of(hub, on_lag="disconnect")) as stream:
        await stream.opened()
        stream.stall()
        hub.publish(booking(0))
        await anyio.wait_all_tasks_blocked()
        hub.publish_many([booking(n) for n in range(1, 21)])
        stream.reading.set()
        await stream.finished()

    assert stream.ended
    assert hub.subscribers == 0


async def test_history_out_of_reach_ends_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The client resumes later, from where it was; the log says why."""
    engine = FakeEngine()
    engine.commit(*[booking(n) for n in range(1, 4)])
    hub = Hub(engine)
    cursor = encode_cursor({"bookings": Position(engine.epoch, 1)})

    def fail_once() -> None:
        engine.before_page = None
        raise StoreUnavailable("the disk is elsewhere")

    engine.before_page = fail_once
    async with request(app_of(hub), f"/events?cursor={cursor}") as stream:
        await stream.finished()
    async with request(app_of(hub), f"/events?cursor={cursor}") as again:
        shown = [(await again.event()).json["data"]["n"] for _ in range(2)]

    assert stream.status == 200
    assert "out of reach" in caplog.text
    assert shown == [2, 3]


async def test_an_outbox_out_of_reach_refuses_the_stream() -> None:
    """Before anything is sent it is an ordinary 503."""
    engine = FakeEngine()
    hub = Hub(engine)
    engine.failures = 1
    async with request(app_of(hub)) as exchange:
        await exchange.finished()

    assert exchange.status == 503
    assert exchange.problem["type"] == "/problems/store-unavailable"
    assert hub.subscribers == 0
