"""What the tests of the surface share: a payload, a CRM, and three worlds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio

from syncpatterns.events import Fact
from syncpatterns.offline_queue import (
    ItemContext,
    OfflineQueue,
    QueueFact,
)

#: The same names for both worlds; what is no ``a`` + name is listed here.
_TWINS = {"wait": "await_result"}
#: Kinds of facts that tell of a drain and not of an item.
_DRAIN = ("DrainStarted", "DrainProgress", "DrainFinished")


@dataclass(frozen=True, slots=True)
class Update:
    """Set the status of a lead."""

    lead: int
    status: str


@dataclass(frozen=True, slots=True)
class Lead:
    """What the CRM answers."""

    id: int
    status: str


@dataclass
class Crm:
    """A service: does, or raises, what it is told; keeps what it was asked.

    Attributes:
        script: Exceptions to raise, one a call; then it answers.
        calls: What it was asked, with the context of each.
        effects: What it has done, by key: asked again, it does nothing.
    """

    script: list[BaseException] = field(default_factory=list[BaseException])
    calls: list[tuple[Any, ItemContext]] = field(
        default_factory=list[tuple[Any, ItemContext]]
    )
    effects: dict[str, Any] = field(default_factory=dict[str, Any])

    def answer(self, payload: Update, ctx: ItemContext) -> Lead:
        """Do it, or raise what the script says."""
        self.calls.append((payload, ctx))
        if self.script:
            raise self.script.pop(0)
        self.effects.setdefault(ctx.key, payload)
        return Lead(payload.lead, payload.status)

    @property
    def keys(self) -> list[str]:
        """The key of each call."""
        return [ctx.key for _, ctx in self.calls]


class Facts:
    """A hook that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Fact] = []

    def __call__(self, fact: Any) -> None:
        self.heard.append(fact)

    @property
    def names(self) -> list[str]:
        """The kinds of facts about items and pauses, in order."""
        kinds = [type(fact).__name__ for fact in self.heard]
        return [kind for kind in kinds if kind not in _DRAIN]

    def of(self, kind: type[Any]) -> list[Any]:
        """The facts of one kind."""
        return [fact for fact in self.heard if type(fact) is kind]

    def about(self, seq: int) -> list[str]:
        """The kinds of facts about one item."""
        return [
            type(fact).__name__
            for fact in self.heard
            if isinstance(fact, QueueFact) and fact.seq == seq
        ]


class World:
    """Calls the plain methods, or their twins on a loop of asyncio or trio.

    Args:
        name: ``sync``, ``asyncio`` or ``trio``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, thing: Any, method: str, *args: Any, **options: Any) -> Any:
        """Call *method* of *thing* in this world."""
        if self.name == "sync":
            return getattr(thing, method)(*args, **options)
        twin = getattr(thing, _TWINS.get(method, f"a{method}"))
        return anyio.run(partial(twin, *args, **options), backend=self.name)

    def flush(self, queue: OfflineQueue) -> Any:
        """Deliver what can be delivered now, one after the other."""
        options = {} if self.name == "sync" else {"concurrency": 1}
        return self(queue, "flush", **options)


def states(queue: OfflineQueue, ids: Iterable[int]) -> list[str | None]:
    """Return where items stand."""
    return [queue.receipt(each).state() for each in ids]
