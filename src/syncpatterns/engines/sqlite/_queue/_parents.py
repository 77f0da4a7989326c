"""Children wait for their parents, and learn how they ended."""

from __future__ import annotations

from typing import NamedTuple

from syncpatterns.engines.sqlite._queue._damage import at_the_desk
from syncpatterns.engines.sqlite._queue._desk import DEAD, ENDS, Desk
from syncpatterns.offline_queue._core import (
    Ended,
    ItemState,
    NewItem,
    ParentPolicy,
    parent_unknown,
)


class Edge(NamedTuple):
    """A child's view of one parent.

    Args:
        parent: Number that the child named.
        source: Number of the parent, or of the one that took its place.
        policy: What becomes of the child if the parent ends badly.
        ended: How it ended, if it has.
        open: Whether the child waits for it.
    """

    parent: int
    source: int
    policy: ParentPolicy
    ended: Ended | None = None
    open: bool = True

    @property
    def fatal(self) -> bool:
        """Whether the child has to end, as its parent did."""
        return self.open and self.ended is not None and self.policy == "cascade"


def edges_of(desk: Desk, new: NewItem) -> tuple[Edge, ...]:
    """Return what *new* waits for; parents that have ended are known at once.

    Raises:
        ConfigurationError: A parent is unknown, or forgotten.
    """
    edges: dict[int, Edge] = {}
    for parent in new.parents:
        found = _resolve(desk, parent.seq)
        if found is None:
            raise parent_unknown("sqlite", desk.name, new, parent.seq)
        source, ended = found
        waits = ended is None or (
            ended.state is not ItemState.DONE and parent.policy != "run"
        )
        edges[parent.seq] = Edge(parent.seq, source, parent.policy, ended, waits)
    return tuple(edges.values())


def _resolve(desk: Desk, seq: int) -> tuple[int, Ended | None] | None:
    """Return who stands for an item now, and how that one ended; None: unknown."""
    seen: set[int] = set()
    while seq not in seen:
        seen.add(seq)
        id_ = desk.id_of(seq)
        row = desk.row(id_)
        if row is not None:
            return seq, desk.dead(row) if row.state >= DEAD else None
        kept = desk.outcome(id_)
        if kept is None:
            return None
        ended = kept[0]
        if ended.state is not ItemState.SUPERSEDED:
            return seq, ended
        seq = ended.survivor
    raise ValueError("items that stand for each other")


def save_edges(desk: Desk, child: int, edges: tuple[Edge, ...]) -> None:
    """Store the parents of a child."""
    desk.family = True
    for edge in edges:
        ended = edge.ended
        known = (None,) * 7 if ended is None else columns_of(desk, ended)
        desk.run(
            "add_edge",
            child,
            edge.parent,
            desk.base + edge.source,
            edge.policy,
            int(edge.open),
            *known,
        )


@at_the_desk
def parents_of(desk: Desk, seq: int) -> dict[int, Ended]:
    """Return how each parent of an item ended, as far as they have."""
    found: dict[int, Ended] = {}
    for row in desk.all("edges", desk.id_of(seq)):
        parent, source, _, _, state, operation, hashed, at, reason, error, result = row
        if state is not None:
            found[parent] = Ended(
                source - desk.base,
                ENDS[state],
                b"".join((result or b"",)),  # a text would pass for bytes for long
                reason or "",
                error or "",
                0,
                at,
                desk.word(operation),
                hashed.hex(),
            )
    return found


def columns_of(desk: Desk, ended: Ended) -> tuple[object, ...]:
    """Return what a child's row says of how its parent ended."""
    return (
        ended.state.value,
        desk.word_id(ended.operation),
        bytes.fromhex(ended.key_hash),
        ended.at,
        ended.reason or None,
        ended.error or None,
        ended.result or None,
    )
