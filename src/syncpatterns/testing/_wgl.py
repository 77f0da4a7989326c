"""The linearizability search; see `syncpatterns.testing.linearizability`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.testing._history import PENDING, REJECT, Model, Op, Report, Verdict

__all__ = ["check", "check_by_key"]

_LOOK_AT_THE_CLOCK_EVERY = 0xFFF


def check(
    history: Iterable[Op],
    model: Model,
    initial: Any = None,
    *,
    deadline: float | None = 60.0,
    clock: Clock | None = None,
) -> Verdict:
    """Search an order that explains *history*.

    Args:
        history: The calls, in any order.
        model: ``model(state, input, output)`` returns the next state or `REJECT`.
        initial: The first state.
        deadline: Seconds after which the search gives up; None is never.
        clock: Measures *deadline*.
    """
    limit = _Limit(clock or SystemClock(), deadline)
    ops = sorted(history, key=lambda op: op.call)
    found, order = _search(ops, model, initial, limit)
    if found is None:
        return Verdict("undecided", order, history=ops)
    if found:
        return Verdict("linearizable", order, history=ops)
    return _explain(ops, order, model, initial, limit)


def check_by_key(
    history: Iterable[Op],
    model: Model,
    initial: Any = None,
    *,
    deadline: float | None = 60.0,
    clock: Clock | None = None,
) -> Report:
    """Check each key by itself: a history is linearizable if each key's is.

    Args:
        history: The calls of all keys, in any order.
        model: Model of one key.
        initial: The first state of each key.
        deadline: Seconds for all keys together; None is for ever.
        clock: Measures *deadline*.
    """
    clock = clock or SystemClock()
    end = None if deadline is None else clock.monotonic() + deadline
    parts: dict[Hashable, list[Op]] = defaultdict(list)
    for op in history:
        parts[op.key].append(op)
    verdicts: dict[Hashable, Verdict] = {}
    for key, ops in parts.items():
        left = None if end is None else max(0.0, end - clock.monotonic())
        verdicts[key] = check(ops, model, initial, deadline=left, clock=clock)
    everything = [op for ops in parts.values() for op in ops]
    pending = sum(op.output is PENDING for op in everything)
    return Report(verdicts, len(everything), pending)


class _Limit:
    """Says every few thousand steps whether time is up."""

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._end = None if seconds is None else clock.monotonic() + seconds
        self._steps = 0

    def reached(self) -> bool:
        self._steps += 1
        if self._end is None or self._steps & _LOOK_AT_THE_CLOCK_EVERY:
            return False
        return self._clock.monotonic() >= self._end


@dataclass(slots=True, eq=False)
class _Node:
    """A beginning or an end in the list of events, sorted by time."""

    op: Op | None = None
    bit: int = 0
    end: _Node | None = None  # of a beginning: its end
    before: _Node | None = field(default=None, repr=False)
    after: _Node | None = field(default=None, repr=False)

    def lift(self) -> None:
        """Take this event out of the list; `unlift` puts it back."""
        assert self.before is not None
        self.before.after = self.after
        if self.after is not None:
            self.after.before = self.before

    def unlift(self) -> None:
        assert self.before is not None
        self.before.after = self
        if self.after is not None:
            self.after.before = self


def _events(ops: Sequence[Op]) -> _Node:
    """Link beginnings and ends by time; pending calls end after all others.

    A call that begins at the very moment another one ends counts as concurrent.
    """
    moments: list[tuple[float, int, int]] = []
    for i, op in enumerate(ops):
        moments.append((op.call, 0, i))
        moments.append((float("inf") if op.ret is None else op.ret, 1, i))
    head = last = _Node()
    begins: dict[int, _Node] = {}
    for _, is_end, i in sorted(moments):
        node = _Node(ops[i], 1 << i, before=last)
        last.after = node
        last = node
        if is_end:
            begins[i].end = node
        else:
            begins[i] = node
    return head


def _search(
    ops: Sequence[Op], model: Model, state: Any, limit: _Limit
) -> tuple[bool | None, list[Op]]:
    """Return whether an order exists (None: out of time), and the longest."""
    head = _events(ops)
    answered = sum(op.ret is not None for op in ops)
    placed = 0
    seen: set[tuple[int, Any]] = set()
    stack: list[tuple[_Node, Any]] = []
    best: list[Op] = []
    node = head.after
    while answered:
        if limit.reached():
            return None, best
        if node is not None and node.end is not None:
            assert node.op is not None
            following = model(state, node.op.input, node.op.output)
            visit = (placed | node.bit, following)
            if following is not REJECT and visit not in seen:
                seen.add(visit)
                stack.append((node, state))
                placed, state = visit
                answered -= node.op.ret is not None
                if len(stack) > len(best):
                    best = [_op(n) for n, _ in stack]
                node.lift()
                node.end.lift()
                node = head.after
            else:
                node = node.after
        elif not stack:
            return False, best
        else:
            node, state = stack.pop()
            assert node.end is not None
            placed &= ~node.bit
            answered += _op(node).ret is not None
            node.end.unlift()
            node.unlift()
            node = node.after
    return True, [_op(n) for n, _ in stack]


def _explain(
    ops: list[Op], order: list[Op], model: Model, initial: Any, limit: _Limit
) -> Verdict:
    """Find the first answer after which no order exists.

    What is linearizable stays so when its end is cut off: the calls that had
    not ended become pending. So bisection over the answers finds it.
    """
    ends = sorted(op.ret for op in ops if op.ret is not None)
    low, high = 0, len(ends) - 1  # ends[high] is known to be bad
    while low < high:
        middle = (low + high) // 2
        found, _ = _search(_until(ops, ends[middle]), model, initial, limit)
        if found is None:
            return Verdict("violated", order, history=ops)
        low, high = (middle + 1, high) if found else (low, middle)
    history = _until(ops, ends[high])
    _, order = _search(history, model, initial, limit)
    stuck = next(op for op in history if op.ret == ends[high])
    return Verdict("violated", order, stuck, history)


def _until(ops: Iterable[Op], end: float) -> list[Op]:
    """Return the history as it looked at *end*."""
    return [
        op
        if op.ret is not None and op.ret <= end
        else replace(op, ret=None, output=PENDING)
        for op in ops
        if op.call <= end
    ]


def _op(node: _Node) -> Op:
    assert node.op is not None
    return node.op
