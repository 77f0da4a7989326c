"""What is kept about one item, in memory: plain values that are never changed."""

from __future__ import annotations

from typing import Any, NamedTuple

from syncpatterns.offline_queue._core import Ended, Item, ItemState, ParentPolicy


class Now(NamedTuple):
    """The time of one call, on both clocks."""

    steady: float
    wall: float


class Edge(NamedTuple):
    """A child's view of one parent.

    Args:
        parent: Number that the child named.
        policy: What becomes of the child if the parent ends badly.
        waits_for: The parent, or the one that took its place.
        outcome: How it ended, if it has.
        open: Whether the child still waits for it.
    """

    parent: int
    policy: ParentPolicy
    waits_for: int
    outcome: Ended | None = None
    open: bool = True


class Row(NamedTuple):
    """An item, and what only the store knows about it.

    Args:
        item: As it is shown, but `due_at` and `lease_until` on the steady clock.
        identity: What it is found by.
        place: Where it stands among others; its number, unless it took the
            place of another or was put to the end of its lane.
        lifetime: Seconds for which it is worth doing.
        sent_token: The token under which `sent_at` was set.
        edges: Its parents.
        holds_lane: It is DEAD and keeps its place in the lane.
        since: When it became DEAD, by the wall clock.
    """

    item: Item
    identity: bytes
    place: int
    lifetime: float
    sent_token: int = 0
    edges: tuple[Edge, ...] = ()
    holds_lane: bool = False
    since: float = 0.0

    def with_item(self, **changes: Any) -> Row:
        """Return the row with an item that differs by *changes*."""
        return self._replace(item=self.item._replace(**changes))

    @property
    def ended(self) -> Ended:
        """How it ended, if it is DEAD."""
        item = self.item
        return Ended(
            item.seq,
            item.state,
            reason=item.reason,
            error=item.error,
            at=self.since,
            operation=item.operation,
            key_hash=item.key_hash,
        )

    def shown(self, now: Now) -> Item:
        """Return the item as the ports describe it: times since the epoch."""
        ahead = now.wall - now.steady
        item = self.item
        until = item.lease_until + ahead if item.state is ItemState.LEASED else 0.0
        return item._replace(due_at=item.due_at + ahead, lease_until=until)


class Outcome(NamedTuple):
    """What is kept of an item that has ended."""

    ended: Ended
    identity: bytes
    fingerprint: bytes
    forget_at: float
