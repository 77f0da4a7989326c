"""The proxy between an HTTP client and an HTTP server."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator

import pytest

from syncpatterns.testing import FaultProxy


class Confirm(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    confirmed: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.confirmed.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Say nothing."""


@pytest.fixture
def http_server() -> Iterator[tuple[int, list[bytes]]]:
    """Give the port of an HTTP server, and the bodies it has taken."""
    confirmed: list[bytes] = []
    handler = type("Handler", (Confirm,), {"confirmed": confirmed})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # resets are the point
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, confirmed
        server.shutdown()
        thread.join(120)


def post(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    """Send one request and return the answer's body."""
    connection.request("POST", "/", body)
    return connection.getresponse().read()


def test_an_http_answer_is_lost_after_the_whole_request_was_taken(
    http_server: tuple[int, list[bytes]],
) -> None:
    """On a kept-alive connection, headers and body in separate messages."""
    port, confirmed = http_server
    big = b"x" * 300_000
    with FaultProxy(port) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        first = post(connection, b"first")
        proxy.add("rst_after_reply")
        with pytest.raises(ConnectionResetError):
            post(connection, big)
        connection.close()
        again = post(connection, b"again")
        connection.close()

    assert (first, again) == (b"ok", b"ok")
    assert confirmed == [b"first", big, b"again"]
