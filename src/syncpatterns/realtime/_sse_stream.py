"""One event stream: who writes, who watches the client, who watches the time."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio

from syncpatterns.clock import Clock
from syncpatterns.errors import StoreUnavailable, SubscriptionClosed
from syncpatterns.realtime._abort import abort
from syncpatterns.realtime._core import Position
from syncpatterns.realtime._hub import Hub
from syncpatterns.realtime._sse_frames import HEARTBEAT, chunks, opening
from syncpatterns.realtime._subscription import HubSubscription

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_log = logging.getLogger("syncpatterns.realtime")

_BATCH = 256
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),  # no-transform: do not compress
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; see `SseApp`."""

    heartbeat: float
    send_timeout: float
    max_lifetime: float


class Stream:
    """Writes what a subscription gives until the client, the hub or time ends it."""

    def __init__(
        self,
        hub: Hub,
        subscription: HubSubscription,
        names: Mapping[str, str],
        send: Send,
        *,
        times: Times,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._hub = hub
        self._subscription = subscription
        self._names = names
        self._positions: dict[str, Position] = {
            names[channel]: position
            for channel, position in subscription.positions.items()
        }
        self._send = send
        self._times = times
        self._clock = clock
        # Jittered, or everybody who connected after a deploy reconnects at once.
        self._end = clock.monotonic() + times.max_lifetime * rng.uniform(0.8, 1.0)
        self._sending: float | None = None
        self._sent = clock.monotonic()
        self._beat = False
        self._over = False

    async def run(self, receive: Receive, retry_ms: int) -> None:
        """Answer the request; returns when the stream has ended."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, receive, tasks.cancel_scope)
            tasks.start_soon(self._guard, tasks.cancel_scope)
            try:
                await self._write(retry_ms)
            except OSError as error:  # how some servers say the client is gone
                _log.debug("An event stream broke off: %s", error)
            tasks.cancel_scope.cancel()

    async def _write(self, retry_ms: int) -> None:
        await self._send(
            {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        )
        await self._body(opening(retry_ms, self._positions))
        try:
            while not self._over:
                await self._subscription.changed()
                if self._hub.closed:  # what is left the client fetches elsewhere
                    break
                await self._hand_over()
        except SubscriptionClosed:
            pass
        except StoreUnavailable as error:
            _log.warning("An event stream ends, its history is out of reach: %s", error)
        await self._body(b"", more=False)

    async def _hand_over(self) -> None:
        batch = await self._subscription.gather(_BATCH)
        handed_over = self._subscription.positions
        for chunk in chunks(batch, self._names, self._positions, handed_over):
            await self._body(chunk)
        if self._beat and not batch:
            await self._body(HEARTBEAT)
        self._beat = False

    async def _body(self, body: bytes, *, more: bool = True) -> None:
        self._sending = self._clock.monotonic()
        await self._send(
            {"type": "http.response.body", "body": body, "more_body": more}
        )
        self._sending = None
        self._sent = self._clock.monotonic()

    async def _watch(self, receive: Receive, scope: anyio.CancelScope) -> None:
        """End everything as soon as the client is gone."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                scope.cancel()
                return

    async def _guard(self, scope: anyio.CancelScope) -> None:
        """Keep the times, in one task that sleeps until the next is due.

        A client that never reads fills the kernel's buffers, and then the
        server's `send` waits for ever: so one that takes longer than the send
        timeout is cut off.
        """
        beaten = self._sent
        while True:
            now = self._clock.monotonic()
            if self._sending is not None and self._late(self._sending, now):
                _log.info("An event stream was cut off: its client does not read.")
                abort(self._send)
                scope.cancel()
                return
            beat_at = max(self._sent, beaten) + self._times.heartbeat
            if now >= beat_at and self._sending is None:
                beaten, self._beat = now, True
                self._subscription.nudge()
            if now >= self._end and not self._over:
                self._over = True
                self._subscription.nudge()
            await self._clock.asleep(self._pause(now, beaten))

    def _late(self, since: float, now: float) -> bool:
        return now >= since + self._times.send_timeout

    def _pause(self, now: float, beaten: float) -> float:
        began = now if self._sending is None else self._sending
        due = [began + self._times.send_timeout]
        if self._sending is None:
            due.append(max(self._sent, beaten) + self._times.heartbeat)
        if not self._over:
            due.append(self._end)
        return max(0.001, min(due) - now)
