"""Fenced commits on an engine that shares no transaction with the rows.

The business rows are committed first, wherever ``commit=`` writes them, the
record after them. Killed between the two, the next call finds the receipt by
its lookup and runs ``commit=`` again: it must bear being repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns._transaction import Enqueuer, Publishable
from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._core import ClaimAnswer, Owned, Replay, StoredOutcome
from syncpatterns.idempotency._steps import ado, do
from syncpatterns.operation._effect import Done, run_effect

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._call import FencedCall

T = TypeVar("T")


class Ask(Effect[Any]):
    """Call *method* of the store; it ends although the task is cancelled."""

    __slots__ = ("args", "call", "method")

    shield = True

    def __init__(self, call: FencedCall, method: str, *args: Any) -> None:
        self.call = call
        self.method = method
        self.args = args

    @property
    def in_place(self) -> bool:
        """As the store says."""
        return self.call.setup.in_place

    def do(self) -> Any:
        """Do it on this thread."""
        return getattr(self.call.port, self.method)(*self.args)

    async def ado(self) -> Any:
        """Do it on the running event loop."""
        return await getattr(self.call.port, self.method)(*self.args)


class Work(Effect[Any]):
    """Call a plain function of the user's, which may block."""

    __slots__ = ("function",)

    shield = True
    limit = math.inf  # a thread cannot be stopped, so it is waited for

    @property
    def in_place(self) -> bool:
        """To wait for a thread sets no time-out."""
        return True

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def do(self) -> Any:
        """Do it on this thread."""
        return self.function()

    async def ado(self) -> Any:
        """Do it on a worker thread."""
        from anyio.to_thread import run_sync  # noqa: PLC0415 - sync users never pay for it

        def boxed() -> list[Any]:  # trio takes a returned coroutine for a mistake
            return [self.function()]

        (value,) = await run_sync(boxed)
        return value


Steps = Flow[Ask | Work, T]


class SeparateCommit:
    """Implements `Commits` for an engine with a store and no transaction.

    Its steps are awaited in a task of their own: each of them is bounded in time.
    """

    in_place = False

    def claim(self, call: FencedCall) -> ClaimAnswer:
        """Take the key, then check the command."""
        return run(lambda: _claim(call), do)

    async def aclaim(self, call: FencedCall) -> ClaimAnswer:
        """Do `claim` on an event loop."""
        return await arun(lambda: _claim(call), ado)

    def check(self, call: FencedCall, token: int) -> Done | None:
        """Check the command of a key that was taken over."""
        return run(lambda: _check_again(call, token), do)

    async def acheck(self, call: FencedCall, token: int) -> Done | None:
        """Do `check` on an event loop."""
        return await arun(lambda: _check_again(call, token), ado)

    def result(self, call: FencedCall, token: int, receipt: Any) -> Done | None:
        """Write the business rows, then the answer; None if *token* is stale."""
        return run(lambda: _result(call, token, receipt), do)

    async def aresult(self, call: FencedCall, token: int, receipt: Any) -> Done | None:
        """Do `result` on an event loop."""
        return await arun(lambda: _result(call, token, receipt), ado)


def _claim(call: FencedCall) -> Steps[ClaimAnswer]:
    answer: ClaimAnswer = yield from Ask(call, "claim", call.request)
    if not isinstance(answer, Owned) or answer.abandoned:
        return answer
    try:
        refused = yield from _refused(call)
    except BaseException:
        yield from Ask(call, "release", call.key, answer.token)
        raise
    if refused is None:
        return answer
    call.fresh = yield from _complete(call, answer.token, refused)
    return Replay(refused, call.plan.windows.replay)


def _check_again(call: FencedCall, token: int) -> Steps[Done | None]:
    refused = yield from _refused(call)
    if refused is None:
        return None
    if not call.doubtful and not (yield from _complete(call, token, refused)):
        return None
    return Done(refused)


def _refused(call: FencedCall) -> Steps[StoredOutcome | None]:
    mode = call.mode
    check = mode.check
    if check is None:
        return None
    try:
        call.look_over((yield from Work(lambda: check(Detached(call), call.command))))
    except mode.refusals.classes as error:
        return call.refused(error)
    return None


def _result(call: FencedCall, token: int, receipt: Any) -> Steps[Done | None]:
    # Asked before the rows are written: a zombie must not write them at all.
    if not (yield from Ask(call, "renew", *_renewal(call, token))):
        return None
    effect = call.mode.effect(receipt)
    done: Done = yield from Work(
        lambda: run_effect(
            Detached(call), effect, call.command, call.plan.operation, call.key
        )
    )
    held = yield from _complete(call, token, done.outcome)
    return done if held else None


def _renewal(call: FencedCall, token: int) -> tuple[Any, ...]:
    return call.key, token, call.request.lease, call.plan.windows


def _complete(call: FencedCall, token: int, outcome: StoredOutcome) -> Steps[bool]:
    windows = call.plan.windows
    held: bool = yield from Ask(call, "complete", call.key, token, outcome, windows)
    return held


class Detached:
    """Stands for a transaction where the engine has none.

    It tells the time and the key; rows and events are up to the function.
    """

    clock = 0.0

    def __init__(self, call: FencedCall) -> None:
        self._engine = call.setup.engine
        self._clock = call.setup.clock
        self.key_hash = call.key[:8]

    @property
    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.fromtimestamp(self._clock.time(), UTC)

    @property
    def connection(self) -> NoReturn:
        """Refuse: there is none."""
        raise self._none("connection")

    def sqlalchemy(self) -> NoReturn:
        """Refuse: there is none."""
        raise self._none("connection")

    def publish(self, *events: Publishable) -> None:
        """Refuse: there is no outbox that shares the commit."""
        raise self._none(f"outbox for {len(events)} events")

    def enqueue(
        self, queue: Enqueuer, op: Any, payload: Any, **options: Any
    ) -> NoReturn:
        """Refuse: there is no queue that shares the commit."""
        del queue, op, options
        raise self._none(f"queue for {type(payload).__name__} that shares its commit")

    def undo(self) -> None:
        """Do nothing: what a function wrote elsewhere is its own to undo."""

    def _none(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"The engine {self._engine!r} has no transaction, so no {what}. Write to "
            "your own database in commit=, or use sqlite:///file.db."
        )
