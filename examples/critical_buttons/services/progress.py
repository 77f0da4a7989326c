"""How far a batch has come, told while it runs and to whoever listens just then.

What is told here is no fact: it comes from inside a transaction that may still
be undone. So it goes past the outbox, is kept nowhere, and says "writing 180 of
500". Only what is said after the commit says "done".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from examples.critical_buttons.services.channels import progress_channel
from syncpatterns.clock import Clock
from syncpatterns.errors import EngineClosed
from syncpatterns.realtime import Event

#: Seconds between two steps of a phase. With the four phases of a batch that
#: makes nine events in any second at most.
EVERY: Final = 0.2
TYPE: Final = "bulk.progress"


def _always() -> bool:
    return True


class Announcer(Protocol):
    """The part of a hub in memory that progress needs."""

    def publish(self, event: Event) -> object:
        """Hand *event* to who listens; never wait for them."""
        ...


@dataclass(slots=True)
class BatchProgress:
    """Tells how far one batch has come.

    Safe on the writer's thread: publishing waits for nobody. A transaction that
    is tried again tells its phases again.

    Args:
        announcer: Where it is told.
        clock: Where the time comes from.
        tenant: Who may hear it.
        key_hash: Names the click.
        total: How many rows there are.
        by: Whose batch it is.
        to: What all its rows are to become; None if they differ.
        wanted: Whether it is still to be done; asked at every row.
    """

    announcer: Announcer
    clock: Clock
    tenant: str
    key_hash: str
    total: int
    by: str = ""
    to: str | None = None
    wanted: Callable[[], bool] = _always
    _phase: str = field(default="validating", init=False)
    _told: float = field(default=0.0, init=False)

    @property
    def cancelled(self) -> bool:
        """Whether somebody has asked to stop the batch."""
        return not self.wanted()

    def phase(self, name: str, done: int) -> None:
        """Tell that a phase begins."""
        self._phase = name
        self._tell(done)

    def step(self, done: int) -> None:
        """Tell that one more row is worked, unless something was told just now."""
        if self.clock.monotonic() - self._told >= EVERY:
            self._tell(done)

    def _tell(self, done: int) -> None:
        self._told = self.clock.monotonic()
        try:
            self.announcer.publish(
                Event(
                    progress_channel(self.tenant),
                    TYPE,
                    {
                        "op_key_hash": self.key_hash,
                        "phase": self._phase,
                        "done": done,
                        "total": self.total,
                        "by": self.by,
                        "to": self.to,
                    },
                )
            )
        except EngineClosed:
            # The server is stopping and its streams have ended: nobody listens,
            # and the batch itself must not fail for that.
            return
