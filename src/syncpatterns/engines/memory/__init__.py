"""An engine that keeps everything in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.engines.memory._engine import MemoryEngine

__all__ = ["MemoryEngine"]


def __getattr__(name: str) -> Any:
    if name != "MemoryEngine":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from syncpatterns.engines.memory import _engine  # noqa: PLC0415 - PEP 562: on first use

    globals()["MemoryEngine"] = _engine.MemoryEngine
    return _engine.MemoryEngine


def __dir__() -> list[str]:
    return list(__all__)
