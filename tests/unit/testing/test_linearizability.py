from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.testing import FakeClock
from syncpatterns.testing.linearizability import (
    PENDING,
    REJECT,
    Answer,
    Busy,
    Claim,
    Complete,
    Op,
    Release,
    Run,
    check,
    check_by_key,
    idempotency_model,
)


def register(state: int, asked: tuple[str, int], got: object) -> Any:
    """Model a register that is read and written."""
    kind, value = asked
    if kind == "write":
        return value
    return state if got in (PENDING, state) else REJECT


def op(
    asked: Any, got: Any, call: float, ret: float | None = None, process: int = 0
) -> Op:
    """Make a call."""
    return Op(process, asked, got, call, ret)


def write(value: int, call: float, ret: float) -> Op:
    """Make a write."""
    return op(("write", value), None, call, ret)


def read(got: int, call: float, ret: float) -> Op:
    """Make a read."""
    return op(("read", 0), got, call, ret)


def test_calls_one_after_the_other_are_checked_in_their_order() -> None:
    """Without concurrency there is one order."""
    good = [write(1, 0, 1), read(1, 2, 3)]
    bad = [write(1, 0, 1), read(0, 2, 3)]

    assert check(good, register, 0).ok
    assert check(bad, register, 0).result == "violated"


def test_concurrent_calls_may_take_any_order() -> None:
    """A read during a write may see the old or the new value."""
    for seen in (0, 1):
        assert check([write(1, 0, 10), read(seen, 1, 2)], register, 0).ok


def test_what_one_has_seen_no_later_call_may_unsee() -> None:
    """New then old during one write has no order."""
    history = [write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)]

    assert check(history, register, 0).result == "violated"


def test_a_pending_call_may_have_happened_much_later_or_never() -> None:
    """A time-out says nothing about when."""
    lost = op(("write", 1), PENDING, 0)

    assert check([lost, read(0, 1, 2), read(1, 3, 4)], register, 0).ok
    assert check([lost, read(0, 1, 2), read(0, 3, 4)], register, 0).ok
    assert not check([lost, read(1, 1, 2), read(0, 3, 4)], register, 0).ok


def test_a_pending_call_cannot_happen_before_it_began() -> None:
    """Nobody reads a value before its write was asked for."""
    history = [read(1, 0, 1), op(("write", 1), PENDING, 2)]

    assert check(history, register, 0).result == "violated"


def test_an_empty_history_is_fine() -> None:
    """Nothing happened, nothing is wrong."""
    assert check([], register, 0).ok


def test_the_counterexample_ends_with_the_answer_that_broke_it() -> None:
    """What came after it is left out, what led to it is shown."""
    culprit = read(0, 3, 4)
    history = [write(1, 0, 1), read(1, 1.5, 2), culprit, write(2, 5, 6), read(2, 7, 8)]

    verdict = check(history, register, 0)

    assert verdict.stuck == culprit
    assert len(verdict.history) == 3
    assert "('read', 0) -> 0 <- no order explains this answer" in str(verdict)


def test_keys_are_checked_apart() -> None:
    """One bad key does not hide among good ones."""
    good = [Op(0, ("write", 1), None, 0, 1, key="a"), Op(0, ("read", 0), 1, 2, 3, "a")]
    bad = [Op(0, ("write", 1), None, 0, 1, key="b"), Op(0, ("read", 0), 0, 2, 3, "b")]
    lost = Op(1, ("write", 7), PENDING, 0, key="a")

    report = check_by_key([*good, *bad, lost], register, 0)

    assert list(report.bad) == ["b"]
    assert (report.operations, report.pending) == (5, 1)
    assert "2 keys, 1 of them bad" in str(report)


def test_out_of_time_is_undecided_not_good() -> None:
    """A search that gave up has shown nothing."""
    clock = FakeClock()

    def slow(state: int, asked: Any, got: Any) -> Any:
        clock.advance(1)
        return register(state, asked, got)

    history = [op(("write", i), PENDING, 0) for i in range(14)] + [read(99, 1, 2)]

    verdict = check(history, slow, 0, deadline=10, clock=clock)

    assert verdict.result == "undecided"
    assert not verdict.ok


@pytest.mark.parametrize(
    ("got", "call", "ret"), [("x", 0, None), (PENDING, 0, 1), ("x", 2, 1)]
)
def test_an_impossible_call_is_refused(got: Any, call: float, ret: Any) -> None:
    """A recording mistake must not be judged as if it had happened."""
    with pytest.raises(ValueError, match="call"):
        op("x", got, call, ret)


