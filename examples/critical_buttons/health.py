"""Is the app able to do its work right now?"""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.realtime import Relay


class Health:
    """Looks at the database and at the relay of events.

    Args:
        engine: The app's database.
        relay: What brings committed events to the open pages.
    """

    def __init__(self, engine: SqliteEngine, relay: Relay) -> None:
        self._engine = engine
        self._relay = relay

    async def report(self) -> dict[str, Any]:
        """Return ``status`` ``ok`` or ``unavailable``, and why."""
        found = await run_sync(self._engine.health)
        relaying = self._relay.healthy
        return {
            "status": "ok" if found.writable and relaying else "unavailable",
            "database": {
                "engine": self._engine.name,
                "writable": found.writable,
                "detail": found.detail,
                "sqlite": found.sqlite_version,
                "shared": found.shared,
                # True is a reason to update SQLite, above all if `shared`.
                "wal_reset_bug": found.wal_reset_bug,
            },
            "relay": {"healthy": relaying, "lag_seconds": round(self._relay.lag, 3)},
        }
