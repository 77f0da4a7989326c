"""A server of one event stream over SQLite; killed and started by a test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from syncpatterns.engines import connect
from syncpatterns.realtime import Hub, Relay
from syncpatterns.realtime.sse import SseApp, close_on_signal


def main(port: int, database: str) -> None:
    """Serve until SIGTERM."""
    engine: Any = connect(f"sqlite:///{database}")
    hub = Hub(engine)
    relay = Relay(engine, hub)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with engine, anyio.create_task_group() as tasks:
            await tasks.start(relay.run)
            with close_on_signal(hub):
                yield
            tasks.cancel_scope.cancel()

    sse = SseApp(hub, authorize=lambda scope, asked: asked, channels=["a"])
    app = Starlette(routes=[Route("/events", sse)], lifespan=lifespan)
    uvicorn.run(app, port=port, log_level="error", ws="none")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
