"""Keys for calls that bring none, made before the first try."""

from __future__ import annotations

import os
import random
import threading
import weakref

from syncpatterns.clock import Clock
from syncpatterns.offline_queue._core._keys import (
    FRESH_BITS,
    TAIL_BITS,
    Moment,
    as_text,
    following,
)

#: Where keys and jitter come from if the queue was given nothing else. Forked
#: workers would inherit its state and make the same keys, so a child starts anew.
SHARED_RNG = random.Random()  # noqa: S311 - keys are unique, not secret: the scope guards them


def storable(text: object, longest: int) -> bool:
    """Tell whether *text* is text of 1 to *longest* characters that has a UTF-8 form.

    JSON can spell half a surrogate pair, and no database takes one.
    """
    if not isinstance(text, str) or not 1 <= len(text) <= longest:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class KeyMaker:
    """Makes keys that grow, whatever the clock does; safe for any thread.

    Args:
        clock: Its wall clock is the first part of each key.
        rng: The rest.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()
        self._last = Moment(0, rng.getrandbits(FRESH_BITS))
        _makers.add(self)

    def make(self) -> str:
        """Return a key greater than every one before."""
        now = self._clock.time()
        with self._lock:
            rng = self._rng
            self._last = following(self._last, now, rng.getrandbits(FRESH_BITS))
            return as_text(self._last, rng.getrandbits(TAIL_BITS))

    def start_over(self) -> None:
        """In a forked child: go on apart from the parent."""
        self._lock = threading.Lock()  # another thread may have held it
        self._rng = SHARED_RNG
        self._last = Moment(self._last.ms, SHARED_RNG.getrandbits(FRESH_BITS))


_makers: weakref.WeakSet[KeyMaker] = weakref.WeakSet()


def _after_fork() -> None:
    SHARED_RNG.seed()
    for maker in list(_makers):
        maker.start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
