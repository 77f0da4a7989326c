"""The browser client: ES modules shipped with the package, and who serves them.

`BrowserAssets` is an ASGI application to be mounted anywhere; a page then
imports, say, ``/syncpatterns/idempotent-fetch.js``. There is no build step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.browser._assets import BrowserAssets

__all__ = ["BrowserAssets"]


def __getattr__(name: str) -> Any:
    if name != "BrowserAssets":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from syncpatterns.browser import _assets  # noqa: PLC0415 - imported on first use

    globals()[name] = _assets.BrowserAssets
    return _assets.BrowserAssets


def __dir__() -> list[str]:
    return __all__
