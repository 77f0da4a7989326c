"""Live events: the hub, the relay that fills it, and the stream of a tenant."""

from __future__ import annotations

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.realtime import Hub, Relay
from syncpatterns.realtime.sse import SseApp


class Live:
    def __init__(self, engine: SqliteEngine) -> None:
        self.hub = Hub(engine)
        self._relay = Relay(engine, self.hub)
        self._running = False
        self.app = SseApp(self.hub)

    async def relay(self) -> None:
        self._running = True
        try:
            await self._relay.run()
        finally:
            self._running = False

    def relaying(self) -> bool:
        return self._running

    async def end(self) -> None:
        self.hub.close()
