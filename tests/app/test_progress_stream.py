"""An event stream with what is only told put in between its whole blocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import pytest

from examples.critical_buttons.progress_stream import GRANTED, WithProgress
from syncpatterns.realtime import Event, Hub
from syncpatterns.realtime._abort import abort

CHANNEL = "tenant.acme.progress"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Client:
    """Takes what is sent, and can be waited for.

    Args:
        patience: Awaited before each message is taken.
    """

    def __init__(self, patience: Callable[[], Awaitable[object]] | None = None) -> None:
        self.got: list[Message] = []
        self.transport = Transport()
        self._patience = patience
        self._came = anyio.Event()

    async def send(self, message: Message) -> None:
        """Take *message*."""
        if self._patience is not None:
            await self._patience()
        self.got.append(message)
        self._came.set()
        self._came = anyio.Event()

    @property
    def text(self) -> str:
        """What came as body."""
        return b"".join(message.get("body", b"") for message in self.got).decode()

    async def saw(self, text: str) -> None:
        """Wait until *text* has come."""
        with anyio.fail_after(120):
            while text not in self.text:
                await self._came.wait()


class Transport:
    """A connection that can be cut off."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        """Cut it off."""
        self.aborted = True


async def silence() -> Message:
    """Receive nothing."""
    await anyio.sleep_forever()
    raise AssertionError


def told(phase: str) -> Event:
    """Return an event of a batch."""
    return Event(CHANNEL, "bulk.progress", {"phase": phase})


def body(text: str, *, more: bool = True) -> Message:
    """Return a piece of a response."""
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}


def start(status: int = 200) -> Message:
    """Return the head of a response."""
    return {"type": "http.response.start", "status": status, "headers": []}


async def test_what_is_told_stands_between_whole_blocks_and_has_no_id() -> None:
    """Heard from the moment that the head is sent, until the stream ends."""
    hub, client, go_on = Hub(), Client(), anyio.Event()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        scope[GRANTED] = CHANNEL
        await send(start())
        hub.publish(told("writing"))  # before the first block, and heard
        await send(body("id: 1\n\n"))
        await go_on.wait()
        await send(body("id: 2\n\n", more=False))
        hub.publish(told("late"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            WithProgress(stream, hub), {"type": "http"}, silence, client.send
        )
        await client.saw("writing")
        go_on.set()

    blocks = client.text.split("\n\n")
    (found,) = [block for block in blocks if block.startswith("event: bulk.progress")]
    assert found.count("\n") == 1
    assert "\ndata: {" in found
    assert blocks.index("id: 1") < blocks.index("id: 2")
    assert "late" not in client.text
    assert hub.subscribers == 0


@pytest.mark.parametrize(("granted", "status"), [(True, 403), (False, 200)])
async def test_a_stream_that_is_refused_hears_nothing(
    granted: bool,
    status: int,
) -> None:
    """Neither does one that was granted no progress."""
    hub, client = Hub(), Client()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        if granted:
            scope[GRANTED] = CHANNEL
        await send(start(status))
        hub.publish(told("writing"))
        await send(body("no", more=False))

    await WithProgress(stream, hub)({"type": "http"}, silence, client.send)

    assert client.text == "no"


async def test_an_error_of_the_stream_comes_out_as_it_is() -> None:
    """Not in a group: the guards around it know it by its class."""
    hub, client = Hub(), Client()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        scope[GRANTED] = CHANNEL
        await send(start())
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await WithProgress(stream, hub)({"type": "http"}, silence, client.send)

    assert hub.subscribers == 0


@pytest.mark.parametrize("when", ["before", "while it is heard"])
async def test_a_closed_hub_ends_progress_and_not_the_stream(when: str) -> None:
    """What is committed still comes until the stream itself ends."""
    hub, client, go_on = Hub(), Client(), anyio.Event()
    if when == "before":
        hub.close()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        scope[GRANTED] = CHANNEL
        await send(start())
        await send(body("id: 1\n\n"))
        hub.close()
        await go_on.wait()
        await send(body("id: 2\n\n", more=False))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            WithProgress(stream, hub), {"type": "http"}, silence, client.send
        )
        await client.saw("id: 1")
        go_on.set()

    assert client.text == "id: 1\n\nid: 2\n\n"


async def test_two_writers_never_send_at_once() -> None:
    """A block is sent whole before the other's begins, however slow the client."""
    hub = Hub()
    sending, most = 0, 0

    async def slowly() -> None:
        nonlocal sending, most
        sending += 1
        most = max(most, sending)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        sending -= 1

    client = Client(slowly)

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        scope[GRANTED] = CHANNEL
        await send(start())
        for number in range(20):
            hub.publish(told(f"row {number}"))
            await send(body(f"id: {number}\n\n"))
        await client.saw("row 19")
        await send(body("", more=False))

    await WithProgress(stream, hub)({"type": "http"}, silence, client.send)

    assert most == 1
    assert client.text.count("event: bulk.progress") == 20


async def test_a_client_that_does_not_read_can_still_be_cut_off() -> None:
    """The stream finds the connection behind what it sends with."""
    hub, client = Hub(), Client()

    async def stream(scope: Any, receive: Receive, send: Send) -> None:
        assert abort(send)

    await WithProgress(stream, hub)({"type": "http"}, silence, client.send)

    assert client.transport.aborted
