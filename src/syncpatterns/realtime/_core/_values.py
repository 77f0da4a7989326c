"""Where an event stands, and what a subscriber is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from syncpatterns.realtime._event import Event

GapReason: TypeAlias = Literal["epoch", "trimmed", "lagged"]
Stage: TypeAlias = Literal["delivered", "stored", "suppressed"]

_POSITION: Final = re.compile(r"([0-9A-Za-z]{1,32}):([0-9]{1,19})")
MAX_OFFSET: Final = 2**63 - 1


class Position(NamedTuple):
    """A place in one channel: the event *offset* of the numbering *epoch*.

    The offsets of one epoch are 1, 2, 3 and so on without a hole. A channel
    whose past is lost starts a new epoch, because event 5 of the new numbering
    would otherwise pass for the event 5 that somebody saw before the loss.
    Centrifugo has the same pair for the same reason.
    """

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position that `str` wrote as ``epoch:offset``.

        Raises:
            ValueError: *text* has another form.
        """
        match = _POSITION.fullmatch(text)
        if match is None or int(match[2]) > MAX_OFFSET:
            raise ValueError(
                "a position is written as epoch:offset, such as 1f00aa2c:5"
            )
        return cls(match[1], int(match[2]))


class Delivered(NamedTuple):
    """An event as a subscriber gets it.

    Args:
        event: What was published.
        position: Where it stands in its channel.
        replayed: It was published before this subscription began.
    """

    event: Event
    position: Position
    replayed: bool = False


class Gap(NamedTuple):
    """Events after *asked* are lost to this subscriber: fetch the state anew.

    Delivery goes on with the oldest event that is still kept. Somebody who
    fetches the state now can skip whatever comes up to *top*.

    Args:
        channel: Where they are missing.
        asked: The last position that was delivered or asked for.
        top: The newest position when the loss was noticed.
        reason: ``epoch``: the numbering started anew. ``trimmed``: they are no
            longer kept. ``lagged``: the subscriber read too slowly.
    """

    channel: str
    asked: Position | None
    top: Position
    reason: GapReason


class PublishResult(NamedTuple):
    """What became of a published event.

    Args:
        position: Where it stands; None if it was suppressed.
        duplicate: An event with this id was published before; *position* is
            where that one stands, and nothing new was delivered.
        stage: ``delivered``: subscribers of this process can read it.
            ``stored``: the outbox has it. ``suppressed``: a newer version of
            the same key was published before, so nobody gets this one.
    """

    position: Position | None
    duplicate: bool
    stage: Stage


class Bounds(NamedTuple):
    """What an outbox keeps of one channel.

    Args:
        oldest: Smallest offset kept; *top* + 1 if there is none.
        top: Largest offset ever used; 0 if there is none.
    """

    oldest: int
    top: int


class StoredEvent(NamedTuple):
    """A row of an outbox.

    Args:
        pos: Place in the commit order of all channels.
        channel: Where it is published.
        offset: Its number in the channel.
        event_id: Identity of the event.
        type: What happened.
        body: The rest of the event as JSON; see `check_fields`.
        created: When it was written, in seconds since the epoch.
    """

    pos: int
    channel: str
    offset: int
    event_id: str
    type: str
    body: bytes
    created: float
