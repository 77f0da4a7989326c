"""The event stream behind a real server: sockets that close, stall and stop."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from syncpatterns.engines import connect
from syncpatterns.realtime import Event, Hub, OutboxPublisher
from syncpatterns.realtime.sse import SseApp
from syncpatterns.testing import ServerProcess, free_port
from tests.timing import at_best

PATIENCE = 120.0
CHILD = Path(__file__).with_name("realtime_server_child.py")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn")


def eventually(true: Callable[[], bool], within: float = PATIENCE) -> float:
    """Return the seconds until *true* was; another thread makes it so.

    Raises:
        AssertionError: It did not become so *within* that time.
    """
    began = time.monotonic()
    pause = threading.Event()
    while not true():
        assert time.monotonic() - began < within, "it did not happen in time"
        pause.wait(0.002)
    return time.monotonic() - began


class Client:
    """A browser's side of one stream, on a plain socket."""

    def __init__(self, port: int, path: str = "/events", *headers: str) -> None:
        self.began = time.monotonic()
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.seen = b""
        self.last_id = ""

    def until(self, *marks: bytes) -> float:
        """Read until all *marks* were seen; return the seconds since the start."""
        while not all(mark in self.seen for mark in marks):
            data = self.socket.recv(65536)
            assert data, f"the stream ended before {marks}: {self.seen[-300:]!r}"
            self.seen += data
        return time.monotonic() - self.began

    def end(self) -> bytes:
        """Read until the server closes, then close too."""
        with self.socket, contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                self.seen += data
        return self.seen

    def ids(self) -> list[str]:
        """Return the ids so far."""
        lines = self.seen.decode("latin-1").split("\n")
        return [line[4:].strip() for line in lines if line.startswith("id: ")]

    def events(self) -> list[Any]:
        """Return the data of the events so far."""
        lines = self.seen.decode("latin-1").split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    def close(self) -> None:
        """Close the socket, as a browser does with a tab."""
        self.socket.close()


