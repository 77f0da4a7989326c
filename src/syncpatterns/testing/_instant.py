"""Retries that wait for nothing, in one test and nowhere else.

A retry under test should decide as it does in production and not take its
time. The switch is a context variable: it holds for the code under the
``with`` block and the tasks started in it, not for another test that runs in
another thread of the same process.
"""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import Self

from syncpatterns.retry._pause import skipped_sleeps

__all__ = ["instant"]


class instant:  # noqa: N801 - used like a function, as contextlib's own are
    """Make every `Retry` in the ``with`` block note its sleeps instead of sleeping.

    What it decides stays the same: the seconds are drawn, a deadline or a
    time-out ends the attempts as if they had passed. Inside tasks the sleep is
    still a checkpoint, so that a cancellation is heard.

    ::

        with instant() as waited:
            place_order()
        assert len(waited.sleeps) == 2

    The block may hold sync and async code. A thread hears of it if it was
    started with a copy of the context, as `anyio.to_thread.run_sync` and
    `asyncio.to_thread` do.

    Attributes:
        sleeps: Seconds that would have been slept, in order.
    """

    __slots__ = ("_token", "sleeps")

    def __init__(self) -> None:
        self.sleeps: list[float] = []
        self._token: Token[list[float] | None] | None = None

    def __enter__(self) -> Self:
        self._token = skipped_sleeps.set(self.sleeps)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            skipped_sleeps.reset(token)

    def __repr__(self) -> str:
        return f"instant(sleeps={self.sleeps!r})"
