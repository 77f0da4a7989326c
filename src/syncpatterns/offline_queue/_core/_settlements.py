"""What a worker tells the store about an item it held; each is fenced by its hold.

A settlement whose token is stale changes nothing, and the store says so.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from syncpatterns.offline_queue._core._values import Ended, Hold, NewItem


class Ack(NamedTuple):
    """It was done."""

    hold: Hold
    result: bytes = b""


class Nack(NamedTuple):
    """It was answered with a failure: one attempt more, and later again.

    It keeps its place at the head of its lane.
    """

    hold: Hold
    delay: float
    error: str = ""


class Release(NamedTuple):
    """It is given back without an attempt being used: offline, busy, stopping.

    Args:
        hold: Whose it was.
        delay: Seconds before it may be claimed again.
        unsent: It certainly reached nobody in this delivery; if it never did
            before either, it counts as never sent.
        error: Why, for people.
    """

    hold: Hold
    delay: float = 0.0
    unsent: bool = False
    error: str = ""


class Fail(NamedTuple):
    """It is DEAD: kept with its payload until requeued or discarded.

    Args:
        hold: Whose it was.
        reason: ``rejected``, ``attempts``, ``payload-invalid``...
        error: What was said, for people.
        discard: Keep no payload, only the outcome.
        failed: It was answered with a failure once more: one attempt more, as in
            `Nack`. A refusal is none.
    """

    hold: Hold
    reason: str
    error: str = ""
    discard: bool = False
    failed: bool = False


class Park(NamedTuple):
    """A person or the application has to look: it keeps its place in its lane.

    Args:
        hold: Whose it was.
        reason: ``sign-in``, ``forbidden``, ``unknown``, ``newer``...
        error: What was said, for people.
        unsent: As in `Release`: answered 401 on Friday, it may still be
            delivered on Monday, which it could not if it counted as sent.
    """

    hold: Hold
    reason: str
    error: str = ""
    unsent: bool = False


class Replace(NamedTuple):
    """It ends SUPERSEDED by *item*, which takes its place in the lane.

    How a conflict is resolved with another payload, which needs another key.
    """

    hold: Hold
    item: NewItem


Settlement: TypeAlias = Ack | Nack | Release | Fail | Park | Replace


class Settled(NamedTuple):
    """What a settlement changed.

    Args:
        accepted: False if the hold was stale: somebody else had the item.
        ended: How the item ended, and those that ended with it (a lane's
            ``cascade``, children of a DEAD parent).
        seq: For `Replace`: number of the new item; else the item's own.
    """

    accepted: bool
    seq: int
    ended: tuple[Ended, ...] = ()
