"""Numbers: those that items get, and those that they bring along."""

from __future__ import annotations

from typing import Final

from syncpatterns.engines.sqlite._queue._desk import NUMBERS, Desk
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import NewItem, check_seconds, named

#: Bytes of a payload from which on it lies apart from its item.
LARGE: Final = 1024
_LARGEST: Final = 1 << 62


class Numbers:
    """Gives out numbers, and writes the last one down in the end.

    Args:
        desk: Of the queue.
        counts: What `look` would find, if it is known: items, bytes, last.
    """

    def __init__(self, desk: Desk, counts: tuple[int, int, int] | None = None) -> None:
        self._desk = desk
        if counts is None:
            self.live = self.bytes = 0
            self.last = self.look()
        else:
            self.live, self.bytes, self.last = counts

    def look(self) -> int:
        """Look anew how much is live; return the last number written down."""
        counts = self._desk.one("live", self._desk.id) or (0, 0, 0)
        self.live, self.bytes, last = counts
        return int(last)

    def back(self) -> None:
        """Take the newest number back: nothing was stored under it."""
        self.last -= 1

    def next(self) -> int:
        """Return a number that was never given out before."""
        self.last += 1
        if self.last >= NUMBERS:
            raise ConfigurationError(
                f"sqlite: queue {self._desk.name!r} has given out all its numbers. "
                "Nothing was stored. Go on with a queue of another name."
            )
        return self.last

    def save(self) -> None:
        """Write down the last number, where no item has it."""
        self._desk.run("count", self._desk.id, self.last)


def check_numbers(new: NewItem) -> None:
    """Refuse what is no number, or too large a one to be stored.

    Raises:
        ConfigurationError: It is.
    """
    check_seconds("sqlite", new)
    if (
        not -_LARGEST < new.priority < _LARGEST
        or not -_LARGEST < new.version < _LARGEST
    ):
        raise ConfigurationError(
            f"sqlite: {named(new)}: priority= and version= take numbers of up to 18 "
            "digits. Nothing was stored."
        )
