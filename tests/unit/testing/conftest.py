"""An echo server for the tests of the proxy, and a look at other processes."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOST = "127.0.0.1"


class EchoServer:
    """Answers every message with the same bytes; remembers what came in."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.received: list[bytes] = []
        self.ended: list[str] = []
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._spawn(self._accept)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def wait_for_ended(self, n: int) -> list[str]:
        """Return how the first *n* connections ended."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= n, 120)
        return self.ended

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for sock in (self.listener, *self._sockets):
            with sock:
                pass
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]  # a bound method
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            self._spawn(self._echo, sock)

    def _echo(self, sock: socket.socket) -> None:
        how = "closed"
        try:
            with sock:
                while data := sock.recv(65_536):
                    self.received.append(data)
                    sock.sendall(data)
        except OSError as error:
            how = type(error).__name__
        with self._changed:
            self.ended.append(how)
            self._changed.notify_all()


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """Give a server that says back what it hears."""
    server = EchoServer(socket.create_server((HOST, 0)))
    yield server
    server.close()


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Give a function that waits for the end of a process that is not our child."""

    def is_gone(pid: int) -> bool:
        deadline = time.monotonic() + 120
        while _runs(pid):
            if time.monotonic() > deadline:
                return False
            threading.Event().wait(0.005)
        return True

    return is_gone


def _runs(pid: int) -> bool:
    """Say whether it runs; one that has ended may wait to be collected."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
