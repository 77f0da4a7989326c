"""What becomes of open databases when the process forks.

SQLite must not be open across a fork. The child inherits SQLite's own notes
about which locks the process holds, but not the locks: tried out, a
connection that the child opens by itself believes to have the file locked,
the parent closes and deletes the log, and what the child commits next is
acknowledged and lost. So all connections are closed before a fork, and both
sides open new ones when they next need them.
"""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._life import Life

#: Seconds that a fork waits for transactions and reads that are running.
PATIENCE: Final = 1.0

_one_fork = threading.Lock()  # of two threads that fork, one after the other
_watched: weakref.WeakSet[Life] = weakref.WeakSet()
_suspended: list[Life] = []
_running: list[Life] = []
#: In a child: what the parent had open, kept so that nothing closes it here.
_inherited: list[object] = []
_unusable: set[str] = set()


def watch(life: Life) -> None:
    """Have *life* closed and opened again around every fork."""
    _watched.add(life)


def refuse_inherited(path: Path) -> None:
    """Refuse a file that was open in the parent when this process was forked.

    Raises:
        ConfigurationError: It was.
    """
    if str(path) in _unusable:
        raise ConfigurationError(
            f"sqlite: this process was forked while a transaction or a read of {path} "
            "was running, so its locks cannot be trusted here. Fork before the engine "
            "is used, or start the process with spawn instead of fork."
        )


def refuse_open(path: Path) -> None:
    """Refuse a file that an engine of this process has open.

    Raises:
        ConfigurationError: One has.
    """
    if any(
        life.writer is not None and os.path.realpath(life.path) == str(path)
        for life in list(_watched)
    ):
        raise ConfigurationError(
            f"sqlite: an engine of this process has {path} open. Close it first."
        )


def _before() -> None:
    _one_fork.acquire()
    for life in list(_watched):
        (_suspended if life.suspend(PATIENCE) else _running).append(life)


def _after_in_parent() -> None:
    while _suspended:
        _suspended.pop().resume()
    _running.clear()
    _one_fork.release()


def _after_in_child() -> None:
    for life in _running:
        _unusable.add(os.path.realpath(life.path))
        _inherited.append(life.start_over())
    for life in _suspended:
        life.start_over()
    _suspended.clear()
    _running.clear()
    _one_fork.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before,
        after_in_parent=_after_in_parent,
        after_in_child=_after_in_child,
    )
