"""One proxied connection: a thread that alone owns both of its sockets.

Two threads per connection would be shorter, but a reset sent by one of them
while the other still reads is put off by the kernel until that read returns.
"""

from __future__ import annotations

import enum
import os
import random
import selectors
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from syncpatterns.clock import SystemClock
from syncpatterns.testing._faults._fault import Direction, Fault

__all__ = ["Address", "Link", "reset"]

Address = tuple[str, int] | str

_CHUNK = 65_536
_QUEUE_LIMIT = 64
_SLICE_GAP = 0.0002
_SLICES_WITH_GAP = 200
_CONNECT_TIMEOUT = 5.0
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

_clock = SystemClock()


class _End(enum.Enum):
    EOF = "the sender has no more to say"
    CLOSE = "close both sides in order"
    RESET = "reset both sides"


class _Lane:
    """One direction: what was read from *source* and is due at *sink*."""

    def __init__(
        self, direction: Direction, source: socket.socket, sink: socket.socket
    ) -> None:
        self.direction: Direction = direction
        self.source = source
        self.sink = sink
        self.queue: deque[tuple[float, bytes | _End]] = deque()
        self.read_all = False
        self.blackholed = False
        self.finished = False

    def put(self, item: bytes | _End, not_before: float = 0.0) -> None:
        self.queue.append((not_before, item))

    def wants_to_read(self) -> bool:
        return not self.read_all and len(self.queue) < _QUEUE_LIMIT

    def wait(self, now: float) -> float | None:
        """Seconds until the head is due; None if the queue is empty."""
        return max(0.0, self.queue[0][0] - now) if self.queue else None


class Owner(Protocol):
    """What a link needs from its proxy."""

    target: Address

    @property
    def frozen(self) -> bool:
        """Whether nothing may move."""
        ...

    def choose(self, number: int, direction: Direction, data: bytes) -> Fault | None:
        """Return the fault to apply to this message, counted and logged."""
        ...

    def target_failed(self, error: OSError) -> None:
        """Take note that the target could not be reached."""
        ...


