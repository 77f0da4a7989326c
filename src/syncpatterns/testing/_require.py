"""Import what comes with the extra ``testing``, or say which extra is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["require"]


def require(module: str, tool: str) -> Any:
    """Return *module* for *tool*.

    Raises:
        ImportError: If it is not installed; names the extra to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{tool} needs {module.partition('.')[0]}: "
            "pip install 'syncpatterns[testing]'",
            name=error.name,
        ) from error
