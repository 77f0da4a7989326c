"""The command line: ``syncpatterns ...`` or ``python -m syncpatterns.cli``.

Comes with the extra `cli`, which brings typer and rich; nothing else of the
library imports this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.cli._main import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    if name != "main":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from syncpatterns.cli import _main  # noqa: PLC0415 - imported on first use

    globals()[name] = _main.main
    return _main.main


def __dir__() -> list[str]:
    return list(__all__)
