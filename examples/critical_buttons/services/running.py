"""Which batches this process is at, so that one can be stopped on its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

#: As many digits of a storage key as an effect is told of it.
_HASH: Final = 8


@dataclass(slots=True)
class _Run:
    """One batch on its way.

    Args:
        key: Its storage key.
        asked: What was sent under it: its fingerprint.
        calls: How many requests wait for it; a client may ask twice.
        cancelled: Somebody has asked to stop it. Written by the event loop and read
            by the writer's thread; it only ever becomes true.
        doubtful: Another batch whose key begins alike, or something else under its
            key, is on its way too.
    """

    key: str
    asked: bytes
    calls: int = 0
    cancelled: bool = False
    doubtful: bool = False


class Running:
    """The batches of this process.

    It only makes a cancel quicker and decides nothing: whether a batch is
    cancelled is what the record of its key says, wherever it runs.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    def __contains__(self, key: str) -> bool:
        """Whether a request for the batch with this storage key is being answered."""
        run = self._runs.get(key[:_HASH])
        return run is not None and (run.key == key or run.doubtful)

    @contextmanager
    def batch(self, key: str, asked: bytes) -> Iterator[None]:
        """List the batch with this storage key while its request is answered."""
        run = self._runs.setdefault(key[:_HASH], _Run(key, asked))
        run.calls += 1
        run.doubtful = run.doubtful or (run.key, run.asked) != (key, asked)
        try:
            yield
        finally:
            run.calls -= 1
            if run.calls == 0:
                del self._runs[key[:_HASH]]

    def cancel(self, key: str, asked: bytes) -> None:
        """Ask the batch with this storage key to stop, if this process is at it.

        Who sends something else under its key is refused, and stops nothing.
        """
        run = self._runs.get(key[:_HASH])
        if run is not None and (run.key, run.asked) == (key, asked):
            run.cancelled = True

    def cancelled(self, key_hash: str) -> bool:
        """Tell whether the batch whose key begins so has been asked to stop.

        Of two that begin alike neither is stopped on its way: nobody could tell
        which of them was meant.
        """
        run = self._runs.get(key_hash)
        return run is not None and run.cancelled and not run.doubtful
