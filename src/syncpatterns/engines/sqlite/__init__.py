"""SQLite: the default engine; record, outbox and business rows in one commit."""

from __future__ import annotations

from syncpatterns.engines.sqlite._engine import SqliteEngine
from syncpatterns.engines.sqlite._health import Health
from syncpatterns.engines.sqlite._readers import Snapshot
from syncpatterns.engines.sqlite._transaction import SqliteTransaction

__all__ = ["Health", "Snapshot", "SqliteEngine", "SqliteTransaction"]
