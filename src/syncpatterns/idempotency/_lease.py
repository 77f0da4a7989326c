"""A claim that is being worked on, and how it is kept alive."""

from __future__ import annotations

import logging
from collections.abc import Callable

from syncpatterns.clock import Clock
from syncpatterns.idempotency._core import Windows
from syncpatterns.idempotency._ports import AsyncIdempotencyStore, IdempotencyStore
from syncpatterns.idempotency._timing import GIVE_UP

_log = logging.getLogger("syncpatterns")


class Lease:
    """One execution's hold on its key.

    Args:
        key: Storage key.
        token: What the store will ask for.
        seconds: How long the store keeps others away.
        windows: Of the operation; a store needs them to renew.
        sent: Monotonic time at which the claim was *sent*: the store counted
            from a later moment, so its owner gives up before the store does.
    """

    __slots__ = (
        "deadline",
        "due",
        "key",
        "lost",
        "on_lost",
        "seconds",
        "token",
        "windows",
    )

    def __init__(
        self, key: str, token: int, seconds: float, windows: Windows, sent: float
    ) -> None:
        self.key = key
        self.token = token
        self.seconds = seconds
        self.windows = windows
        self.deadline = sent + seconds * GIVE_UP
        self.due = sent + seconds / 3
        self.lost = False
        self.on_lost: Callable[[], object] | None = None

    def beat(self, store: IdempotencyStore, clock: Clock) -> None:
        """Renew, or find out that it is too late."""
        sent = clock.monotonic()
        if self._overdue(sent):
            return
        try:
            held = store.renew(self.key, self.token, self.seconds, self.windows)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._failed(sent, error)
        else:
            self._answered(sent, held=held)

    async def abeat(self, store: AsyncIdempotencyStore, clock: Clock) -> None:
        """Do `beat` on an event loop."""
        sent = clock.monotonic()
        if self._overdue(sent):
            return
        try:
            held = await store.renew(self.key, self.token, self.seconds, self.windows)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._failed(sent, error)
        else:
            self._answered(sent, held=held)

    def _overdue(self, now: float) -> bool:
        if now >= self.deadline:
            self.lose()
        return self.lost

    def _answered(self, sent: float, *, held: bool) -> None:
        if not held:
            self.lose()
            return
        self.deadline = sent + self.seconds * GIVE_UP
        self.due = sent + self.seconds / 3

    def _failed(self, sent: float, error: Exception) -> None:
        _log.warning("The lease of [%s] could not be renewed: %s", self.key[:8], error)
        self.due = min(sent + self.seconds / 9, self.deadline)

    def lose(self) -> None:
        """Tell the owner, once, that the key may belong to somebody else."""
        if not self.lost:
            self.lost = True
            if self.on_lost is not None:
                self.on_lost()
