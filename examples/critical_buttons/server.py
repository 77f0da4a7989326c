"""uvicorn, with a shutdown that ends open event streams first."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

#: Seconds after which requests that still run are cut off.
GRACE = 5


class Server(uvicorn.Server):
    """A server whose shutdown begins with the live streams.

    An event stream has no end of its own: uvicorn alone would wait for every
    open page until it gives up and cuts them off. Closing the hub ends them as
    if they had been told everything, so the browsers resume where they were.

    Args:
        config: uvicorn's configuration.
        on_started: Called once requests are accepted.
        on_stopping: Awaited before connections are closed.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_started: Callable[[], object],
        on_stopping: Callable[[], Awaitable[object]],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept requests, then say so."""
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        await self._on_stopping()
        await super().shutdown(sockets=sockets)


def serve(
    app: Any,
    listener: socket.socket,
    *,
    on_started: Callable[[], object],
    on_stopping: Callable[[], Awaitable[object]],
) -> None:
    """Serve *app* on *listener* until SIGINT or SIGTERM.

    A second SIGINT does not wait for requests that still run. At the end
    uvicorn raises the signal again, for whoever handled it before.
    """
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
    )
    server = Server(config, on_started=on_started, on_stopping=on_stopping)
    server.run(sockets=[listener])
