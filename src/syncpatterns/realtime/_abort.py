"""Cut a connection that ASGI can only close politely."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Any, Final

_DEEPEST: Final = 16
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


def abort(send: Any) -> bool:
    """Drop the connection behind *send* at once, if the server shows it.

    ASGI knows no such thing. An application that merely returns has its
    connection closed politely, which means after what is buffered has been
    read; a client that never reads keeps socket and buffers for ever. uvicorn's
    `send` is a method of an object that has the transport; middleware wraps it
    in closures and objects that name what they wrap ``send``, so the way back
    is followed. Where it ends nowhere, the polite close is all there is.

    Returns:
        Whether a transport was found and aborted.
    """
    for _ in range(_DEEPEST):
        owner = getattr(send, "__self__", None)
        transport = getattr(owner, "transport", None)
        if callable(getattr(transport, "abort", None)):
            _reset(transport)
            return True
        inner = getattr(owner, "send", None) or _closed_over(send)
        if inner is None or inner == send:
            return False
        send = inner
    return False


def _reset(transport: Any) -> None:
    """Close *transport* with a reset: the kernel forgets what it had buffered.

    Without that it goes on offering megabytes to a client that does not read.
    """
    with contextlib.suppress(AttributeError, OSError):
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def _closed_over(function: Any) -> Any:
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None)
    if code is None or cells is None or "send" not in code.co_freevars:
        return None
    return cells[code.co_freevars.index("send")].cell_contents
