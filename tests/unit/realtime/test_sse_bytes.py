"""The bytes of an event stream: lines, chunks, encodings."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from syncpatterns.realtime import Event, Hub
from tests.unit.realtime.asgi_client import request
from tests.unit.realtime.sse_app import (
    CHANNEL,
    app_of,
    booking,
    until_subscribed,
)


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