class Site:
    """uvicorn on a thread, with the hub in reach."""

    def __init__(self, hub: Hub, app: Any, sse: SseApp) -> None:
        self.hub = hub
        self.sse = sse
        self.port = 0
        config = uvicorn.Config(
            app, port=0, log_level="error", lifespan="off", ws="none"
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.hub.close()
        self.server.should_exit = True
        self._thread.join()


@contextlib.contextmanager
def site(*middleware: Middleware, **options: Any) -> Iterator[Site]:
    """Serve a hub's stream under ``/events`` of a Starlette app."""
    hub = Hub(ring_bytes=64 * 1024 * 1024)
    sse = SseApp(hub, authorize=lambda scope, asked: asked, channels=["a"], **options)
    app = Starlette(routes=[Route("/events", sse)], middleware=list(middleware))
    with Site(hub, app, sse) as running:
        yield running


@pytest.mark.case("RTM-44", part="uvicorn")
def test_the_first_bytes_come_within_50_ms() -> None:
    """Without any event, so that a page knows at once that it is connected."""
    with site() as running:
        clients: list[Client] = []

        def connect_once() -> float:
            clients.append(Client(running.port))
            with clients[-1].socket:
                return clients[-1].until(b": ok\n", b"\nid: ")

        seconds = at_best(connect_once, 0.05)

    assert all(b"200 OK" in client.seen for client in clients)
    assert seconds < 0.05


@pytest.mark.case("RTM-46")
def test_gzip_middleware_does_not_hold_events_back() -> None:
    """An event arrives within 100 ms, uncompressed."""
    with site(Middleware(GZipMiddleware, minimum_size=1)) as running:
        client = Client(running.port, "/events", "Accept-Encoding: gzip")
        client.until(b": ok\n")
        numbers = itertools.count()

        def tell_once() -> float:
            number, began = next(numbers), time.monotonic()
            running.hub.publish(Event("a", "said", {"n": f"<{number}>"}))
            client.until(f"<{number}>".encode())
            return time.monotonic() - began

        seconds = at_best(tell_once, 0.1)
        client.close()

    assert b"content-encoding" not in client.seen.lower()
    assert seconds < 0.1


@pytest.mark.case("RTM-47", part="uvicorn")
def test_a_closed_tab_is_released_within_a_second() -> None:
    """Subscription and connection are gone, and others go on."""
    with site() as running:
        stays = Client(running.port)
        stays.until(b": ok\n", b"\nid: ")

        def close_four() -> float:
            clients = [Client(running.port) for _ in range(4)]
            for client in clients:
                client.until(b": ok\n", b"\nid: ")
            assert running.hub.subscribers == 5
            for client in clients:
                client.close()
            return eventually(lambda: running.hub.subscribers == 1)

        seconds = at_best(close_four, 1.0, tries=10)
        running.hub.publish(Event("a", "said", {"n": "<still>"}))
        stays.until(b"<still>")
        stays.close()
        eventually(lambda: running.sse.connections == 0)

    assert seconds < 1.0


@pytest.mark.case("RTM-15", part="uvicorn")
def test_a_client_that_never_reads_is_cut_off_in_time() -> None:
    """Within a second of the send timeout, and its connection with it."""
    padding = "x" * 200_000

    def cut_off_once() -> float:
        with site(send_timeout=1.0) as running:
            client = Client(running.port)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            eventually(lambda: running.hub.subscribers == 1)
            began = time.monotonic()
            for number in range(120):  # far more than the kernel takes
                running.hub.publish(Event("a", "said", {"n": number, "x": padding}))
            eventually(lambda: running.hub.subscribers == 0)
            seconds = time.monotonic() - began
            eventually(lambda: running.sse.connections == 0)
            eventually(lambda: not running.server.server_state.connections)
            rest = client.end()
        assert len(rest) < 120 * 200_000
        assert seconds > 0.9
        return seconds

    # The buffers take a moment to fill.
    assert at_best(cut_off_once, 3.0, tries=10) < 3.0


@pytest.mark.engine
@pytest.mark.case("RTM-48")
def test_sigterm_ends_a_hundred_streams_and_all_resume(tmp_path: Path) -> None:
    """The process stops at once, each client gets a clean end and goes on later."""
    tries = itertools.count()

    def stop_once() -> float:
        return _stopped_and_resumed(tmp_path / f"app-{next(tries)}.db")

    assert at_best(stop_once, 5.0, tries=5) < 5.0


def _stopped_and_resumed(database: Path) -> float:
    """Return the seconds from the signal to the end of the last stream."""
    engine = connect(f"sqlite:///{database}")
    publisher = OutboxPublisher(engine)
    port = free_port()
    argv = [sys.executable, str(CHILD), str(port), str(database)]
    with engine, ServerProcess(argv, ready=lambda: _answers(port)) as server:
        clients = [Client(port) for _ in range(100)]
        for client in clients:
            client.until(b": ok\n", b"\nid: ")
        publisher.publish(Event("a", "said", {"n": 1}))
        for client in clients:
            client.until(b'"n":1', b'"n":1')
        began = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        ends = [client.end() for client in clients]
        eventually(lambda: not server.running)
        seconds = time.monotonic() - began
        publisher.publish_many([Event("a", "said", {"n": n}) for n in (2, 3)])
        server.start()
        got = []
        for client in clients:
            again = Client(port, "/events", f"Last-Event-ID: {client.ids()[-1]}")
            again.until(b'"n":3')
            got.append([event["data"]["n"] for event in again.events()])
            again.close()

    assert all(end.endswith(b"0\r\n\r\n") for end in ends)
    assert got == [[2, 3]] * 100
    return seconds


def _answers(port: int) -> bool:
    client = Client(port)
    client.until(b": ok\n")
    client.close()
    return True