class Link(threading.Thread):
    """The connection of one client to the target."""

    def __init__(self, owner: Owner, number: int, client: socket.socket) -> None:
        super().__init__(name=f"fault-link-{number}", daemon=True)
        self._owner = owner
        self._number = number
        self._random = random.Random(number)  # noqa: S311 - which bit to flip
        self._client = client
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.settimeout(0)
        self._order: _End | None = None
        self._swallow_reply = False
        self._end: _End | None = None

    def wake(self) -> None:
        """Make the thread look at its orders; callable from any thread."""
        with suppress(OSError):  # already ended
            self._wake_writer.send(b"!")

    def end(self, *, with_reset: bool) -> None:
        """Ask the thread to end the connection."""
        self._order = _End.RESET if with_reset else _End.CLOSE
        self.wake()

    def run(self) -> None:
        """Move bytes until one side or an order ends it."""
        sockets = [self._client]
        try:
            server = _connect(self._owner.target)
            sockets.append(server)
            self._pump(server)
        except OSError as error:
            self._owner.target_failed(error)
            self._end = _End.RESET
        finally:
            for sock in sockets:
                (reset if self._end is _End.RESET else _close)(sock)
            self._close_wakers()

    def _close_wakers(self) -> None:
        self._wake_reader.close()
        self._wake_writer.close()

    def _pump(self, server: socket.socket) -> None:
        lanes = (
            _Lane("up", self._client, server),
            _Lane("down", server, self._client),
        )
        for sock in (self._client, server):
            sock.settimeout(0)
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while self._end is None:
                timeout = self._update_interest(selector, lanes)
                ready = {key.fileobj: mask for key, mask in selector.select(timeout)}
                self._take_orders(ready)
                if not self._owner.frozen:
                    self._turn(lanes, ready)

    def _take_orders(self, ready: Mapping[Any, int]) -> None:
        if self._wake_reader in ready:
            self._wake_reader.recv(4096)
        if self._order is not None:
            self._end = self._order

    def _turn(self, lanes: tuple[_Lane, _Lane], ready: Mapping[Any, int]) -> None:
        try:
            for lane in lanes:
                readable = ready.get(lane.source, 0) & selectors.EVENT_READ
                if self._end is None and readable and lane.wants_to_read():
                    self._read(lane)
            for lane in lanes:
                self._flush(lane)
        except BlockingIOError:
            return  # the kernel's buffer is full; the selector will say when not
        except OSError:
            self._end = _End.RESET  # one side was reset: so is the other
        if all(lane.finished for lane in lanes):
            self._end = self._end or _End.CLOSE

    def _update_interest(
        self, selector: selectors.BaseSelector, lanes: tuple[_Lane, _Lane]
    ) -> float | None:
        masks = dict.fromkeys((lane.source for lane in lanes), 0)
        waits: list[float] = []
        now = _clock.monotonic()
        for lane in lanes if not self._owner.frozen else ():
            wait = lane.wait(now)
            if lane.wants_to_read():
                masks[lane.source] |= selectors.EVENT_READ
            if wait == 0.0:
                masks[lane.sink] |= selectors.EVENT_WRITE
            elif wait is not None:
                waits.append(wait)
        for sock, mask in masks.items():
            _set_interest(selector, sock, mask)
        return min(waits, default=None)

    def _read(self, lane: _Lane) -> None:
        data = lane.source.recv(_CHUNK)
        if not data:
            lane.read_all = True
            lane.put(_End.EOF)
        elif lane.direction == "down" and self._swallow_reply and _is_answer(data):
            self._end = _End.RESET
        elif not lane.blackholed:
            fault = self._owner.choose(self._number, lane.direction, data)
            if fault is None:
                lane.put(data)
            else:
                self._apply(fault, lane, data)

    def _apply(self, fault: Fault, lane: _Lane, data: bytes) -> None:
        size = int(fault.amount)
        match fault.kind:
            case "rst" | "refuse":
                self._end = _End.RESET
            case "rst_after_reply" if lane.direction == "down":
                self._end = _End.RESET
            case "rst_after_reply":
                self._swallow_reply = True
                lane.put(data)
            case "blackhole":
                lane.blackholed = True
            case "cut":
                lane.put(data[:size])
                lane.put(_End.CLOSE)
            case "delay":
                lane.put(data, _clock.monotonic() + fault.amount)
            case "dup":
                lane.put(data)
                lane.put(data)
            case "corrupt":
                lane.put(self._flip_a_bit(data))
            case "slice":
                self._slice(lane, data, size)

    def _slice(self, lane: _Lane, data: bytes, size: int) -> None:
        now = _clock.monotonic()
        for i, start in enumerate(range(0, len(data), size)):
            gaps = min(i, _SLICES_WITH_GAP)
            lane.put(data[start : start + size], now + gaps * _SLICE_GAP)

    def _flip_a_bit(self, data: bytes) -> bytes:
        flipped = bytearray(data)
        flipped[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        return bytes(flipped)

    def _flush(self, lane: _Lane) -> None:
        while self._end is None and lane.wait(_clock.monotonic()) == 0.0:
            _, item = lane.queue.popleft()
            if item is _End.EOF:
                lane.finished = True
                lane.sink.shutdown(socket.SHUT_WR)
            elif isinstance(item, _End):
                self._end = item
            else:
                self._send(lane, item)

    @staticmethod
    def _send(lane: _Lane, data: bytes) -> None:
        sent = 0
        try:
            if data:
                sent = lane.sink.send(data)
        finally:
            if sent < len(data):
                lane.queue.appendleft((0.0, data[sent:]))


def _is_answer(data: bytes) -> bool:
    """Tell an answer from HTTP's interim ``100 Continue``."""
    return not data.startswith(b"HTTP/1.1 100 ")


def _set_interest(
    selector: selectors.BaseSelector, sock: socket.socket, mask: int
) -> None:
    change: Callable[..., object]
    known = sock in selector.get_map()
    if mask:
        change = selector.modify if known else selector.register
        change(sock, mask)
    elif known:
        selector.unregister(sock)


def _connect(target: Address) -> socket.socket:
    if isinstance(target, tuple):
        sock = socket.create_connection(target, _CONNECT_TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(_CONNECT_TIMEOUT)
    try:
        sock.connect(target)
    except OSError:
        sock.close()
        raise
    return sock


def reset(sock: socket.socket) -> None:
    """Close *sock* so that the peer gets a reset, not an end of file."""
    with suppress(OSError):  # the peer was faster
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    sock.close()


def _close(sock: socket.socket) -> None:
    """Close *sock* in order: without this, unread input would turn into a reset."""
    with suppress(OSError):  # the peer was faster
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(0)
        while sock.recv(_CHUNK):
            pass
    sock.close()
