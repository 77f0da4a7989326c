"""A Flask application asked as a server would ask it, byte for byte."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask


@dataclass
class Sent:
    """What a WSGI application sent."""

    status: int
    raw_headers: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name."""
        return {name.lower(): value for name, value in self.raw_headers}

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; fails if it is anything else."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        return document


def environ(
    method: str = "POST",
    target: str = "/",
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    **more: Any,
) -> dict[str, Any]:
    """Return what gunicorn would make of a request."""
    from urllib.parse import unquote_to_bytes

    path, _, query = target.partition("?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        text = name.decode().upper().replace("-", "_")
        key = text if text == "CONTENT_TYPE" else f"HTTP_{text}"
        before = made.get(key)
        now = value.decode("latin-1")
        made[key] = now if before is None else f"{before},{now}"
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    return {**made, **more}


def ask(app: Flask, method: str = "POST", target: str = "/", **more: Any) -> Sent:
    """Send one request and return what came back."""
    return serve(app, environ(method, target, **more))


def serve(app: Flask, asked: dict[str, Any]) -> Sent:
    """Send the request *asked* and return what came back."""
    sent: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        sent[:] = [int(status.split(maxsplit=1)[0]), headers]
        return lambda data: None

    chunks = app.wsgi_app(asked, start)
    body = b"".join(chunks)
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
    status, headers = sent
    return Sent(status, headers, body)
