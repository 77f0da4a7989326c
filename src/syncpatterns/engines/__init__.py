"""Engines keep what the patterns need; `connect` finds one by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.engines._connect import connect

__all__ = ["connect"]


def __getattr__(name: str) -> Any:
    if name != "connect":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from syncpatterns.engines import _connect  # noqa: PLC0415 - PEP 562: on first use

    globals()["connect"] = _connect.connect
    return _connect.connect


def __dir__() -> list[str]:
    return list(__all__)
