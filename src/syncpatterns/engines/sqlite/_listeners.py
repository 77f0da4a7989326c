"""Who wants to know that a commit published something, or touched a queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("syncpatterns.sqlite")


class CommitListeners:
    """Functions called after a commit; a failing one is logged.

    Held by the writer instead of the engine: the writer's thread would keep
    an engine that nobody else holds alive for ever.
    """

    __slots__ = ("_entries", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: tuple[tuple[Callable[[], object]], ...] = ()

    def add(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call *listener* from now on; the result takes it off again."""
        # Wrapped, so that one function added twice is two listeners.
        entry = (listener,)
        with self._lock:
            self._entries = (*self._entries, entry)

        def remove() -> None:
            with self._lock:
                self._entries = tuple(e for e in self._entries if e is not entry)

        return remove

    def start_over(self) -> None:
        """In a forked child: the parent's lock may be held by nobody."""
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Call every listener."""
        for (listener,) in self._entries:
            try:
                listener()
            except Exception:  # noqa: BLE001 - the commit stands, whatever they make of it
                _log.exception("sqlite: a commit listener failed")
