"""Items of a file into a queue, each in a commit of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from syncpatterns.cli._errors import FAILED, Stop
from syncpatterns.cli._output import safe
from syncpatterns.cli._queue._records import Record
from syncpatterns.cli._queue._source import Place
from syncpatterns.errors import KeyReused, QueueFull
from syncpatterns.offline_queue._core import (
    Fail,
    Hold,
    ItemState,
    Park,
    QueueRules,
    Release,
    Settlement,
)
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.offline_queue._registering._payloads import REFERENCES
from syncpatterns.sealing._frames import is_sealed

Became: TypeAlias = Literal["imported", "parked", "duplicate", "clashing", "left out"]

_LEASE: Final = 60.0


@dataclass(slots=True)
class Done:
    """What became of the items."""

    imported: int = 0
    parked: int = 0
    duplicates: int = 0
    clashing: int = 0
    left_out: int = 0

    def count(self, became: Became) -> None:
        """Count one."""
        if became == "duplicate":
            self.duplicates += 1
        elif became == "clashing":
            self.clashing += 1
        elif became == "left out":
            self.left_out += 1
        else:
            self.imported += 1
            self.parked += became == "parked"

    def as_dict(self) -> dict[str, int]:
        """Return the figures by name."""
        return {
            "imported": self.imported,
            "parked": self.parked,
            "duplicates": self.duplicates,
            "clashing": self.clashing,
            "left_out": self.left_out,
        }

    def rest(self) -> list[tuple[int, str]]:
        """Return the figures that are not 0, with what they mean."""
        meanings = (
            (
                self.parked,
                "of them parked: they waited for others, which are not in the file",
            ),
            (self.duplicates, "were there already"),
            (self.clashing, "left out: their key is used for something else there"),
            (self.left_out, "left out: their lane or the queue is held up there"),
        )
        return [(figure, words) for figure, words in meanings if figure]


def run(
    place: Place,
    records: Iterator[Record],
    total: int,
    progress: Callable[[int, int], None],
) -> Done:
    """Put *records* into the queue, which is made if it is not there.

    Raises:
        Stop: The queue is full; what is in it by then stays.
    """
    store = place.store
    if place.queue not in store.queues():
        rules = QueueRules()
        store.configure(
            place.queue, rules._replace(max_items=max(rules.max_items, total))
        )
    done = Done()
    try:
        _restore_all(place, records, total, progress, done)
    finally:
        # None of these commits has waited for the disk; one that does makes all
        # of them stand.
        health = place.engine.health()
        if not health.writable:
            raise Stop(f"{safe(health.detail)} What was imported may be lost.", FAILED)
    return done


def _restore_all(
    place: Place,
    records: Iterator[Record],
    total: int,
    progress: Callable[[int, int], None],
    done: Done,
) -> None:
    for number, record in enumerate(records, 1):
        try:
            restore = partial(_restore, place, record)
            became: Became = place.engine.transact(restore, relaxed=True)
        except KeyReused:
            became = "clashing"
        except _HeldUp:
            became = "left out"
        except QueueFull as error:
            raise Stop(
                f"{safe(str(error))} {done.imported} were imported; make room, and "
                "import the file again: they are not imported twice.",
                FAILED,
            ) from None
        done.count(became)
        progress(number, total)


def _restore(place: Place, record: Record, tx: Any) -> Became:
    """Store *record* as it was, or parked where that would not be safe."""
    now = place.now()
    settle = _settlement(record, now)
    request = EnqueueRequest(
        place.queue, [record.new(now)], lease=0.0 if settle is None else _LEASE
    )
    # What is sealed already goes in as it is, and what lies open through the seal.
    store = place.kept if is_sealed(request.items[0].payload) else place.store
    (stored,) = store.enqueue(request, tx)
    if stored.duplicate:
        return "duplicate"
    if settle is None:
        return "imported"
    if stored.claimed is None:
        raise _HeldUp
    said = settle(stored.claimed.hold)
    place.store.settle(place.queue, [said], tx)
    if record.sent_at is not None:
        # Counted from there, else whoever executes it has forgotten its key by the
        # time that the queue thinks it may still ask.
        kept: Any = place.kept
        kept.sent_before(place.queue, stored.seq, record.sent_at, tx)
    return (
        "parked" if isinstance(said, Park) and record.state != "parked" else "imported"
    )


class _HeldUp(Exception):
    """It could not be claimed, so it cannot be made what it was."""


def _settlement(record: Record, now: float) -> Callable[[Hold], Settlement] | None:
    """Return how the item gets into its state; None if it is in it at once."""
    unsent = record.sent_at is None
    if record.state == ItemState.DEAD.value:
        return lambda hold: Fail(hold, record.reason or "imported", record.error)
    if record.state == ItemState.PARKED.value:
        return lambda hold: Park(
            hold, record.reason or "imported", record.error, unsent=unsent
        )
    if record.waits_for or REFERENCES in record.headers:
        return lambda hold: Park(hold, "parents", unsent=unsent)
    if unsent:
        return None
    return lambda hold: Release(hold, max(0.0, record.due_at - now))
