"""A raw ASGI caller: what is sent is exactly what the test says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import pytest

Header = tuple[bytes, bytes]


@dataclasses.dataclass
class Answer:
    """What an application sent."""

    status: int = 0
    raw_headers: list[Header] = dataclasses.field(default_factory=list)
    body: bytes = b""
    starts: int = 0

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.raw_headers}

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; fails if it is anything else."""
        assert self.headers["content-type"] == "application/problem+json"
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        return document  # type: ignore[no-any-return]  # JSON


Ask = Callable[..., Awaitable[Answer]]


async def ask(
    app: Any,
    method: str = "POST",
    path: str = "/",
    *,
    headers: Iterable[Header] = (),
    body: bytes | Sequence[bytes] | None = None,
    leave_after: int | None = None,
    root_path: str = "",
) -> Answer:
    """Send one request and return what came back.

    A sequence of chunks is a chunked body; *leave_after* chunks the caller
    disconnects. Without a Host header of the test's own, localhost is sent.
    """
    chunks = [body] if isinstance(body, bytes) else list(body or ())
    lines = _with_framing(list(headers), body)
    given = 0

    async def receive() -> dict[str, Any]:
        nonlocal given
        given += 1
        if given > (len(chunks) or 1 if leave_after is None else leave_after):
            return {"type": "http.disconnect"}
        return {
            "type": "http.request",
            "body": chunks[given - 1] if chunks else b"",
            "more_body": given < len(chunks) or leave_after is not None,
        }

    answer = Answer()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.starts += 1
            answer.status = message["status"]
            answer.raw_headers = list(message["headers"])
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": root_path + path,
        "raw_path": (root_path + path).encode("utf-8", "surrogateescape"),
        "root_path": root_path,
        "query_string": b"",
        "headers": lines,
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50000),
    }
    await app(scope, receive, send)
    return answer


def _with_framing(
    lines: list[Header], body: bytes | Sequence[bytes] | None
) -> list[Header]:
    names = {name for name, _ in lines}
    if b"host" not in names:
        lines.append((b"host", b"localhost"))
    if b"content-length" not in names and body is not None:
        whole = isinstance(body, bytes)
        lines.append(
            (b"content-length", b"%d" % len(body))
            if whole
            else (b"transfer-encoding", b"chunked")
        )
    return lines


@pytest.fixture(name="ask")
def ask_fixture() -> Ask:
    """Return the raw caller."""
    return ask


class Echo:
    """Reads the whole body, notes it and answers 200 with it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def echo() -> Echo:
    """Return an application that notes what reaches it."""
    return Echo()
