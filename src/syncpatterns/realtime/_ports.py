"""What realtime needs from others, and what it offers to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from syncpatterns.realtime._core import (
    Bounds,
    Delivered,
    Gap,
    OnLag,
    Position,
    PublishResult,
    StoredEvent,
)

if TYPE_CHECKING:
    from syncpatterns.realtime._event import Event


class Capabilities(NamedTuple):
    """What a publisher or hub can do.

    Args:
        durable: What was published survives a restart.
        resumable: A subscriber can go on where it stopped.
        cross_process: Subscribers of other processes get it too.
        transactional: It can be published in the business transaction.
        deduplicates: An event published twice is delivered once.
        max_payload: Most bytes of an event's body.
    """

    durable: bool
    resumable: bool
    cross_process: bool
    transactional: bool
    deduplicates: bool
    max_payload: int


@runtime_checkable
class Publisher(Protocol):
    """Something that events can be given to."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def publish(self, event: Event) -> PublishResult:
        """Publish *event*.

        Raises:
            PublishRejected: It can never be published as it is.
        """
        ...

    def publish_many(self, events: Sequence[Event]) -> Sequence[PublishResult]:
        """Publish *events*; the order of each channel is kept."""
        ...

    async def apublish(self, event: Event) -> PublishResult:
        """Do `publish` from an event loop."""
        ...

    async def apublish_many(self, events: Sequence[Event]) -> Sequence[PublishResult]:
        """Do `publish_many` from an event loop."""
        ...


class Subscription(Protocol):
    """One reader of some channels."""

    @property
    def recovered(self) -> Mapping[str, bool]:
        """Whether nothing was lost, for each channel with a position asked for."""
        ...

    @property
    def positions(self) -> Mapping[str, Position]:
        """Up to where this reader has been given everything."""
        ...

    def __aiter__(self) -> AsyncIterator[Delivered | Gap]:
        """Give one event or gap at a time."""
        ...

    async def batch(
        self, max_items: int = 256, linger: float = 0.0
    ) -> Sequence[Delivered | Gap]:
        """Wait for at least one item and return what there is."""
        ...


@runtime_checkable
class Subscriber(Protocol):
    """Something that events can be read from."""

    def subscribe(
        self,
        *channels: str,
        since: Mapping[str, Position] | Literal["live", "earliest"] = "live",
        buffer: int | None = None,
        on_lag: OnLag = "gap",
    ) -> AbstractAsyncContextManager[Subscription]:
        """Return a context manager; inside it the subscription is live."""
        ...


@runtime_checkable
class Outbox(Protocol):
    """Committed events in a database; every method may block for a read.

    A hub and a relay call it on a worker thread. A third-party engine runs
    `syncpatterns.testing.conformance.realtime`.
    """

    @property
    def name(self) -> str:
        """Name of the engine, for errors."""
        ...

    @property
    def epoch(self) -> str:
        """Identity of the numbering; changes if, and only if, the past is lost."""
        ...

    def after(self, pos: int, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events committed after *pos*, in commit order.

        An event that becomes visible later must have a larger `pos` than all
        that were visible before.
        """
        ...

    def history(self, channel: str, offset: int, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events of *channel* after *offset*, in order."""
        ...

    def bounds(self, channels: Sequence[str]) -> dict[str, Bounds]:
        """Return which offsets of each of *channels* are kept."""
        ...

    def top(self) -> int:
        """Return the `pos` of the newest event; 0 if there is none."""
        ...

    def sweep(self, before: float, limit: int) -> int:
        """Delete up to *limit* events created before *before*; return how many.

        The newest event of all and of each channel stays: their numbers are
        never given again.
        """
        ...


@runtime_checkable
class RealtimeEngine(Protocol):
    """An engine whose transactions can publish."""

    @property
    def name(self) -> str:
        """Name of the engine, for errors."""
        ...

    def outbox(self) -> Outbox:
        """Return the outbox."""
        ...

    def data_version(self) -> int:
        """Return a number that changes when anybody has committed; cheap."""
        ...

    def on_commit(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call *listener* after commits of this process that published.

        It is a hint and may be missed; it runs on any thread.

        Returns:
            A function that takes the listener off.
        """
        ...
