"""What can go wrong on a connection, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias, get_args

__all__ = ["Direction", "Fault", "FaultKind", "FiredFault"]

FaultKind: TypeAlias = Literal[
    "blackhole",
    "corrupt",
    "cut",
    "delay",
    "dup",
    "refuse",
    "rst",
    "rst_after_reply",
    "slice",
]
Direction: TypeAlias = Literal["up", "down"]

#: Kinds that need an amount, and what the amount is.
_AMOUNTS = {"cut": "bytes let through", "slice": "bytes a piece", "delay": "seconds"}


@dataclass(slots=True, eq=False)
class Fault:
    """One thing that goes wrong, and when.

    ===================  =====================================================
    kind                 what happens to the message (one read from a socket)
    ===================  =====================================================
    ``rst``              it is lost; both sides get a TCP reset
    ``rst_after_reply``  it passes, and all after it; at the first byte of the
                         reply both sides get a reset: done, never heard of
                         (a message ``down`` is itself the reply, and is lost)
    ``cut``              its first *amount* bytes pass, then the line closes
    ``slice``            it arrives in pieces of *amount* bytes
    ``delay``            it and all behind it arrive *amount* seconds later
    ``dup``              it arrives twice
    ``corrupt``          one of its bits is flipped
    ``blackhole``        it and all behind it vanish; the line stays open
    ``refuse``           the connection is reset as soon as it was made; has
                         no direction and no message
    ===================  =====================================================

    Args:
        kind: See above.
        amount: Bytes for ``cut`` and ``slice``, seconds for ``delay``.
        direction: ``up`` to the server, ``down`` to the client, or ``both``.
        at: Fire from the n-th message on that fits *direction* and *match*,
            counted over all connections since the fault was added.
        times: How often to fire; None is for ever.
        match: If given, only messages for which it is true count.

    Attributes:
        seen: Messages counted so far.
        fired: How often it has fired.

    Raises:
        ValueError: If the kind is unknown or a number makes no sense for it.
    """

    kind: FaultKind
    amount: float = 0
    direction: Direction | Literal["both"] = "up"
    at: int = 1
    times: int | None = 1
    match: Callable[[bytes], bool] | None = None
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            kinds = ", ".join(get_args(FaultKind))
            raise ValueError(f"unknown fault {self.kind!r}; there are {kinds}")
        if self.kind not in _AMOUNTS and self.amount:
            raise ValueError(f"{self.kind} takes no amount")
        if self.kind in _AMOUNTS and not self.amount >= self._least():
            raise ValueError(f"{self.kind} needs an amount: {_AMOUNTS[self.kind]}")
        if self.direction not in {"up", "down", "both"}:
            raise ValueError(f"direction is up, down or both, not {self.direction!r}")
        if self.at < 1 or (self.times is not None and self.times < 1):
            raise ValueError("at and times count from 1")

    @classmethod
    def parse(cls, text: str, **options: Any) -> Self:
        """Make a fault from ``kind`` or ``kind:amount``, such as ``cut:5``.

        Args:
            text: The kind, and the amount after a colon.
            **options: The other arguments of the class.

        Raises:
            ValueError: If *text* is no fault.
        """
        kind, colon, amount = text.partition(":")
        try:
            number = float(amount) if colon else 0.0
        except ValueError as error:
            raise ValueError(f"{text!r}: the amount must be a number") from error
        return cls(kind, number, **options)  # type: ignore[arg-type]  # checked in __post_init__

    def is_due(self, direction: Direction, message: bytes) -> bool:
        """Count *message* if it fits, and say whether to fire at it."""
        if self.kind != "refuse" and self.direction not in {direction, "both"}:
            return False
        if self.match is not None and not self.match(message):
            return False
        self.seen += 1
        spent = self.times is not None and self.fired >= self.times
        return self.seen >= self.at and not spent

    def _least(self) -> float:
        return {"cut": 0, "slice": 1, "delay": 1e-6}[self.kind]


@dataclass(frozen=True, slots=True)
class FiredFault:
    """An entry of the log of a `FaultProxy`.

    Attributes:
        kind: What was done.
        connection: Number of the connection, from 1.
        direction: Which way the message went.
        head: Its first 40 bytes; empty for ``refuse``.
        at: Reading of the machine's monotonic clock, in seconds.
    """

    kind: FaultKind
    connection: int
    direction: Direction
    head: bytes
    at: float
