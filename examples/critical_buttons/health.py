"""Is the app able to do its work right now?"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any, Final

from anyio.to_thread import run_sync

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Operation
from syncpatterns.realtime import Relay
from syncpatterns.retry import CircuitBreaker

#: All that a stranger is told of a database that cannot be written: what it says
#: itself names its path. The log has that.
_UNWRITABLE: Final = "The database cannot be written. The server's log says why."

_log = logging.getLogger("critical_buttons")


class Health:
    """Looks at the database, at the relay of events, and at what may be pressed.

    Args:
        engine: The app's database.
        relay: What brings committed events to the open pages.
        operations: The critical actions.
        breakers: What stands before the services this app asks.
    """

    def __init__(
        self,
        engine: SqliteEngine,
        relay: Relay,
        operations: Sequence[Operation[Any, Any]],
        breakers: Sequence[CircuitBreaker],
    ) -> None:
        self._engine = engine
        self._relay = relay
        self._operations = operations
        self._breakers = breakers
        self._said = ""

    async def report(self) -> dict[str, Any]:
        """Return ``status`` ``ok`` or ``unavailable``, and why.

        An open breaker is told and changes nothing: the app does its own work,
        and restarting it would heal nobody.
        """
        found = await run_sync(self._engine.health)
        self._log_news(found.detail)
        relaying = self._relay.healthy
        return {
            "status": "ok" if found.writable and relaying else "unavailable",
            "database": {
                "engine": self._engine.name,
                "writable": found.writable,
                "detail": "" if found.writable else _UNWRITABLE,
                "sqlite": found.sqlite_version,
                "shared": found.shared,
                # True is a reason to update SQLite, above all if `shared`.
                "wal_reset_bug": found.wal_reset_bug,
            },
            "operations": {each.name: _operation(each) for each in self._operations},
            "relay": {"healthy": relaying, "lag_seconds": round(self._relay.lag, 3)},
            "breakers": {each["name"]: each for each in self.breakers()},
        }

    def breakers(self) -> list[dict[str, Any]]:
        """Return how each breaker of this process stands."""
        return [_breaker(each) for each in self._breakers]

    def _log_news(self, detail: str) -> None:
        """Tell the operator once, however often a supervisor asks."""
        if detail != self._said:
            self._said = detail
            if detail:
                _log.error("The database cannot be written: %s", detail)
            else:
                _log.warning("The database can be written again.")


def _operation(operation: Operation[Any, Any]) -> dict[str, str]:
    return {
        "guarantee": operation.guarantee,
        "mode": operation.mode,
        "engine": operation.engine.name,
    }


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
