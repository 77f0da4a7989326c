"""TCP ports that nobody else is given.

A port from the kernel's own range is free only until somebody asks for any
port: two test workers ask a few times a second, a server needs a second to
start, and once in a hundred runs somebody else has its port by then. So these
come from below that range, and each process has a block of them to itself: it
keeps the first port of the block bound for as long as it lives.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

__all__ = ["own_port"]

_HOST = "127.0.0.1"
#: Above what is well known, below where Linux (32768) and others (49152) begin.
_FIRST, _LAST = 20_000, 32_000
_BLOCK = 50

_lock = threading.Lock()
#: By process, as a forked child must not go on with the ports of its parent.
_blocks: dict[int, Iterator[int]] = {}


def own_port() -> int:
    """Return a port of this process's block that is free at this moment."""
    with _lock:
        block = _blocks.get(os.getpid())
        if block is None:
            _blocks.clear()
            block = _blocks[os.getpid()] = _ports(_claim(os.getpid()))
        return next(block)


def _claim(pid: int) -> range:
    """Return a block that is nobody else's."""
    blocks = range(_FIRST, _LAST, _BLOCK)
    for number in range(len(blocks)):
        first = blocks[(pid + number) % len(blocks)]
        holder = socket.socket()
        with contextlib.suppress(OSError):
            holder.bind((_HOST, first))
            holder.detach()  # bound until the process ends
            return range(first + 1, first + _BLOCK)
        holder.close()
    return range(0)


def _ports(block: range) -> Iterator[int]:
    """Go round the free ports of *block*; where none is, ask the kernel."""
    while True:
        there = False
        for port in block:
            if _can_bind(port):
                there = True
                yield port
        if not there:
            yield _of_the_kernel()


def _can_bind(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((_HOST, port))
        except OSError:
            return False
        return True


def _of_the_kernel() -> int:
    with socket.socket() as sock:
        sock.bind((_HOST, 0))
        port: int = sock.getsockname()[1]
        return port