def by_trying_all_orders(history: list[Op]) -> bool:
    """Decide by brute force: the definition itself."""
    must = [o for o in history if o.ret is not None]
    may = [o for o in history if o.ret is None]
    return any(
        explains(order)
        for n in range(len(may) + 1)
        for extra in itertools.combinations(may, n)
        for order in itertools.permutations([*must, *extra])
    )


def explains(order: tuple[Op, ...]) -> bool:
    """Say whether an order respects time and model."""
    state: Any = 0
    for i, o in enumerate(order):
        if any(p.ret is not None and p.ret < o.call for p in order[i + 1 :]):
            return False
        state = register(state, o.input, o.output)
        if state is REJECT:
            return False
    return True


@st.composite
def histories(draw: st.DrawFn) -> list[Op]:
    """Draw a short history of a register with two values."""
    history = []
    for process in range(draw(st.integers(1, 5))):
        call = draw(st.integers(0, 6))
        asked = draw(st.sampled_from([("read", 0), ("write", 1), ("write", 2)]))
        if draw(st.integers(0, 3)) == 0:
            history.append(op(asked, PENDING, call, None, process))
            continue
        got = draw(st.integers(0, 2)) if asked[0] == "read" else None
        history.append(op(asked, got, call, call + draw(st.integers(0, 4)), process))
    return history


@given(histories())
def test_the_search_agrees_with_trying_all_orders(history: list[Op]) -> None:
    """Clever or not, the verdict is the definition's."""
    assert check(history, register, 0).ok == by_trying_all_orders(history)


def one_key(*calls: tuple[Any, Any]) -> bool:
    """Check calls on one key, one after the other."""
    history = [
        op(asked, got, i, None if got is PENDING else i + 0.5)
        for i, (asked, got) in enumerate(calls)
    ]
    return check(history, idempotency_model).ok


RUN_1 = (Claim("a"), Run(1))
DONE_1 = (Complete("a", b"x"), True)


@pytest.mark.parametrize(
    "calls",
    [
        [RUN_1, (Claim("b"), Busy()), DONE_1, (Claim("b"), Answer(b"x"))],
        [RUN_1, (Release("a"), True), (Claim("b"), Run(2))],
        [RUN_1, (Claim("a"), Run(1)), DONE_1],
        [RUN_1, DONE_1, (Complete("a", b"x"), True)],
        [RUN_1, DONE_1, (Complete("a", b"x"), False)],
        [RUN_1, (Release("b"), False), (Complete("b", b"y"), False), DONE_1],
        [(Claim("a"), PENDING), (Claim("b"), Busy())],
        [(Claim("a"), PENDING), (Claim("b"), Run(1))],
        [(Claim("a"), PENDING), (Claim("a"), Run(4)), (Claim("a"), Run(4))],
        [RUN_1, (Complete("a", b"x"), PENDING), (Claim("b"), Answer(b"x"))],
        [RUN_1, (Complete("a", b"x"), PENDING), (Claim("b"), Busy())],
        [(Claim("a"), Run()), (Release("a"), True), (Claim("b"), Run())],
    ],
)
def test_the_idempotency_model_accepts(calls: list[Any]) -> None:
    """Each of these may be seen from a correct store."""
    assert one_key(*calls)


@pytest.mark.parametrize(
    "calls",
    [
        [RUN_1, (Claim("b"), Run(2))],
        [RUN_1, DONE_1, (Claim("b"), Run(2))],
        [RUN_1, DONE_1, (Claim("b"), Busy())],
        [RUN_1, DONE_1, (Claim("b"), Answer(b"y"))],
        [(Claim("a"), Busy())],
        [(Claim("a"), Answer(b"x"))],
        [RUN_1, (Release("a"), True), (Claim("b"), Run(1))],
        [RUN_1, (Claim("a"), Run(2))],
        [RUN_1, (Complete("b", b"y"), True)],
        [RUN_1, (Release("b"), True)],
        [RUN_1, DONE_1, (Release("a"), True)],
        [RUN_1, DONE_1, (Complete("a", b"y"), True)],
        [RUN_1, (Complete("a", b"x"), False)],
        [(Complete("a", b"x"), True)],
    ],
)
def test_the_idempotency_model_refuses(calls: list[Any]) -> None:
    """None of these may be seen from a correct store."""
    assert not one_key(*calls)


def test_the_idempotency_model_knows_its_questions() -> None:
    """A typo in a generator is an error, not a verdict."""
    with pytest.raises(TypeError, match="not an input"):
        idempotency_model(None, "claim", PENDING)
