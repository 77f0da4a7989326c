"""A TCP proxy on 127.0.0.1 that breaks connections on demand.

Modelled on Toxiproxy's toxics, with one that matters most here: *the server
did it and the client never hears of it* (``rst_after_reply``). It runs in
threads, so it serves blocking and async clients, in this process or another.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from syncpatterns.clock import SystemClock
from syncpatterns.testing._faults._fault import Direction, Fault, FiredFault
from syncpatterns.testing._faults._link import Address, Link, reset

__all__ = ["FaultProxy"]

_HOST = "127.0.0.1"
_JOIN_TIMEOUT = 10.0
_HEAD = 40


class FaultProxy:
    """Stands between a client and a server, and does what faults tell it.

    ::

        with FaultProxy(server.port) as proxy:
            proxy.add("rst_after_reply", match=lambda data: b"confirm" in data)
            client.post(f"http://127.0.0.1:{proxy.port}/confirm")  # connection reset
            client.post(f"http://127.0.0.1:{proxy.port}/confirm")  # passes

    Args:
        target: Port on 127.0.0.1, ``(host, port)``, or path of a UNIX socket.

    Attributes:
        target: Where connections go; changing it concerns new connections.
        fired: Log of the faults that have fired, in order.
        target_errors: Why connections to the target failed.
    """

    def __init__(self, target: int | Address | os.PathLike[str]) -> None:
        self.target: Address = _address(target)
        self.fired: list[FiredFault] = []
        self.target_errors: list[OSError] = []
        self._faults: list[Fault] = []
        self._links: list[Link] = []
        self._connections = 0
        self._frozen = False
        self._changed = threading.Condition()
        self._door: _Door | None = None

    # ------------------------------------------------------------ life cycle

    @property
    def port(self) -> int:
        """The port to connect to on 127.0.0.1, once started."""
        if self._door is None:
            raise RuntimeError("the proxy is not running; use it as a context manager")
        return self._door.port

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return _HOST, self.port

    @property
    def connections(self) -> int:
        """How many connections were accepted since the start."""
        return self._connections

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        if self._door is not None:
            raise RuntimeError("the proxy is already running")
        self._door = _Door(self._accepted)
        self._door.start()
        return self

    def stop(self) -> None:
        """Close everything and wait until every thread has ended.

        Raises:
            RuntimeError: If a thread would not end.
        """
        door, self._door = self._door, None
        if door is None:
            return
        door.stop()
        self.thaw()
        with self._changed:
            links, self._links = self._links, []
        for link in links:
            link.end(with_reset=False)
        for thread in (door, *links):
            thread.join(_JOIN_TIMEOUT)
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} did not end")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # -------------------------------------------------------------- controls

    def add(self, fault: Fault | str, **options: Any) -> Fault:
        """Arm *fault*; of several that are due, the first added fires.

        Args:
            fault: A `Fault`, or its short form such as ``cut:5``.
            **options: With the short form, the other arguments of `Fault`.

        Returns:
            The fault, whose `fired` says how often it has fired.
        """
        armed = Fault.parse(fault, **options) if isinstance(fault, str) else fault
        with self._changed:
            self._faults.append(armed)
        return armed

    def clear(self) -> None:
        """Disarm all faults; what has been done to a connection stays done."""
        with self._changed:
            self._faults.clear()

    @property
    def frozen(self) -> bool:
        """Whether the line is frozen."""
        return self._frozen

    def freeze(self) -> None:
        """Let nothing move in either direction; no connection is closed."""
        self._set_frozen(frozen=True)

    def thaw(self) -> None:
        """Let what was held up by `freeze` arrive."""
        self._set_frozen(frozen=False)

    def refuse(self) -> None:
        """Stop listening: new connections get "connection refused".

        The port stays ours, and connections that are open stay open.
        """
        self._running().set_listening(listening=False)

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._running().set_listening(listening=True)

    def cut_all(self, *, with_reset: bool = True) -> int:
        """End every open connection and return how many there were."""
        with self._changed:
            links = [link for link in self._links if link.is_alive()]
        for link in links:
            link.end(with_reset=with_reset)
        for link in links:
            link.join(_JOIN_TIMEOUT)
        return len(links)

    def wait_for_fired(self, n: int = 1, *, timeout: float = 30.0) -> None:
        """Block until *n* faults have fired in all.

        Raises:
            TimeoutError: If they have not after *timeout* real seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.fired) >= n, timeout):
                raise TimeoutError(
                    f"{len(self.fired)} of {n} faults fired in {timeout:g} s"
                )

    # ------------------------------------------------- called by the threads

    def choose(self, number: int, direction: Direction, data: bytes) -> Fault | None:
        """Return the fault for this message, if one is due; called by links."""
        with self._changed:
            talk = [fault for fault in self._faults if fault.kind != "refuse"]
            return self._fire_needs_lock(talk, number, direction, data)

    def target_failed(self, error: OSError) -> None:
        """Note that the target could not be reached; called by links."""
        with self._changed:
            self.target_errors.append(error)
            self._changed.notify_all()

    def _accepted(self, client: socket.socket) -> None:
        with self._changed:
            self._connections += 1
            number = self._connections
            doors = [fault for fault in self._faults if fault.kind == "refuse"]
            refused = self._fire_needs_lock(doors, number, "up", b"") is not None
            self._links = [link for link in self._links if link.is_alive()]
            if not refused:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = Link(self, number, client)
                self._links.append(link)
                link.start()
            self._changed.notify_all()
        if refused:
            reset(client)

    def _fire_needs_lock(
        self, faults: list[Fault], number: int, direction: Direction, data: bytes
    ) -> Fault | None:
        due = [fault for fault in faults if fault.is_due(direction, data)]
        if not due:
            return None
        fault = due[0]
        fault.fired += 1
        now = SystemClock().monotonic()
        self.fired.append(FiredFault(fault.kind, number, direction, data[:_HEAD], now))
        self._changed.notify_all()
        return fault

    def _set_frozen(self, *, frozen: bool) -> None:
        with self._changed:
            self._frozen = frozen
            links = list(self._links)
        for link in links:
            link.wake()

    def _running(self) -> _Door:
        if self._door is None:
            raise RuntimeError("the proxy is not running")
        return self._door


