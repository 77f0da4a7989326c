"""What the functions of a fenced operation may know about their call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from syncpatterns import _testpoints
from syncpatterns.errors import CallRejected, ConfigurationError
from syncpatterns.events import Progress
from syncpatterns.idempotency._context import Context
from syncpatterns.retry import _deadline, remaining

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._call import FencedCall


class FencedContext(Context):
    """One execution of a fenced operation.

    Attributes:
        attempt: Number of the attempt that runs, 1 for the first; 0 before it.
        flying: A request is under way.
        doubtful: An earlier attempt of this key may have been done, and nobody
            has looked since.
        callers: The caller's deadline, if there is one: without the ``timeout=``
            of the operation's own retry, which begins later.
    """

    __slots__ = ("_call", "_until", "attempt", "callers", "doubtful", "flying")

    def __init__(self, call: FencedCall, **facts: Any) -> None:
        super().__init__(**facts)
        self._call = call
        self._until = math.inf
        self.callers = _deadline.current.get()
        self.flying = False
        self.attempt = 0
        self.doubtful = self.abandoned

    @property
    def where(self) -> str:
        """How errors begin: operation, hash of the key, engine."""
        return self._call.where

    @property
    def about(self) -> tuple[str, str, str]:
        """How facts begin: operation, hash of the key, engine."""
        return self._call.about

    def leave(self) -> None:
        """Say that the next thing to happen is a request to the outside.

        Raises:
            LeaseLost: Others may have taken the key over; nothing may leave.
            CallRejected: The caller's deadline is over. A request without any
                time would be sent, and its answer never be seen.
        """
        if remaining() <= 0.0:
            raise CallRejected(
                f"{self.where}: the caller's deadline was over before anything was "
                "sent. Try again with the same key."
            )
        self.point_of_no_return()
        self.attempt += 1
        self.flying = True
        self._begin()
        _testpoints.hit("fenced.before_send")

    def land(self, *, certain: bool) -> None:
        """Say that the attempt is over, and whether it is known what it did."""
        if self.flying and not certain:
            self.doubtful = True
        self.flying = False

    @property
    def may_be_done(self) -> bool:
        """Whether any attempt of this key may have been done.

        That of an attempt under way too: cancelled in the middle of it, nobody
        sees its end. Cancelled between two attempts that certainly did
        nothing, the key can be given back.
        """
        return self.doubtful or self.flying

    def check_receipt(self, found: object) -> None:
        """Refuse what a lookup cannot have meant, before rows are written of it.

        Raises:
            ConfigurationError: It is no receipt, such as False for "not there".
        """
        try:
            if found is not False:
                self._call.encode_receipt(found)
                return
        except Exception:  # noqa: BLE001, S110 - a codec may raise anything; said below
            pass
        raise ConfigurationError(
            f"{self.where}: lookup= returned a {type(found).__name__}. It returns the "
            "receipt as call= does, or None: the provider certainly has nothing."
        )

    def begin_look(self) -> None:
        """Give a lookup the time of an attempt; that of the last one is over."""
        self._begin()

    def _begin(self) -> None:
        timeout = self._call.mode.provider.timeout
        if timeout is not None:
            self._until = self._clock.monotonic() + timeout

    def remaining(self) -> float:
        """Return the seconds this attempt still has; infinity if nothing ends it.

        The least of the operation's ``timeout=``, its retry's, and every
        deadline around the call; in ``lookup=`` the retry's does not count.
        Hand it to your client as its time-out.
        """
        return max(0.0, min(self._until - self._clock.monotonic(), remaining()))

    @property
    def deadline(self) -> float:
        """When this attempt ends, on the operation's monotonic clock, or infinity."""
        return self._clock.monotonic() + self.remaining()

    def progress(self, done: int, total: int) -> None:
        """Tell the hooks how far it is; seen before, and without, a commit."""
        self._call.emit(Progress, done=done, total=total)
