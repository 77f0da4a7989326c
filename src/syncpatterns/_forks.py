"""What a forked child starts over with: locks that nobody there would release.

A thread that held a lock while another thread forked does not exist in the child:
the first to take that lock would wait for ever. And what was under way is the
parent's, which goes on with it.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewed(Protocol):
    """Something with a lock, or with work of this process under way."""

    def _start_over(self) -> None: ...


_all: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renewed_in_child(thing: Renewed) -> None:
    """Have *thing* start over in every process that is forked off, while it lives."""
    _all.add(thing)


def _renew() -> None:
    for thing in list(_all):
        thing._start_over()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the protocol of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
