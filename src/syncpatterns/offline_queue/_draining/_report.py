"""What one drain did, counted while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    ItemState,
    Nack,
    Park,
    Release,
    Replace,
    Settled,
    Settlement,
    Staged,
)


class DrainReport(NamedTuple):
    """What a drain did, and what it left.

    Args:
        sent: Deliveries that ended well.
        failed: Deliveries that were answered with a failure and come again.
        parked: Items that a person or the application has to look at.
        released: Deliveries that were given back without using an attempt.
        dead: Items that ended DEAD, with those that ended because of them.
        left: Live items that are still there.
        offline: Targets that get nothing now, because nobody is there or
            because they are not to be asked yet.
    """

    sent: int = 0
    failed: int = 0
    parked: int = 0
    released: int = 0
    dead: int = 0
    left: int = 0
    offline: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counts what becomes of items. *ended* is what is off the queue for good."""

    sent: int = 0
    failed: int = 0
    parked: int = 0
    released: int = 0
    dead: int = 0
    ended: int = 0

    def settled(self, settlement: Settlement, settled: Settled) -> None:
        """Count one settlement; a stale one counts nowhere: its item is another's."""
        if not settled.accepted:
            return
        match settlement:
            case Ack():
                self.sent += 1
            case Nack():
                self.failed += 1
            case Release():
                self.released += 1
            case Park():
                self.parked += 1
            case Fail() | Replace():
                pass
        gone = {ended.seq for ended in settled.ended}
        if isinstance(settlement, (Ack, Fail, Replace)):
            gone.add(settlement.hold.seq)
        self.ended += len(gone)
        self.dead += sum(e.state is ItemState.DEAD for e in settled.ended)
        if isinstance(settlement, Fail) and not any(
            e.seq == settlement.hold.seq for e in settled.ended
        ):
            self.dead += 1

    def staged(self, staged: Staged) -> None:
        """Count what time alone has ended or parked."""
        self.ended += len(staged.ended)
        self.parked += len(staged.parked)
        self.dead += sum(ended.state is ItemState.DEAD for ended in staged.ended)

    def copy(self) -> Tally:
        """Return the figures as they are now."""
        return replace(self)

    def since(
        self, before: Tally, left: int, offline: tuple[str, ...] = ()
    ) -> DrainReport:
        """Return what was done since *before*, and what is left."""
        return DrainReport(
            sent=self.sent - before.sent,
            failed=self.failed - before.failed,
            parked=self.parked - before.parked,
            released=self.released - before.released,
            dead=self.dead - before.dead,
            left=left,
            offline=offline,
        )
