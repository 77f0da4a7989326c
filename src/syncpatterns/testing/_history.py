"""Histories of concurrent calls and verdicts about them, as data."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

__all__ = ["PENDING", "REJECT", "Model", "Op", "Report", "Verdict"]


class _Pending(enum.Enum):
    PENDING = "PENDING"


class _Reject(enum.Enum):
    REJECT = "REJECT"


#: The output of a call whose outcome is not known.
PENDING: Final = _Pending.PENDING
#: What a model returns when an answer is impossible in a state.
REJECT: Final = _Reject.REJECT

Model: TypeAlias = Callable[[Any, Any, Any], Any]
"""``model(state, input, output)`` returns the next state or `REJECT`.

States are hashable. If *output* is `PENDING`, any answer is possible.
"""


@dataclass(frozen=True, slots=True)
class Op:
    """One call of a history.

    Attributes:
        process: Whoever made the call.
        input: What was asked.
        output: What was answered, or `PENDING`.
        call: When it began, in seconds of a clock common to all processes.
        ret: When it ended; None if it is pending.
        key: The object it concerns, for `check_by_key`.

    Raises:
        ValueError: If it ends before it begins, or has no end but an answer.
    """

    process: Hashable
    input: Any
    output: Any
    call: float
    ret: float | None = None
    key: Hashable = None

    def __post_init__(self) -> None:
        if (self.ret is None) != (self.output is PENDING):
            raise ValueError("a call has both an answer and an end, or neither")
        if self.ret is not None and not self.ret >= self.call:
            raise ValueError(f"the call ends ({self.ret}) before it begins")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the search found.

    Attributes:
        result: ``linearizable``, ``violated``, or ``undecided`` if time ran out.
        order: An order that explains the history, or the longest that was found.
        stuck: For a violation, the call whose answer first made every order
            impossible, if there was time to find it.
        history: The calls up to and including *stuck*, by their beginning.
    """

    result: Literal["linearizable", "violated", "undecided"]
    order: Sequence[Op] = ()
    stuck: Op | None = None
    history: Sequence[Op] = ()

    @property
    def ok(self) -> bool:
        """Whether the history is linearizable."""
        return self.result == "linearizable"

    def __str__(self) -> str:
        if not self.history or self.ok:
            return self.result
        start = self.history[0].call
        lines = [f"{self.result}; in milliseconds from the first call:"]
        lines += [_line(op, start, self) for op in self.history]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Report:
    """The verdicts of all keys.

    Attributes:
        verdicts: By key.
        operations: Number of calls in the history.
        pending: How many of them had an unknown outcome; 0 means that whatever
            was to disturb the run did nothing.
    """

    verdicts: dict[Hashable, Verdict]
    operations: int
    pending: int

    @property
    def ok(self) -> bool:
        """Whether every key is linearizable."""
        return all(verdict.ok for verdict in self.verdicts.values())

    @property
    def bad(self) -> dict[Hashable, Verdict]:
        """The keys that are not shown to be linearizable, shortest first."""
        bad = [(key, v) for key, v in self.verdicts.items() if not v.ok]
        return dict(sorted(bad, key=lambda item: len(item[1].history)))

    def __str__(self) -> str:
        head = (
            f"{self.operations} calls ({self.pending} pending) on "
            f"{len(self.verdicts)} keys, {len(self.bad)} of them bad"
        )
        return "\n".join([head, *(f"{k!r}: {v}" for k, v in self.bad.items())])


def _line(op: Op, start: float, verdict: Verdict) -> str:
    begin = f"{(op.call - start) * 1e3:9.3f}"
    end = "        ?" if op.ret is None else f"{(op.ret - start) * 1e3:9.3f}"
    answer = "?" if op.output is PENDING else repr(op.output)
    if op is verdict.stuck:
        mark = " <- no order explains this answer"
    elif op.ret is not None and op not in verdict.order:
        mark = " <- not placed"
    else:
        mark = ""
    return f"{begin} ..{end}  {op.process}  {op.input!r} -> {answer}{mark}"
