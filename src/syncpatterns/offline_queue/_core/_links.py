"""All targets of one queue together: pure bookkeeping over their links."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from syncpatterns.offline_queue._core._connectivity import ONLINE, Link, LinkState

_AWAY: Final = (LinkState.OFFLINE, LinkState.RESTING)


class LinkChange(NamedTuple):
    """One target that stands otherwise than before."""

    target: str
    old: LinkState
    new: LinkState


class Links:
    """What is known of each target; of most that is nothing bad."""

    __slots__ = ("_links",)

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def __len__(self) -> int:
        """Return how many targets are known to be otherwise than well."""
        return len(self._links)

    def __getitem__(self, target: str) -> Link:
        return self._links.get(target, ONLINE)

    def put(self, target: str, link: Link) -> LinkChange | None:
        """Keep *link*; say so if *target* now stands otherwise."""
        old = self[target]
        if link == ONLINE:
            self._links.pop(target, None)
        else:
            self._links[target] = link
        if old.state is link.state:
            return None
        return LinkChange(target, old.state, link.state)

    def caps(
        self, now: float, under_way: Mapping[str, int], width: int
    ) -> dict[str, int]:
        """Return how many items more each restricted target may get."""
        return {
            target: max(0, link.room(now, width) - under_way.get(target, 0))
            for target, link in self._links.items()
        }

    def to_look_at(self, now: float) -> list[str]:
        """Return the targets for which it is time to look."""
        return [name for name, link in self._links.items() if link.look_due(now)]

    def away(self) -> tuple[str, ...]:
        """Return the targets that get nothing now, sorted."""
        links = self._links.items()
        return tuple(sorted(name for name, link in links if link.state in _AWAY))

    def waits_until(self, now: float) -> float:
        """Return when time alone changes something; infinity for never."""
        return min(
            (link.waits_until(now) for link in self._links.values()), default=math.inf
        )

    def names(self) -> Iterable[str]:
        """Return the targets of which something is kept."""
        return tuple(self._links)
