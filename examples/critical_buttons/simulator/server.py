"""The server: two ports, of which one can be closed and opened again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, cast

import uvicorn
from starlette.requests import Request

_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 256
_TURNS: Final = 100  # of the event loop; closing takes one, unless bytes wait


def bound(port: int) -> socket.socket:
    """Return a socket bound to *port* of this machine; 0 is any free one.

    Raises:
        OSError: The port is taken.
    """
    # asyncio switches Nagle's algorithm off only where the protocol is named; with
    # it on, each answer waits 40 ms for the client's delayed acknowledgement.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # A port left a moment ago may be used again, one in use may not; on
            # Windows this would let two programs have it.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((_HOST, port))
    except OSError:
        made.close()
        raise
    return made


def port_of(made: socket.socket) -> int:
    """Return the port a socket is bound to."""
    port: int = made.getsockname()[1]
    return port


class Server(uvicorn.Server):
    """uvicorn on the API's socket and, perhaps, the admin's.

    Args:
        config: uvicorn's configuration.
        on_started: Called once requests are accepted.
        on_stopping: Called before connections are closed; lets go of requests
            that hang, so that none has to be cut off.
        followed: Whether a parent decides when this ends. Then Ctrl-C is left
            to it: a terminal sends it to both, and a simulator that ended first
            would turn the parent's last requests into failures.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_started: Callable[[], object],
        on_stopping: Callable[[], object],
        followed: bool = False,
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._followed = followed
        self._listening = True
        #: Bound but not listening while connections are refused.
        self._kept: socket.socket | None = None
        self._port = 0
        self._switching = asyncio.Lock()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, unless that is for the parent to say."""
        if not (self._followed and sig == signal.SIGINT):
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept requests, then say so."""
        await super().startup(sockets=sockets)
        if sockets:
            self._port = port_of(sockets[0])
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything."""
        self._on_stopping()
        if self._kept is not None:
            self._kept.close()
        await super().shutdown(sockets=sockets)

    async def listen(self, wanted: bool) -> None:  # noqa: FBT001 - open or not
        """Open the API's port, or close it so that connections are refused.

        A new socket takes the port as the old one lets go of it, without
        listening: the kernel refuses whoever connects, and no other program
        can get the port in the meantime.

        Raises:
            OSError: The port cannot be opened again.
        """
        async with self._switching:
            if wanted and not self._listening:
                again = self._kept or bound(self._port)
                loop = asyncio.get_running_loop()
                self.servers[0] = await loop.create_server(
                    self._protocol, sock=again, backlog=_BACKLOG
                )
                self._kept, self._listening = None, True
            elif not wanted and self._listening:
                self._listening = False
                self.servers[0].close()
                self._kept = bound(self._port)
                await self._hang_up()

    async def _hang_up(self) -> None:
        """Close the API's connections; those that are answered, afterwards.

        Returns once the closed ones are: a client that used one a moment later
        would see a connection break, and not one refused.
        """
        closing: list[Any] = []
        for connection in list(self.server_state.connections):
            each = cast("Any", connection)
            if each.server is not None and each.server[1] == self._port:
                each.shutdown()
                closing += [each] * each.transport.is_closing()
        for _ in range(_TURNS):
            if not self.server_state.connections.intersection(closing):
                break
            await asyncio.sleep(0)

    def _protocol(self) -> asyncio.Protocol:
        make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return make(
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    async def drop(self, request: Request) -> None:
        """Close the connection of *request* without another byte."""
        ends = request.scope["client"], request.scope["server"]
        for connection in list(self.server_state.connections):
            each = cast("Any", connection)
            if (each.client, each.server) == ends:
                each.transport.abort()
        while (await request.receive())["type"] != "http.disconnect":
            pass
