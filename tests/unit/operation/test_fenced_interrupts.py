"""Ctrl-C, and whatever else is no error, at the worst moments of a fenced call."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency import Committed, State
from syncpatterns.idempotency._steps import Complete
from syncpatterns.operation import Operation
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Fault,
    Receipt,
    Rejected,
    Send,
    Sent,
)


class Stopped(BaseException):
    """Stands for a signal: an event loop ends at once with a KeyboardInterrupt."""


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_commit_loses_no_receipt(
    sqlite_desk: Desk, signal: type[BaseException]
) -> None:
    """Without a lookup nobody else would have it; the key need not wait either."""
    signals = [signal]

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        if signals:
            raise signals.pop()
        return sqlite_desk.commit(tx, command, receipt)

    operation = sqlite_desk.operation(commit=commit, lookup=None)

    with pytest.raises(signal):
        operation.call(Send(), key="k1", scope="acme")

    (unsettled,) = operation.unresolved()
    assert (sqlite_desk.state(operation), unsettled.has_receipt) == ("unknown", True)
    assert operation.recheck(unsettled) == Committed(Receipt(1))
    assert sqlite_desk.written() == [("lead-1", 1)]
    assert sqlite_desk.provider.messages == ["lead-1"]


async def test_a_commit_that_is_stopped_keeps_the_receipt(
    desk: Desk, call: Caller
) -> None:
    """On every engine and loop; the caller gets what stopped it."""

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        raise Stopped

    operation = desk.operation(commit=commit)

    with pytest.raises(Stopped):
        await call(operation, Send())

    record = desk.record(operation)
    assert record is not None
    assert record.state is State.UNKNOWN
    assert "receipt" in dict(record.notes)


def test_ctrl_c_while_a_refusal_is_stored_gives_the_key_back(
    sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider said no, so nothing happened, and it may be asked again."""

    def interrupted(step: Complete) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Complete, "do", interrupted)
    sqlite_desk.provider.faults = [Fault(Rejected("no"))]
    operation = sqlite_desk.operation()

    with pytest.raises(KeyboardInterrupt):
        operation.call(Send(), key="k1", scope="acme")

    assert sqlite_desk.state(operation) == "free"


def test_what_stops_a_call_goes_before_a_lost_lease(sqlite_desk: Desk) -> None:
    """Whoever presses Ctrl-C wants the program to end, not to hear of a lease."""
    desk = sqlite_desk
    operation: Operation[Any, Any] = desk.operation()

    def take_over() -> None:
        desk.clock.advance(1000)
        mode: Any = operation._mode
        other = mode.make_call(
            Send(), operation._request(Send(), "k1", "acme"), mode.guard.port()
        )
        desk.engine.idempotency_store().claim(other.request)

    desk.provider.faults = [Fault(Stopped(), taken=True, before=take_over)]

    with pytest.raises(Stopped):
        operation.call(Send(), key="k1", scope="acme")

    assert "Fenced" in desk.told()


def test_a_word_that_means_nothing_is_refused_beside_a_lookup_too(
    sqlite_desk: Desk,
) -> None:
    """Nobody would find out before the lookup is taken away."""
    with pytest.raises(ConfigurationError, match="takes 'quarantine' or 'rerun'"):
        sqlite_desk.operation(on_abandoned="ask")
