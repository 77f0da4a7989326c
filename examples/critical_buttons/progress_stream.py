"""What is worth hearing only now, on an event stream that loses nothing.

An event of the outbox has a number, and a page resumes behind the last one it
saw. Progress has none: it is told from inside a transaction and kept nowhere. Nor
has a circuit breaker of this process that opens or closes.
Between two whole blocks of the stream a block without ``id:`` may stand, and it
moves no browser's position. So progress is put in there, from a hub of its own
in memory, and whether it came or was lost makes no difference to anything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import anyio

from syncpatterns.adapters.asgi import AsgiApp
from syncpatterns.errors import SubscriptionClosed
from syncpatterns.realtime import Event, Hub

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

#: Where `authorize` leaves the channel that this request may hear.
GRANTED: Final = "critical_buttons.progress"

_OPENED: Final = 200


class WithProgress:
    """Serves an event stream, and on it what a hub in memory says.

    Args:
        stream: The event stream.
        hub: Whose events are put in; those of the channel in ``scope[GRANTED]``.
        also: Channels that everybody hears who was granted one.
    """

    def __init__(self, stream: AsgiApp, hub: Hub, also: tuple[str, ...] = ()) -> None:
        self._stream = stream
        self._hub = hub
        self._also = also

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        lock = anyio.Lock()
        opening, hearing = anyio.Event(), anyio.Event()
        over = False
        failure: Exception | None = None

        # A closure that calls what it wraps `send`: by that name the stream finds
        # the connection of a client that does not read, and cuts it off.
        async def in_turn(message: Message) -> None:
            nonlocal over
            if message.get("status") == _OPENED and GRANTED in scope:
                # Heard from here on: a batch that begins when the page has its
                # answer is followed from its first row.
                opening.set()
                await hearing.wait()
            async with lock:
                over = over or not message.get("more_body", True)
                await send(message)

        async def beside() -> None:
            await opening.wait()
            try:
                channels = (scope[GRANTED], *self._also)
                async with self._hub.subscribe(*channels) as subscription:
                    hearing.set()
                    while not over:
                        batch = await subscription.batch()
                        body = b"".join(map(_block, batch.events))
                        async with lock:
                            if body and not over:
                                await send(
                                    {
                                        "type": "http.response.body",
                                        "body": body,
                                        "more_body": True,
                                    }
                                )
            except (SubscriptionClosed, OSError):
                # The server stops or the client is gone; the stream itself ends
                # in its own way.
                return
            finally:
                hearing.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beside)
            try:
                await self._stream(scope, receive, in_turn)
            except Exception as error:  # noqa: BLE001 - raised again below, not as a group
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


def _block(event: Event) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event.type.encode(), event.envelope())
