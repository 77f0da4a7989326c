"""A server that stops answers the requests it could not wait for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from examples.critical_buttons.guards import guarded

Message = MutableMapping[str, Any]


class Slow:
    """An app that never comes to an end by itself.

    Args:
        begins: Whether it sends the start of an answer first.
    """

    def __init__(self, *, begins: bool) -> None:
        self.reached = asyncio.Event()
        self._begins = begins

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Begin, perhaps, and wait."""
        if self._begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        self.reached.set()
        await asyncio.Event().wait()


async def cut_off(*, begins: bool) -> list[Message]:
    """Cancel a request in the middle, as uvicorn does; return what was sent."""
    sent: list[Message] = []
    app = Slow(begins=begins)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/x",
        "raw_path": b"/api/x",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    served = guarded(app, ["127.0.0.1"])(scope, receive, send)
    task = asyncio.ensure_future(served)
    await app.reached.wait()
    task.cancel("timeout graceful shutdown exceeded")
    try:
        await task
    except asyncio.CancelledError:
        sent.append({"type": "cancelled"})
    return sent


def test_a_request_that_is_cut_off_is_told_to_come_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not 500 in plain text: with the same key it is done once."""
    start, body = asyncio.run(cut_off(begins=False))
    headers = dict(start["headers"])
    members = json.loads(body["body"])

    assert (start["status"], members["type"]) == (503, "/problems/cut-off")
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"retry-after"] == b"1"
    assert members["request_id"] == headers[b"x-request-id"].decode()
    assert [each.message for each in caplog.records] == ["A request failed"]


def test_an_answer_that_has_begun_is_cut_off_as_it_is() -> None:
    """A second start would break the connection for a worse reason."""
    start, end = asyncio.run(cut_off(begins=True))

    assert (start["status"], end["type"]) == (200, "cancelled")
