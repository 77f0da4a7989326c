"""Publish an event that belongs to no other business row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from syncpatterns.realtime._core import MAX_BODY, PublishResult
from syncpatterns.realtime._event import Event
from syncpatterns.realtime._ports import Capabilities

T = TypeVar("T")

_STORED = PublishResult(None, duplicate=False, stage="stored")


class _Engine(Protocol):
    """An engine whose transactions can publish."""

    def transact(self, work: Callable[[Any], T]) -> T: ...

    async def atransact(self, work: Callable[[Any], T]) -> T: ...


class OutboxPublisher:
    """A `Publisher` that commits each call to an engine's outbox.

    Inside an effect use ``tx.publish()`` instead: only there do event and
    business row share a commit. Give an event an id of its own if the call may
    be tried again after an `OutcomeUnknown`: it is then delivered with the same
    id and a client can tell it is the same.

    Args:
        engine: An engine with transactions, such as SQLite.
    """

    __slots__ = ("_engine",)

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; see `Capabilities`."""
        return Capabilities(
            durable=True,
            resumable=True,
            cross_process=True,
            transactional=True,
            deduplicates=False,
            max_payload=MAX_BODY,
        )

    def publish(self, event: Event) -> PublishResult:
        """Commit *event*; returns once the disk has it.

        Raises:
            PublishRejected: It can never be published as it is.
            StoreUnavailable: Nothing was published.
            OutcomeUnknown: The answer to the commit was lost.
        """
        self._engine.transact(partial(_publish, (event,)))
        return _STORED

    def publish_many(self, events: Sequence[Event]) -> Sequence[PublishResult]:
        """Commit *events*, all of them or none, in their order."""
        self._engine.transact(partial(_publish, tuple(events)))
        return [_STORED] * len(events)

    async def apublish(self, event: Event) -> PublishResult:
        """Do `publish` from an event loop."""
        await self._engine.atransact(partial(_publish, (event,)))
        return _STORED

    async def apublish_many(self, events: Sequence[Event]) -> Sequence[PublishResult]:
        """Do `publish_many` from an event loop."""
        await self._engine.atransact(partial(_publish, tuple(events)))
        return [_STORED] * len(events)


def _publish(events: Sequence[Event], tx: Any) -> None:
    tx.publish(*events)
