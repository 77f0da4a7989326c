"""What every outbox promises; see `syncpatterns.testing.conformance.realtime`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol, TypeAlias

from syncpatterns.errors import PublishRejected
from syncpatterns.realtime import Event, Outbox, Position
from syncpatterns.testing.conformance._realtime._events import event, events


class OutboxBackend(Protocol):
    """An outbox, and how events get into it."""

    @property
    def outbox(self) -> Outbox:
        """The outbox."""
        ...

    def commit(self, *events: Event) -> float:
        """Publish *events* in one transaction; return the outbox's time then."""
        ...

    def roll_back(self, *events: Event) -> None:
        """Publish *events* in a transaction that is rolled back."""
        ...


MakeOutbox: TypeAlias = Callable[[], AbstractContextManager[OutboxBackend]]


def check_commit_order(make: MakeOutbox) -> None:
    """Rows come in commit order; offsets of a channel are 1, 2, 3 and so on."""
    with make() as backend:
        backend.commit(event(1), event(2, "b"))
        backend.commit(event(3))
        rows = backend.outbox.after(0, 100)

        assert [(row.channel, row.offset) for row in rows] == [
            ("a", 1),
            ("b", 1),
            ("a", 2),
        ]
        assert [row.pos for row in rows] == sorted({row.pos for row in rows})
        assert backend.outbox.top() == rows[-1].pos
        assert backend.outbox.after(rows[0].pos, 1) == [rows[1]]
        assert backend.outbox.after(rows[-1].pos, 100) == []


def check_rolled_back_leaves_no_trace(make: MakeOutbox) -> None:
    """What was rolled back is not there, and used up no offset."""
    with make() as backend:
        backend.commit(event(1))
        backend.roll_back(event(2), event(3))
        backend.commit(event(4))
        rows = backend.outbox.after(0, 100)

        assert [row.offset for row in rows] == [1, 2]
        assert b'"n":4' in rows[1].body


def check_rejected_writes_nothing(make: MakeOutbox) -> None:
    """One event that cannot be published takes all of its transaction along."""
    with make() as backend:
        good = events(1, 99)
        try:
            backend.commit(*good, object())  # type: ignore[arg-type]  # what is refused
            raised = False
        except PublishRejected:
            raised = True

        assert raised
        assert backend.outbox.after(0, 100) == []
        backend.commit(*good, event(100))
        rows = backend.outbox.after(0, 1000)
        assert [row.offset for row in rows] == list(range(1, 101))


def check_history(make: MakeOutbox) -> None:
    """History is one channel after an offset, in order, a page at a time."""
    with make() as backend:
        backend.commit(*events(1, 5), *events(1, 5, "b"))
        first = backend.outbox.history("a", 1, 2)
        second = backend.outbox.history("a", first[-1].offset, 100)

        assert [row.offset for row in first] == [2, 3]
        assert [row.offset for row in second] == [4, 5]
        assert {row.channel for row in first + second} == {"a"}
        assert backend.outbox.history("a", 5, 100) == []
        assert backend.outbox.history("unknown", 0, 100) == []


def check_bounds(make: MakeOutbox) -> None:
    """Bounds are the oldest offset kept and the newest ever used."""
    with make() as backend:
        backend.commit(*events(1, 3))
        bounds = backend.outbox.bounds(["a", "unknown"])

        assert bounds["a"] == (1, 3)
        assert bounds["unknown"] == (1, 0)


def check_sweep_keeps_the_numbers(make: MakeOutbox) -> None:
    """A sweep takes old rows in batches; no number is ever given twice."""
    with make() as backend:
        outbox = backend.outbox
        backend.commit(*events(1, 5), *events(1, 2, "b"))
        now = backend.commit(event(3, "b"))
        top = outbox.top()

        assert outbox.sweep(now - 3600, 100) == 0
        assert outbox.sweep(now + 3600, 4) == 4  # noqa: PLR2004 - the limit
        removed = outbox.sweep(now + 3600, 100)
        assert removed == 2  # noqa: PLR2004 - 8 rows, of which two are newest
        assert outbox.sweep(now + 3600, 100) == 0
        assert outbox.bounds(["a", "b"]) == {"a": (5, 5), "b": (3, 3)}
        backend.commit(event(6), event(4, "b"))
        rows = outbox.after(top, 100)
        assert [(row.channel, row.offset) for row in rows] == [("a", 6), ("b", 4)]
        assert outbox.bounds(["a"]) == {"a": (5, 6)}


def check_epoch_stays(make: MakeOutbox) -> None:
    """The epoch is short text without a colon, and the same at every look."""
    with make() as backend:
        epoch = backend.outbox.epoch
        backend.commit(event(1))

        assert backend.outbox.epoch == epoch
        assert Position.parse(f"{epoch}:1") == Position(epoch, 1)


OUTBOX_CHECKS: Final[tuple[Callable[[MakeOutbox], None], ...]] = (
    check_commit_order,
    check_rolled_back_leaves_no_trace,
    check_rejected_writes_nothing,
    check_history,
    check_bounds,
    check_sweep_keeps_the_numbers,
    check_epoch_stays,
)
