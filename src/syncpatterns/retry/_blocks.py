"""The block form: ``for attempt in retry: with attempt: ...``.

A ``with`` block cannot run itself again, but a loop can: the block swallows a
failure that shall be retried, and the loop goes round. The idea and its form
are tenacity's.
"""

from __future__ import annotations

import enum
from types import TracebackType
from typing import Self

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._series import AttemptScope, Policy, Series


class _Stage(enum.Enum):
    NEW = enum.auto()  # no round was made yet
    OFFERED = enum.auto()  # a round was handed out and not entered
    RUNNING = enum.auto()
    AGAIN = enum.auto()  # the block failed, and another round shall follow
    OVER = enum.auto()


class Blocks:
    """The rounds of one loop; what the sync and the async iterator share."""

    __slots__ = ("_delay", "_policy", "_series", "_stage", "_until")

    def __init__(self, policy: Policy, *, scoped: bool) -> None:
        self._stage = _Stage.NEW
        if policy.judging:
            message = (
                "A block has no returned value that result= or a strategy in on= "
                "could judge. Raise an exception in the block, or use call()."
            )
            raise ConfigurationError(message)
        self._policy = policy
        self._until = policy.until()
        self._series = Series(policy, policy.started(), None, (), {}, scoped)
        self._delay = 0.0

    def enter(self, number: int) -> AttemptScope:
        """Begin the block of round *number*."""
        if self._stage is not _Stage.OFFERED or number != self._series.attempt:
            message = "This attempt is over; enter the one of the current round."
            raise ConfigurationError(message)
        self._stage = _Stage.RUNNING
        return AttemptScope(self._policy, self._series, self._until)

    def settle(self, error: BaseException | None) -> bool:
        """Decide what the end of a block means; True swallows its *error*."""
        self._stage = _Stage.OVER
        if error is None:
            self._policy.budget.deposit()
        elif isinstance(error, Exception):
            delay = self._series.after(error)
            if delay is not None:
                self._delay = delay
                self._stage = _Stage.AGAIN
        return self._stage is _Stage.AGAIN

    def _sleep_needed(self) -> float | None:
        """Return the sleep before the next round; None at the end of the loop."""
        if self._stage is _Stage.OFFERED:
            message = (
                "An attempt was not entered, so whether it failed is unknown. Write "
                "`with attempt:` around what shall be retried."
            )
            raise ConfigurationError(message)
        if self._stage is not _Stage.AGAIN:
            return None
        self._stage = _Stage.OVER  # interrupted in the sleep, it is
        return self._delay

    def _round(self) -> Attempt:
        self._stage = _Stage.OFFERED
        return Attempt(self, self._series.attempt)

    def __del__(self) -> None:
        """Refund the retry of a loop that was left between two rounds."""
        if self._stage is _Stage.AGAIN:
            self._series.refund()


class Attempt:
    """One round of the loop; enter it with ``with``.

    Attributes:
        number: 1 in the first round.
    """

    __slots__ = ("_blocks", "_scope", "number")

    def __init__(self, blocks: Blocks, number: int) -> None:
        self._blocks = blocks
        self._scope: AttemptScope | None = None
        self.number = number

    def __enter__(self) -> Self:
        self._scope = self._blocks.enter(self.number)
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            return self._blocks.settle(error)
        finally:
            if self._scope is not None:
                self._scope.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"<attempt {self.number}>"


class SyncBlocks(Blocks):
    """The iterator behind ``for attempt in retry``."""

    __slots__ = ()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Attempt:
        if self._stage is not _Stage.NEW:
            delay = self._sleep_needed()
            if delay is None:
                raise StopIteration
            self._series.pause(delay)
        return self._round()


class AsyncBlocks(Blocks):
    """The iterator behind ``async for attempt in retry``."""

    __slots__ = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        if self._stage is not _Stage.NEW:
            delay = self._sleep_needed()
            if delay is None:
                raise StopAsyncIteration
            await self._series.apause(delay)
        return self._round()
