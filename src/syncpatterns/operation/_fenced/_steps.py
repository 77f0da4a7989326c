"""What a fenced call asks of the outside, each blocking and awaiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from syncpatterns.idempotency._context import Context
from syncpatterns.idempotency._core import ClaimAnswer, Notes
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._steps import Run, Step, StoreStep
from syncpatterns.operation._effect import Done
from syncpatterns.operation._fenced._call import FencedCall
from syncpatterns.operation._fenced._sending import Sending

T = TypeVar("T")


class CommitStep(Step[T]):
    """One commit; it ends although its task is cancelled."""

    __slots__ = ()
    shield: ClassVar[bool] = True
    call: FencedCall

    @property
    def in_place(self) -> bool:
        return self.call.mode.commits.in_place


class ClaimChecked(CommitStep[ClaimAnswer]):
    """Take the key, and check the command in the same commit."""

    __slots__ = ()

    def do(self) -> ClaimAnswer:
        return self.call.mode.commits.claim(self.call)

    async def ado(self) -> ClaimAnswer:
        return await self.call.mode.commits.aclaim(self.call)


class CheckAgain(CommitStep[Done | None]):
    """Check the command of a key that was taken over; the refusal, if any."""

    __slots__ = ("token",)

    def __init__(self, call: FencedCall, token: int) -> None:
        super().__init__(call)
        self.token = token

    def do(self) -> Done | None:
        return self.call.mode.commits.check(self.call, self.token)

    async def ado(self) -> Done | None:
        return await self.call.mode.commits.acheck(self.call, self.token)


class Commit(CommitStep[Done | None]):
    """Write the business rows and the answer; None if the token is stale."""

    __slots__ = ("receipt", "token")

    def __init__(self, call: FencedCall, token: int, receipt: Any) -> None:
        super().__init__(call)
        self.token = token
        self.receipt = receipt

    def do(self) -> Done | None:
        return self.call.mode.commits.result(self.call, self.token, self.receipt)

    async def ado(self) -> Done | None:
        commits = self.call.mode.commits
        return await commits.aresult(self.call, self.token, self.receipt)


class Note(StoreStep[bool]):
    """Keep something with the claim; False if the token is stale."""

    __slots__ = ("notes", "token")

    def __init__(self, call: FencedCall, token: int, notes: Notes) -> None:
        super().__init__(call)
        self.token = token
        self.notes = notes

    def do(self) -> bool:
        return bool(self.call.port.note(self.call.key, self.token, self.notes))

    async def ado(self) -> bool:
        return bool(await self.call.port.note(self.call.key, self.token, self.notes))


class SendAll(Run):
    """Make the attempts; the receipt, or why there is none, as an outcome."""

    __slots__ = ("sending",)

    def __init__(
        self, call: FencedCall, context: Context, lease: Lease, sending: Sending
    ) -> None:
        super().__init__(call, context, lease)
        self.sending = sending

    def _function(self) -> Any:
        sending = self.sending
        if self.call.blocking:
            return _ignoring_context(sending.send)
        return _ignoring_context(sending.asend)


class LookFirst(SendAll):
    """Ask whether an earlier execution was done; None: certainly not."""

    __slots__ = ()

    def _function(self) -> Any:
        sending = self.sending
        if self.call.blocking:
            return _ignoring_context(sending.look)
        return _ignoring_context(sending.alook)


def _ignoring_context(function: Callable[[], T]) -> Callable[[Context], T]:
    """Return *function* as something that is called with the context it has."""

    def call(context: Context) -> T:  # noqa: ARG001 - the attempts have it already
        return function()

    return call
