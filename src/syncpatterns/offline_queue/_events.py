"""What a queue tells its hooks: one class for each thing that can happen.

Nothing leaves a queue without a fact. They are told after the commit, outside
of locks and transactions; ``docs/reference/queue-events.md`` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from syncpatterns.events import Fact, StorageFull, StorageRecovered
from syncpatterns.offline_queue._draining._report import DrainReport

__all__ = [
    "DrainFinished",
    "DrainProgress",
    "DrainStarted",
    "ItemCancelled",
    "ItemCoalesced",
    "ItemDead",
    "ItemDelivered",
    "ItemDiscarded",
    "ItemDropped",
    "ItemDuplicate",
    "ItemEnqueued",
    "ItemExpired",
    "ItemLeaseLost",
    "ItemParked",
    "ItemReleased",
    "ItemRequeued",
    "ItemRetried",
    "QueueFact",
    "QueuePaused",
    "QueueResumed",
    "SignInNeeded",
    "StorageFull",
    "StorageRecovered",
    "TargetOffline",
    "TargetOnline",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFact(Fact):
    """Something happened in a queue.

    Args:
        operation: Name of the item's operation; empty where it is about no item.
        key_hash: First 8 hex digits of the key's hash; empty as above.
        engine: Name of the engine.
        queue: Name of the queue.
        seq: Number of the item; 0 as above.
    """

    operation: str = ""
    key_hash: str = ""
    engine: str = ""
    queue: str = ""
    seq: int = 0


# A fact without figures of its own is a plain subclass; see syncpatterns.events.


class ItemEnqueued(QueueFact):
    """It is stored, and will be delivered."""

    __slots__ = ()


class ItemDuplicate(QueueFact):
    """It was stored before, under this key and with this payload."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCoalesced(QueueFact):
    """It ended SUPERSEDED: the item *survivor* stands for it."""

    survivor: int = 0


class ItemDelivered(QueueFact):
    """It is DONE."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRetried(QueueFact):
    """It was answered with a failure, and is tried again.

    Args:
        attempt: Number of answered failures so far.
        seconds: Until it is tried again.
        error: What the handler raised, in the process where it ran.
    """

    attempt: int = 1
    seconds: float = 0.0
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReleased(QueueFact):
    """It was given back without an attempt being used.

    Args:
        reason: Why, as one word: ``not-sent``, ``no-answer``, ``not-asked``,
            ``in-progress``, ``stopped``, ``lapsed`` (its worker gave no sign
            of life)...
        target: Who was to do it.
        seconds: Until it may be delivered again.
        error: What the handler raised, in the process where it ran.
    """

    reason: str = ""
    target: str = ""
    seconds: float = 0.0
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemParked(QueueFact):
    """A person or the application has to look; it keeps its place.

    Args:
        reason: Why, as one word: ``sign-in``, ``forbidden``, ``unknown``,
            ``newer``, ``unknown-operation``...
    """

    reason: str = ""
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDead(QueueFact):
    """It is DEAD; its payload is kept until it is requeued or discarded.

    Args:
        reason: Why, as one word: ``rejected``, ``attempts``, ``poison``,
            ``payload-invalid``, ``predecessor``, ``parent``...
    """

    reason: str = ""
    error: BaseException | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDropped(QueueFact):
    """It had to make room for a newer one (``overflow="drop_oldest"``)."""

    reason: str = "overflow"


class ItemExpired(QueueFact):
    """It was never sent, and too old to be worth it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCancelled(QueueFact):
    """It was taken back before anybody had it.

    Args:
        reason: ``by-hand``, or ``pair``: it and what undoes it cancelled out.
    """

    reason: str = "by-hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDiscarded(QueueFact):
    """It was DEAD or PARKED, or failed where nothing is kept, and is gone for good."""

    reason: str = "by-hand"
    error: BaseException | None = field(default=None, compare=False, repr=False)


class ItemRequeued(QueueFact):
    """It was DEAD or PARKED, and will be delivered again."""

    __slots__ = ()


class ItemLeaseLost(QueueFact):
    """A worker was too late: somebody else has the item, its result was dropped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePaused(QueueFact):
    """A target, or the whole queue, gets nothing for now.

    Args:
        target: Which; empty for the whole queue.
        seconds: For how long; infinity until `OfflineQueue.resume`.
        reason: Why, as one word: ``by-hand``, ``sign-in``, ``retry-after``...
    """

    target: str = ""
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueResumed(QueueFact):
    """A pause is over, by hand or because its time was."""

    target: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInNeeded(QueueFact):
    """*target* wants somebody to sign in; `OfflineQueue.resume` goes on then."""

    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStarted(QueueFact):
    """A drain found something to deliver.

    Args:
        total: Items that were to be delivered at that moment.
    """

    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainProgress(QueueFact):
    """A drain has come further.

    Args:
        done: Items that have ended since it started; never goes back.
        total: Those, and the ones that are still to be delivered; grows by
            what is enqueued meanwhile.
        percent: How much is done, from 0 to 100. It never goes back: while
            more is enqueued than delivered it stands still. 100 only when
            nothing is left.
        eta: Seconds that the rest will take at the pace so far; None as long
            as there is no pace to speak of.
    """

    done: int = 0
    total: int = 0
    percent: float = 0.0
    eta: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainFinished(QueueFact):
    """Nothing is left that could be delivered now, or the drain was told to end.

    Args:
        report: What was done since it started, and what is left.
    """

    report: DrainReport = field(default_factory=DrainReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOffline(QueueFact):
    """A target gets nothing for now; its items wait and use no attempt.

    Args:
        target: Which.
        reason: ``unreachable``; or ``resting``, where a breaker or the target
            itself said when to come back.
        seconds: Until it is looked at again.
    """

    target: str = ""
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOnline(QueueFact):
    """A target that was away answers again, and gets all there is for it."""

    target: str = ""
