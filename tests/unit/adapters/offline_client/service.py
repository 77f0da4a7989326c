"""A service on 127.0.0.1 that knows keys, and does what a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from syncpatterns.testing import free_port

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


@dataclass(frozen=True)
class Said:
    """One answer as it goes."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Announced, but the line ends before so many bytes have gone.
    length: int | None = None


def problem(status: int, kind: str, **headers: str) -> Said:
    """Return a problem document of this type."""
    document = {"type": f"/problems/{kind}", "status": status}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(
        status, json.dumps(document).encode(), {"Content-Type": PROBLEM, **named}
    )


class Service:
    """Listens while it is up; may be stopped and started again on its port.

    Attributes:
        requests: Everything it was asked, in order.
        effects: What it has done, by key; asked again, it does nothing.
        script: What it answers instead, one a request.
    """

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.effects: dict[str, bytes] = {}
        self.script: list[Said | Callable[[Received], Said]] = []
        self.port = free_port()
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Listen."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                names = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                said = service.answer(Received(self.command, self.path, names, body))
                self.send_response(said.status)
                for name, value in {"Content-Type": JSON, **said.headers}.items():
                    if value:
                        self.send_header(name, value)
                length = len(said.body) if said.length is None else said.length
                self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")  # stopped, it refuses at once
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said.body)

            do_GET = do_HEAD = do_OPTIONS = _any  # noqa: N815 - the standard library's names
            do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - as above

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()
        return self

    def stop(self) -> None:
        """Refuse connections from now on."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def answer(self, request: Received) -> Said:
        """Do it once for its key, or say what the script says."""
        with self._lock:
            self.requests.append(request)
            if self.script:
                said = self.script.pop(0)
                return said(request) if callable(said) else said
            return self.do(request)

    def do(self, request: Received) -> Said:
        """Do it, unless it was done."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return Said(body=json.dumps({"asked": request.path}).encode())
        replayed = key in self.effects
        self.effects.setdefault(key, request.body)
        number = list(self.effects).index(key) + 1
        more = {"Idempotent-Replayed": "true"} if replayed else {}
        return Said(200, json.dumps({"id": number}).encode(), more)

    @property
    def last(self) -> Received:
        return self.requests[-1]
