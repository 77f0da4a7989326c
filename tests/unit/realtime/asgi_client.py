"""Drive an ASGI app in process and read its event stream as a browser would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

PATIENCE = 120.0


@dataclass
class Block:
    """One block of an event stream, as the standard has it parsed."""

    event: str = "message"
    data: str | None = None
    id: str | None = None
    retry: int | None = None
    comments: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data or "null")


def parse(text: str) -> Block:
    """Return the block in *text*."""
    block = Block()
    for line in text.split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                block.comments.append(value)
            case "event":
                block.event = value
            case "data":
                block.data = value if block.data is None else f"{block.data}\n{value}"
            case "id":
                block.id = value
            case "retry":
                block.retry = int(value)
            case _:
                raise AssertionError(f"unknown field in the stream: {line!r}")
    return block


class Exchange:
    """One request and its answer so far."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.sends = 0
        self.reading = anyio.Event()
        self.reading.set()
        self.gone = anyio.Event()
        self._text = ""
        self._changed = anyio.Event()
        self.last_id: str | None = None

    async def receive(self) -> dict[str, Any]:
        """Give the empty body, then wait until the client goes."""
        if not self.sends and not self.gone.is_set() and not hasattr(self, "_asked"):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Take what the app sends, if the client reads."""
        await self.reading.wait()
        self.sends += 1
        if message["type"] == "http.response.start":
            assert self.status is None, "two answers to one request"
            self.status = message["status"]
            self.headers = {
                name.decode(): value.decode() for name, value in message["headers"]
            }
        else:
            assert not self.ended, "a body after its end"
            self.body += message.get("body", b"")
            self._text += message.get("body", b"").decode()
            self.ended = not message.get("more_body", False)
        self._changed.set()
        await anyio.lowlevel.checkpoint()

    def stall(self) -> None:
        """Stop reading; the app's next send does not return."""
        self.reading = anyio.Event()

    async def answered(self) -> int:
        """Return the status, once there is one."""
        await self._until(lambda: self.status is not None)
        assert self.status is not None
        return self.status

    async def finished(self) -> bytes:
        """Return the whole body, once it has ended."""
        await self._until(lambda: self.ended)
        return self.body

    async def block(self) -> Block:
        """Return the next block of the stream."""
        await self._until(lambda: "\n\n" in self._text)
        text, _, self._text = self._text.partition("\n\n")
        block = parse(text)
        if block.id is not None:
            self.last_id = block.id
        return block

    async def event(self) -> Block:
        """Return the next block that has data."""
        while True:
            block = await self.block()
            if block.data is not None:
                return block

    async def opened(self) -> str:
        """Read the opening and return the cursor that the stream begins at."""
        first, second = await self.block(), await self.block()
        assert first.comments == ["ok"]
        assert second.id is not None
        return second.id

    @property
    def problem(self) -> Any:
        """The body as a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)

    async def _until(self, true: Any) -> None:
        with anyio.fail_after(PATIENCE):
            while not true():
                self._changed = anyio.Event()
                await self._changed.wait()


@asynccontextmanager
async def request(
    app: Any,
    path: str = "/events",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Exchange]:
    """Send a request and stay connected inside the block."""
    exchange = Exchange()
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in (headers or {}).items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, scope, exchange.receive, exchange.send)
        try:
            yield exchange
        finally:
            exchange.gone.set()
            exchange.reading.set()
