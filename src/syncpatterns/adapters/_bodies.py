"""What a body may be: so long, as it came, and JSON that every parser reads alike."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, cast

from syncpatterns.adapters._messages import (
    AsgiApp,
    Message,
    Receive,
    Scope,
    Send,
    problem,
    send_problem,
    values_of,
)
from syncpatterns.errors import ConfigurationError

_JSON_TYPE: Final = re.compile(rb"application/(?:[a-z0-9.+_-]+\+)?json", re.IGNORECASE)
_MAX_DIGITS: Final = 18  # of a length that is worth reading as a number
_DISCARD_SECONDS: Final = 2.0  # for the rest of a body that is too large
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class _BodyTooLarge(Exception):
    """Ends the application's reading; never leaves `BodyLimit`.

    A disconnect instead would let a careless application take what it has so
    far for the whole body, and act on it.
    """


class BodyLimit:
    """Refuse bodies above a size, and bodies that would have to be unpacked.

    Bytes are counted as they arrive, so that neither a lying Content-Length
    nor a chunked body gets further. The answer is 413 ``body-too-large`` and
    the connection is closed; whatever the application still sends is dropped.
    A Content-Encoding other than ``identity`` is answered 415: a gzip bomb is
    small on the wire.

    Args:
        app: The ASGI application behind it.
        max_bytes: Largest body.

    Raises:
        ConfigurationError: *max_bytes* is not a positive whole number.
    """

    __slots__ = ("_app", "_max_bytes")

    def __init__(self, app: AsgiApp, max_bytes: int = 1024 * 1024) -> None:
        if isinstance(max_bytes, bool) or max_bytes < 1:
            message = f"max_bytes={max_bytes!r} must be a positive whole number."
            raise ConfigurationError(message)
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        encodings = values_of(scope, b"content-encoding")
        if any(value.lower() != b"identity" for value in encodings):
            await _refuse_encoding(scope, send)
            return
        declared = _declared_length(scope)
        if declared > self._max_bytes:
            waiting = values_of(scope, b"expect")  # it asks before it sends
            if declared <= self._patience and not waiting:
                await _discard(receive, self._patience)
            await self._refuse(scope, send)
            return
        await self._count(scope, receive, send)

    @property
    def _patience(self) -> int:
        return 8 * self._max_bytes

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = 0
        refused = started = False

        async def counted() -> Message:
            nonlocal seen, refused
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._max_bytes:
                    refused = True
                    if message.get("more_body", False):
                        await _discard(receive, self._patience)
                    if not started:
                        await self._refuse(scope, send)
                    raise _BodyTooLarge
            return message

        async def unless_refused(message: Message) -> None:
            nonlocal started
            if refused and not started:
                return  # the 413 has been sent; this is about a body cut short
            started = True
            await send(message)

        try:
            await self._app(scope, counted, unless_refused)
        except Exception:
            if not refused:
                raise

    async def _refuse(self, scope: Scope, send: Send) -> None:
        members = body_too_large(self._max_bytes)
        await send_problem(scope, send, members, [(b"connection", b"close")])


def _declared_length(scope: Scope) -> float:
    """Return the largest Content-Length of the request, 0 without one.

    What is no number the server has refused already, or the count decides.
    """
    lengths = [text.lstrip(b"0") for text in values_of(scope, b"content-length")]
    return max(
        (
            math.inf if len(text) > _MAX_DIGITS else int(text)
            for text in lengths
            if text.isdigit()
        ),
        default=0,
    )


async def _discard(receive: Receive, most: int) -> None:
    """Read on for a moment, up to *most* bytes, and keep nothing."""
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    seen = 0
    with anyio.move_on_after(_DISCARD_SECONDS):
        while seen <= most:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return
            seen += len(message.get("body", b""))


async def _refuse_encoding(scope: Scope, send: Send) -> None:
    members = problem(
        415,
        "content-encoding",
        "The body is encoded.",
        "Send the body as it is, without Content-Encoding. Nothing was done.",
    )
    lines = [(b"accept-encoding", b"identity"), (b"connection", b"close")]
    await send_problem(scope, send, members, lines)


class JsonBody:
    """Let only bodies through that are JSON, and that all parsers read alike.

    Python's own parser takes NaN, a byte order mark, UTF-16, a name twice in
    one object and half a surrogate pair; what it makes of them, a database or
    another service may refuse later, when it is too late for a clear answer.
    Such a body is 400 ``malformed-json`` here, and so is nesting deeper than
    200, a number of more than 4,300 digits or beyond the largest float, and
    U+0000 in a text. A body that is not declared as JSON is 415
    ``unsupported-media-type``, which also keeps a plain HTML form of another
    site from being taken for a request of ours.

    Place it inside `BodyLimit`: the body is held in memory.

    Args:
        app: The ASGI application behind it; it gets the bytes unchanged.
        only: Refuse other media types; False lets them pass unread.
    """

    __slots__ = ("_app", "_only")

    def __init__(self, app: AsgiApp, *, only: bool = True) -> None:
        self._app = app
        self._only = only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        is_json = _is_json(scope)
        if not is_json and not self._only:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return  # the caller has gone; nothing was claimed and nothing runs
        if body and not is_json:
            await send_problem(scope, send, unsupported_media_type())
            return
        reason = malformed(body) if body else None
        if reason is not None:
            await send_problem(scope, send, malformed_json(reason))
            return
        await self._app(scope, _replay(body, receive), send)


def body_too_large(max_bytes: int) -> dict[str, Any]:
    """Return the problem for a body above *max_bytes*."""
    return problem(
        413,
        "body-too-large",
        "The request body is too large.",
        f"A body may have at most {max_bytes} bytes. Nothing was done.",
        max_bytes=max_bytes,
    )


def malformed_json(reason: str) -> dict[str, Any]:
    """Return the problem for a body that is no JSON we take."""
    return problem(400, "malformed-json", "The request body is not valid JSON.", reason)


def unsupported_media_type() -> dict[str, Any]:
    """Return the problem for a body that is not declared as JSON."""
    return problem(
        415,
        "unsupported-media-type",
        "The request body is not JSON.",
        "Send JSON with Content-Type: application/json. Nothing was done.",
    )


def malformed(body: bytes) -> str | None:
    """Return why *body* is not JSON that every parser reads alike, or None.

    The reason names a place, never the content.
    """
    from pydantic_core import from_json  # noqa: PLC0415 - imported on first use

    if body.startswith(b"\xef\xbb\xbf"):
        return "It begins with a byte order mark."
    try:
        from_json(body, allow_inf_nan=False)
    except ValueError as error:
        return f"It cannot be parsed: {error}."
    if _NUL.search(body):
        return "It holds the character U+0000."
    try:
        json.loads(body, object_pairs_hook=_unique, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        return str(error)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        message = "An object holds the same name twice."
        raise ValueError(message)
    return made


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        message = "A number is too large."
        raise ValueError(message)
    return number


def _has_body(scope: Scope) -> bool:
    if values_of(scope, b"transfer-encoding"):
        return True
    lengths = values_of(scope, b"content-length")
    if not lengths:  # HTTP/2 needs neither; a safe method sends none in practice
        return scope.get("http_version", "1.1") not in {"1.0", "1.1"}
    return lengths != [b"0"]


def _is_json(scope: Scope) -> bool:
    types = values_of(scope, b"content-type")
    return len(types) == 1 and is_json(types[0])


def is_json(content_type: bytes) -> bool:
    """Tell whether *content_type* says JSON."""
    kind = content_type.partition(b";")[0].strip()
    return _JSON_TYPE.fullmatch(kind) is not None


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or None if the caller left before its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(cast("bytes", message.get("body", b"")))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give *body* once, then whatever the server has to say."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
