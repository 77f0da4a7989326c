"""Sealing what is stored: nobody reads it, and nobody changes it unseen.

A `Sealer` turns bytes into sealed bytes and back; `Keyring` is a finished one
(``pip install syncpatterns[crypto]``). ``OfflineQueue(sealer=keyring)`` seals
what waits. What a reader of the database still sees, and what whoever may
write to it can still do, stands in ``docs/how-to/encrypt-what-waits.md``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncpatterns.sealing._errors import (
        NotSealed,
        SealBroken,
        SealError,
        SealKeyMissing,
    )
    from syncpatterns.sealing._keyring import Keyring
    from syncpatterns.sealing._sealer import Sealer

__all__ = [
    "Keyring",
    "NotSealed",
    "SealBroken",
    "SealError",
    "SealKeyMissing",
    "Sealer",
]

_HOMES = {
    "Keyring": "_keyring",
    "NotSealed": "_errors",
    "SealBroken": "_errors",
    "SealError": "_errors",
    "SealKeyMissing": "_errors",
    "Sealer": "_sealer",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
