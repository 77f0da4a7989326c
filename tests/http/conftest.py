"""A real server for the session, and a client that sends exactly these bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import itertools
import json
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.testing import ServerProcess, free_port
from syncpatterns.testing.servers import http_ready

APP = Path(__file__).with_name("guarded_app.py")
TIMEOUT = 20.0


@dataclasses.dataclass(frozen=True)
class Response:
    """What came back over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    closed: bool

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document; fails if it is anything else."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        assert self.headers.get_all("x-request-id") == [document["request_id"]]
        return document

    @property
    def slug(self) -> str:
        """The last part of the problem's type."""
        return str(self.problem["type"]).removeprefix("/problems/")


class Client:
    """Sends bytes to the server; one connection a request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._bookings = itertools.count(1)

    def new_booking(self) -> str:
        """Return a booking that no other test has touched."""
        return f"b-{next(self._bookings)}"

    def raw(self, data: bytes, *, then_close: bool = False) -> Response:
        """Send *data* and read one response."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as sock:
            # Refused before everything was sent: the answer is there all the same.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(data)
            if then_close:
                sock.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(sock)
            response.begin()
            body = response.read()
            return Response(
                response.status, response.headers, body, bool(response.will_close)
            )

    def send(
        self,
        method: str = "POST",
        path: str = "/confirm",
        *,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | None = None,
        host: bytes = b"localhost",
    ) -> Response:
        """Send a request with a correct length and exactly these headers."""
        lines = [b"%b %b HTTP/1.1" % (method.encode(), path.encode("latin-1"))]
        lines.append(b"Host: " + host)
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        lines += [b"%b: %b" % line for line in headers or ()]
        return self.raw(b"\r\n".join([*lines, b"", b""]) + (body or b""))

    def confirm(
        self,
        booking: str,
        *keys: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> Response:
        """Confirm a booking with one Idempotency-Key line for each of *keys*."""
        lines = [(b"Content-Type", b"application/json")]
        lines += [(b"Idempotency-Key", key) for key in keys]
        body = json.dumps({"booking_id": booking}).encode()
        return self.send(headers=[*lines, *(headers or ())], body=body)

    def effects(self, booking: str) -> int:
        """Return how often the booking was confirmed in the database."""
        counts: dict[str, int] = json.loads(self.send("GET", "/effects").body)
        return counts.get(booking, 0)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    """Run the guarded application in a process of its own."""
    port = free_port()
    database = tmp_path_factory.mktemp("http") / "guarded.db"
    argv = [sys.executable, str(APP), str(port), str(database)]
    with ServerProcess(argv, ready=http_ready(port, "/effects")) as process:
        process.port = port  # type: ignore[attr-defined]  # told to the client below
        yield process


@pytest.fixture(scope="session")
def client(server: ServerProcess) -> Client:
    """Return the client of the session's server."""
    return Client(server.port)  # type: ignore[attr-defined]  # set above
