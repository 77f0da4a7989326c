"""Clients that repeat a request whose answer got lost."""

from __future__ import annotations

import http.client
import http.server
import itertools
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from syncpatterns.testing import FaultProxy


class Server(http.server.ThreadingHTTPServer):
    """Counts effects; with a key it does each once."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.effects: Counter[str] = Counter()
        self.done: set[str] = set()
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: broken connections are the point."""

    def confirm(self, booking: str, key: str | None) -> None:
        with self.lock:
            if key not in self.done:
                self.effects[booking] += 1
            if key is not None:
                self.done.add(key)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        booking = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert isinstance(self.server, Server)
        self.server.confirm(booking, self.headers["Idempotency-Key"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server that confirms bookings."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join(120)


def press(port: int, booking: str, key: str | None) -> None:
    """Send one confirmation."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {} if key is None else {"Idempotency-Key": key}
    try:
        connection.request("POST", "/", booking, headers)
        connection.getresponse().read()
    finally:
        connection.close()


def sweep(server: Server, fault: str, *, with_key: bool) -> dict[str, int]:
    """Break the n-th message, n = 1, 2, ...; repeat on error; count effects."""
    with FaultProxy(server.server_port) as proxy:
        for n in itertools.count(1):
            booking = f"{fault} at message {n}"
            proxy.clear()
            broken = proxy.add(fault, direction="both", at=n)
            for _ in range(2):
                try:
                    press(proxy.port, booking, booking if with_key else None)
                except (OSError, http.client.HTTPException):
                    continue
                break
            if not broken.fired:
                return dict(server.effects)
    raise AssertionError("unreachable")


@pytest.mark.parametrize("fault", ["rst_after_reply", "rst", "cut:5"])
def test_repeating_without_a_key_is_caught(server: Server, fault: str) -> None:
    """Somewhere on the wire the request was done and the answer lost."""
    assert 2 in sweep(server, fault, with_key=False).values()


@pytest.mark.parametrize("fault", ["rst_after_reply", "rst", "cut:5"])
def test_repeating_with_a_key_is_clean(server: Server, fault: str) -> None:
    """Wherever the line breaks, it happened once."""
    effects = sweep(server, fault, with_key=True)

    assert len(effects) >= 2
    assert set(effects.values()) == {1}
