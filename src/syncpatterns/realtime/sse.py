"""Server-sent events as a plain ASGI application; works in any framework.

The wire is described in ``docs/reference/sse.md``.
"""

from __future__ import annotations

import inspect
import logging
import random
import signal
import threading
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from types import FrameType
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from syncpatterns._http import problem_document, render_problem
from syncpatterns._loops import current_loop
from syncpatterns.clock import Clock
from syncpatterns.errors import (
    ChannelDenied,
    ConfigurationError,
    Refusal,
    SubscriptionClosed,
    SyncPatternsError,
)
from syncpatterns.realtime._core import OnLag, Position, valid_channel
from syncpatterns.realtime._cursor import MAX_CHANNELS, decode_cursor, encode_cursor
from syncpatterns.realtime._hub import Hub
from syncpatterns.realtime._sse_stream import Receive, Scope, Send, Stream, Times

__all__ = ["SseApp", "close_on_signal", "decode_cursor", "encode_cursor"]

_log = logging.getLogger("syncpatterns.realtime")

Granted: TypeAlias = Mapping[str, str] | Sequence[str] | None
Authorize: TypeAlias = Callable[[Scope, tuple[str, ...]], Granted | Awaitable[Granted]]

_MOST_PARAMETERS: Final = 64


class _StreamInvalid(Refusal):
    status = 400
    problem = "stream-invalid"
    title = "The event stream cannot be opened like this."


class _CursorInvalid(Refusal):
    status = 400
    problem = "cursor-invalid"
    title = "The cursor is not one that this service has given out."


class _MethodNotAllowed(Refusal):
    status = 405
    problem = "method-not-allowed"
    title = "An event stream is opened with GET."


class _TooManyStreams(Refusal):
    status = 503
    problem = "too-many-streams"
    title = "Too many event streams are open."


class _Stopping(Refusal):
    status = 503
    problem = "stopping"
    title = "The service is stopping."


