"""One call of a fenced operation on its way through the guard's flow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from syncpatterns.codec import Codec
from syncpatterns.errors import ResultNotStorable
from syncpatterns.idempotency._call import Call, Plan, Port
from syncpatterns.idempotency._context import current
from syncpatterns.idempotency._core import (
    ClaimRequest,
    Notes,
    Owned,
    StoredOutcome,
)
from syncpatterns.idempotency._lease import Lease
from syncpatterns.operation._answer import Result
from syncpatterns.operation._effect import NotYet, in_words, refuse_lazy
from syncpatterns.operation._fenced._context import FencedContext
from syncpatterns.retry import remaining

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._mode import FencedMode

#: Notes that a fenced claim keeps until it is settled.
COMMAND = "command"
RECEIPT = "receipt"
#: Status and headers of a receipt that is a `Result`.
ANSWER = "answer"


class FencedCall(Call):
    """A call that knows its command.

    Attributes:
        mode: What was declared.
        command: What to do.
        fresh: The answer came out of this call's own claim: its check refused.
        doubtful: An execution before may have done it, and nobody can tell; a
            refusal now would be no answer.
    """

    __slots__ = ("command", "doubtful", "fresh", "mode")

    def __init__(
        self,
        mode: FencedMode,
        plan: Plan,
        request: ClaimRequest,
        command: Any,
        port: Port,
    ) -> None:
        wanted = (request.key, request.fingerprint, request.age)
        super().__init__(mode.setup, plan, wanted, mode.provider.call, port)
        self.mode = mode
        self.command = command
        self.fresh = False
        self.doubtful = False
        try:
            kept = ((COMMAND, mode.command_codec.encode(command)),)
        except ResultNotStorable as error:
            raise ResultNotStorable(
                f"{self.where}: the command cannot be kept until it is settled: "
                f"{type(command).__name__} is not what call= is annotated to take, or "
                "has no JSON form. Nothing was done."
            ) from error
        self.request = self.request._replace(
            nonce=request.nonce,
            windows=request.windows,
            notes=kept,
            command=request.command,
            door=request.door,
        )

    def patience(self) -> float:
        """Return for how much longer this caller waits: never past its deadline."""
        return min(super().patience(), remaining())

    def context(self, owned: Owned, lease: Lease) -> FencedContext:
        """Return what the operation's functions are told about this execution."""
        return FencedContext(
            self,
            operation=self.plan.operation,
            lease=lease,
            clock=self.setup.clock,
            attempts=owned.attempts,
            abandoned=owned.abandoned,
            outer=current.get(),
            stores=self.setup.stores,
            blocking=self.blocking,
            notes=owned.notes,
        )

    def receipt_in(self, owned: Owned) -> tuple[bool, Any]:
        """Return whether an earlier execution left its receipt, and the receipt."""
        return kept_receipt(owned.notes, self.mode.receipt_codec)

    def refused(self, error: Exception) -> StoredOutcome:
        """Return the declared refusal *error* as the answer that is stored.

        Raises:
            ResultNotStorable: It would not come back the same.
        """
        try:
            return self.mode.refusals.outcome(error)
        except ResultNotStorable as unstorable:
            raise in_words(unstorable, self.where) from unstorable

    def look_over(self, returned: object) -> None:
        """Refuse a check that has not happened yet.

        Raises:
            ConfigurationError: It returned a coroutine or an iterator.
        """
        try:
            refuse_lazy(returned)
        except NotYet as error:
            raise in_words(error, self.where) from error

    def encode_receipt(self, receipt: object) -> bytes:
        """Return the stored form of what was found.

        Raises:
            Exception: It has none; a codec may raise anything.
        """
        return self.mode.receipt_codec.encode(bare(receipt))


def bare(receipt: object) -> object:
    """Return what the receipt's codec writes: of a `Result` the value."""
    if isinstance(receipt, Result):
        return receipt.value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # isinstance knows no argument
    return receipt


def receipt_notes(receipt: Any, codec: Codec[Any]) -> Notes:
    """Return what keeps *receipt* with its claim.

    Raises:
        Exception: It has no stored form; a codec may raise anything.
    """
    body = (RECEIPT, codec.encode(bare(receipt)))
    if not isinstance(receipt, Result):
        return (body,)
    head = json.dumps([receipt.status, dict(receipt.headers)])
    return (body, (ANSWER, head.encode()))


def kept_receipt(notes: Notes, codec: Codec[Any]) -> tuple[bool, Any]:
    """Return whether *notes* hold a receipt, and the receipt."""
    found, receipt = noted(notes, RECEIPT, codec)
    head = dict(notes).get(ANSWER)
    if found and head is not None:
        status, headers = json.loads(head)
        return True, Result(receipt, status, headers)
    return found, receipt


def noted(notes: Notes, name: str, codec: Codec[Any]) -> tuple[bool, Any]:
    """Return whether *notes* has *name*, and its value."""
    for each, body in notes:
        if each == name:
            return True, codec.decode(body)
    return False, None