class _Door(threading.Thread):
    """Accepts connections; alone owns the listening socket."""

    def __init__(self, accepted: Callable[[socket.socket], None]) -> None:
        super().__init__(name="fault-proxy", daemon=True)
        self._accepted = accepted
        self._listener = _bind(0)
        self._listener.listen(128)
        self.port: int = self._listener.getsockname()[1]
        self._orders: deque[tuple[str, threading.Event]] = deque()
        self._wake_reader, self._wake_writer = socket.socketpair()

    def set_listening(self, *, listening: bool) -> None:
        """Open or close the port; returns when it is so."""
        self._ask("listen" if listening else "refuse")

    def stop(self) -> None:
        """Close the port and end the thread."""
        self._ask("stop")

    def run(self) -> None:
        """Accept until told to stop."""
        listening = True
        while True:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake_reader, selectors.EVENT_READ)
                if listening:
                    selector.register(self._listener, selectors.EVENT_READ)
                ready = {key.fileobj for key, _ in selector.select()}
            if self._wake_reader in ready:
                self._wake_reader.recv(1)
                order, done = self._orders.popleft()
                listening = self._obey(order, listening=listening)
                done.set()
                if order == "stop":
                    return
            elif self._listener in ready:
                with suppress(OSError):  # the client gave up in between
                    client, _ = self._listener.accept()
                    self._accepted(client)

    def _ask(self, order: str) -> None:
        done = threading.Event()
        self._orders.append((order, done))
        self._wake_writer.send(b"!")
        if not done.wait(_JOIN_TIMEOUT):
            raise RuntimeError(f"the proxy's thread did not obey {order!r}")

    def _obey(self, order: str, *, listening: bool) -> bool:
        if order == "stop":
            self._listener.close()
            self._wake_reader.close()
            self._wake_writer.close()
            return False
        if order == "refuse" and listening:
            self._listener.close()
            self._listener = _bind(self.port)  # bound, not listening: it is refused
        elif order == "listen" and not listening:
            self._listener.listen(128)
        return order == "listen"


def _bind(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET)
    if os.name != "nt":  # there it would let a second program take the port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((_HOST, port))
    sock.settimeout(0)
    return sock


def _address(target: int | Address | os.PathLike[str]) -> Address:
    if isinstance(target, int):
        return _HOST, target
    if isinstance(target, tuple):
        return target
    return os.fspath(target)
