"""Locks in the child of a fork.

A thread that held one while another thread forked does not exist in the child,
where nobody would ever release it: the first call would wait for ever.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewed(Protocol):
    """Something with a lock."""

    def _after_fork(self) -> None: ...


_owners: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renewed_in_child(owner: Renewed) -> None:
    """Have *owner* make a new lock in every child that is forked."""
    _owners.add(owner)


def _renew_all() -> None:
    for owner in list(_owners):
        owner._after_fork()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the protocol of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
