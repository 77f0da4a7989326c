"""Cut a connection that ASGI can only close politely."""

from __future__ import annotations

from typing import Any, Final

_DEEPEST: Final = 16


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
        cut = getattr(getattr(owner, "transport", None), "abort", None)
        if callable(cut):
            cut()
            return True
        inner = getattr(owner, "send", None) or _closed_over(send)
        if inner is None or inner == send:
            return False
        send = inner
    return False


def _closed_over(function: Any) -> Any:
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None)
    if code is None or cells is None or "send" not in code.co_freevars:
        return None
    return cells[code.co_freevars.index("send")].cell_contents
