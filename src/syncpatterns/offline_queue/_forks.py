"""What a forked child must not take over: locks of others, and their deliveries."""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol


class _Renewed(Protocol):
    def start_over(self) -> None: ...


_all: weakref.WeakSet[Any] = weakref.WeakSet()


def renewed_in_child(thing: _Renewed) -> None:
    """Have *thing* start over in every process that is forked off."""
    _all.add(thing)


def _renew() -> None:
    for thing in list(_all):
        thing.start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
