"""SQLite: the default engine; record, outbox and business rows in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncpatterns.engines.sqlite._care._health import Health
from syncpatterns.engines.sqlite._engine import SqliteEngine
from syncpatterns.engines.sqlite._readers import Snapshot
from syncpatterns.engines.sqlite._writing._transaction import SqliteTransaction

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._salvage._build import Gap
    from syncpatterns.engines.sqlite._salvage._rescue import SalvageReport, salvage
    from syncpatterns.offline_queue._core import Finding

__all__ = [
    "Finding",
    "Gap",
    "Health",
    "SalvageReport",
    "Snapshot",
    "SqliteEngine",
    "SqliteTransaction",
    "salvage",
]

_RARELY_USED = frozenset({"Finding", "Gap", "SalvageReport", "salvage"})


def __getattr__(name: str) -> Any:
    if name not in _RARELY_USED:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from syncpatterns.engines.sqlite._care import _doctor  # noqa: PLC0415 - imported on first use
    from syncpatterns.engines.sqlite._salvage import _rescue as _salvage  # noqa: PLC0415 - imported on first use

    value = getattr(_doctor if name == "Finding" else _salvage, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