class SseApp:
    """Serves a hub's channels as an event stream.

    ``GET /events?channel=bookings`` begins live; the header Last-Event-ID,
    which a browser sends by itself when it reconnects, or else ``&cursor=``
    begins after that position. Mount it in any ASGI framework; it needs the
    path of the mount only.

    Args:
        hub: What to read.
        authorize: Called with the ASGI scope and the channels asked for, plain
            or async, before anything is sent. Returns the channels to use: a
            dict from the public name to the hub's channel, such as
            ``{"bookings": "tenant.acme.bookings"}``, or a list of names that
            are the same for both. Nothing, or `ChannelDenied`, is a 403; any
            other `SyncPatternsError` becomes its problem document. Clients see
            public names only, in events and in cursors alike, so a cursor can
            lead to no channel that was not granted to this very request.
        channels: What is used if the request names no channel.
        heartbeat: Seconds of silence after which a comment is sent.
        send_timeout: Seconds after which a client that does not read is cut off.
        max_connections: Streams at once; one more gets 503 and Retry-After.
        max_lifetime: Seconds after which a stream ends and the client resumes,
            so that rights and load are looked at anew; shortened by up to a
            fifth at random.
        retry_ms: Milliseconds that a browser waits before it reconnects, give
            or take a quarter.
        on_lag: What a client gets that reads too slowly; see `Hub.subscribe`.
        clock: Where the time comes from; the hub's if None.
        rng: For the jitter.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(  # noqa: PLR0913 - every bound is the caller's to set, by name
        self,
        hub: Hub,
        *,
        authorize: Authorize,
        channels: Sequence[str] = (),
        heartbeat: float = 15.0,
        send_timeout: float = 10.0,
        max_connections: int = 1000,
        max_lifetime: float = 1200.0,
        retry_ms: int = 2000,
        on_lag: OnLag = "gap",
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        times = (heartbeat, send_timeout, max_lifetime, retry_ms, max_connections)
        if not all(value > 0 for value in times):
            raise ConfigurationError("SseApp: times and max_connections are above 0.")
        if isinstance(channels, str) or not all(map(valid_channel, channels)):
            raise ConfigurationError("SseApp: channels is a list of channel names.")
        if not callable(authorize):
            raise ConfigurationError("SseApp: authorize is a function.")
        self._hub = hub
        self._authorize = authorize
        self._default = tuple(channels)
        self._times = Times(heartbeat, send_timeout, max_lifetime)
        self._max_connections = max_connections
        self._retry_ms = retry_ms
        self._on_lag: OnLag = on_lag
        self._clock = clock or hub.clock
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, keeps no secret
        #: How many streams are open.
        self.connections = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            raise ConfigurationError("SseApp answers HTTP only; mount it in an app.")
        if self.connections >= self._max_connections:
            await _refuse(send, self._too_many(), scope)
            return
        self.connections += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self.connections -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            names, since = await self._request(scope)
            subscription = self._hub.subscribe(*names, since=since, on_lag=self._on_lag)
            await subscription.__aenter__()
        except SyncPatternsError as error:
            await _refuse(send, self._refusal(error), scope)
            return
        try:
            retry = round(self._retry_ms * self._rng.uniform(0.75, 1.25))
            stream = Stream(
                self._hub,
                subscription,
                names,
                send,
                times=self._times,
                clock=self._clock,
                rng=self._rng,
            )
            await stream.run(receive, retry)
        finally:
            subscription.close()

    async def _request(
        self, scope: Scope
    ) -> tuple[dict[str, str], dict[str, Position]]:
        """Return the public name of each channel, and where to begin in it."""
        if scope["method"] != "GET":
            raise _MethodNotAllowed("An event stream is opened with GET.")
        asked, cursor = _parameters(scope, self._default)
        granted = self._authorize(scope, asked)
        if inspect.isawaitable(granted):
            granted = await granted
        names = _names(granted)
        last = [v for k, v in scope["headers"] if k.lower() == b"last-event-id"]
        if last and last[-1].strip():
            cursor = last[-1].strip().decode("latin-1")
        positions = _positions(cursor)
        since = {
            channel: positions[public]
            for channel, public in names.items()
            if public in positions
        }
        return names, since

    def _too_many(self) -> SyncPatternsError:
        return _after(
            _TooManyStreams(
                f"All {self._max_connections} event streams are in use. Try again."
            ),
            self._rng.uniform(1.0, 5.0),
        )

    def _refusal(self, error: SyncPatternsError) -> SyncPatternsError:
        """Return what the client is told of *error*; ours goes to the log."""
        if isinstance(error, SubscriptionClosed):  # the hub is closed
            stopping = _Stopping("The service is stopping. Connect again in a moment.")
            return _after(stopping, self._rng.uniform(1.0, 5.0))
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("An event stream could not be opened", exc_info=error)
        return error


@contextmanager
def close_on_signal(hub: Hub, *signals: signal.Signals) -> Generator[None]:
    """End all streams of *hub* when the process is told to stop.

    A server waits for its open responses before it runs the application's
    shutdown, and a stream has no end of its own: without this, SIGTERM hangs
    until the server's grace time is over. Enter it in the application's
    start-up, on the main thread and inside the event loop; the server's own
    handlers run as before. On other threads it does nothing.

    Args:
        hub: Whose streams to end.
        *signals: Which signals; SIGTERM and SIGINT if none are given.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    soon = current_loop().soon
    before: dict[signal.Signals, Any] = {}

    def stop(number: int, frame: FrameType | None) -> None:
        # Not hub.close() here: the handler may have interrupted somebody on
        # this very thread who holds the hub's lock.
        soon(hub.close)
        previous = before[signal.Signals(number)]
        if callable(previous):
            previous(number, frame)
        elif previous == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for each in signals or (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.signal(each, stop)
    try:
        yield
    finally:
        for each, previous in before.items():
            if signal.getsignal(each) is stop:
                signal.signal(each, previous)


def _after(error: SyncPatternsError, seconds: float) -> SyncPatternsError:
    error.retry_after = seconds
    return error


def _parameters(scope: Scope, default: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise _StreamInvalid("The query has too many parameters.") from error
    asked = tuple(dict.fromkeys(v for k, v in pairs if k == "channel")) or default
    if not asked:
        raise _StreamInvalid("Name at least one channel: ?channel=...")
    if len(asked) > MAX_CHANNELS:
        raise _StreamInvalid(f"A stream has at most {MAX_CHANNELS} channels.")
    if not all(map(valid_channel, asked)):
        raise _StreamInvalid(
            "A channel is 1 to 200 of the characters A-Z a-z 0-9 _ . : = @ , ; -"
        )
    cursors = [value for name, value in pairs if name == "cursor"]
    if len(set(cursors)) > 1:
        raise _CursorInvalid("There are two different cursors in the query. Send one.")
    return asked, cursors[0] if cursors else ""


def _names(granted: Granted) -> dict[str, str]:
    """Return the public name of each channel in what `authorize` returned."""
    if not granted:
        raise ChannelDenied("You may not read this channel.")
    if isinstance(granted, str):
        raise ConfigurationError("authorize returns a dict or a list of channels.")
    pairs = (
        granted if isinstance(granted, Mapping) else {each: each for each in granted}
    )
    names: dict[str, str] = {}
    for public, channel in pairs.items():
        if not valid_channel(public) or not valid_channel(channel):
            raise ConfigurationError("authorize returned something that is no channel.")
        names.setdefault(channel, public)
    return names


def _positions(cursor: str) -> dict[str, Position]:
    if not cursor:
        return {}
    try:
        return decode_cursor(cursor)
    except ValueError as error:
        raise _CursorInvalid(
            f"{str(error).capitalize()}. Fetch the state anew and connect without it."
        ) from error


async def _refuse(send: Send, error: SyncPatternsError, scope: Scope) -> None:
    status, headers, members = problem_document(error)
    if isinstance(error, _MethodNotAllowed):
        headers["allow"] = "GET"
    body = render_problem(members)
    headers["content-length"] = str(len(body))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send(
        {
            "type": "http.response.body",
            "body": b"" if scope["method"] == "HEAD" else body,
        }
    )
