"""Is the app able to do its work right now?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from anyio.to_thread import run_sync

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.realtime import Relay
from syncpatterns.retry import CircuitBreaker


class Health:
    """Looks at the database and at the relay of events.

    Args:
        engine: The app's database.
        relay: What brings committed events to the open pages.
        breakers: What stands before the services this app asks.
    """

    def __init__(
        self, engine: SqliteEngine, relay: Relay, breakers: Sequence[CircuitBreaker]
    ) -> None:
        self._engine = engine
        self._relay = relay
        self._breakers = breakers

    async def report(self) -> dict[str, Any]:
        """Return ``status`` ``ok`` or ``unavailable``, and why.

        An open breaker is told and changes nothing: the app does its own work,
        and restarting it would heal nobody.
        """
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
            "breakers": {each["name"]: each for each in self.breakers()},
        }

    def breakers(self) -> list[dict[str, Any]]:
        """Return how each breaker of this process stands."""
        return [_breaker(each) for each in self._breakers]


def _breaker(breaker: CircuitBreaker) -> dict[str, Any]:
    found = breaker.snapshot()
    waits = math.isfinite(found.retry_after)  # for ever is no number in JSON
    return {
        "name": found.name,
        "state": found.state,
        "failures": found.failures,
        "threshold": found.threshold,
        "window_s": found.window,
        "retry_after_s": math.ceil(found.retry_after) if waits else None,
        "isolated": found.isolated,
    }
