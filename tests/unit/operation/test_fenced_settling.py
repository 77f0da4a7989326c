"""What was unknown is listed and settled by hand."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    ConfigurationError,
    OutcomeUnknown,
)
from syncpatterns.events import Resolved
from syncpatterns.idempotency import Committed, NotCommitted
from syncpatterns.idempotency._verdicts import Undecided
from syncpatterns.operation import Operation
from syncpatterns.testing import FakeClock
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Receipt,
    Send,
    Sent,
    lost,
    open_memory,
)


@pytest.mark.case("OPR-15", part="resolve")
@pytest.mark.parametrize("happened", [True, False])
async def test_what_was_unknown_is_settled_by_hand(
    desk: Desk, call: Caller, happened: bool, way: str
) -> None:
    """Done: rows are written and replayed. Not done: the key may be used again."""
    operation = desk.operation()
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    desk.provider.down = False
    verdict: Any = Committed(Receipt(41)) if happened else NotCommitted()

    settle: Any = operation.resolve if way == "blocking" else operation.aresolve
    settled = []
    for _ in range(2):
        done = settle("k1", verdict, scope="acme", by="ann", reason="seen")
        settled.append(done if way == "blocking" else await done)

    assert settled == [True, False]
    answer = await call(operation, Send())
    if happened:
        assert (answer.value, answer.replayed) == (Sent("lead-1", 41), True)
    else:
        assert (answer.replayed, len(desk.provider.calls)) == (False, 2)
    assert len(desk.written()) == 1
    (resolved,) = [fact for fact in desk.heard if isinstance(fact, Resolved)]
    assert (resolved.by, resolved.happened) == ("ann", happened)
    if isinstance(desk.engine, SqliteEngine):
        (kept,) = desk.engine.resolutions()
        assert (kept.by, kept.reason, kept.happened) == ("ann", "seen", happened)
        assert kept.key == operation.storage_key("k1", scope="acme")


async def test_settling_does_not_block_the_loop(call: Caller, clock: FakeClock) -> None:
    """Where rows are written elsewhere, that is done on a worker thread."""
    desk = Desk(open_memory(clock), clock, "async")
    threads: list[threading.Thread] = []

    def commit(tx: Any, command: Send, receipt: Receipt) -> Sent:
        threads.append(threading.current_thread())
        return Sent(command.to, receipt.number)

    operation = desk.operation(commit=commit)
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    assert await operation.aresolve("k1", Committed(Receipt(1)), scope="acme")
    assert threads
    assert threading.current_thread() not in threads


async def test_only_ours_are_settled(desk: Desk, call: Caller) -> None:
    """Two operations share an engine; neither lists or settles the other's."""
    operation = desk.operation()
    other: Any = Operation(
        "sms.other",
        desk.engine,
        call=desk.provider.send,
        retry=None,
        hooks=[desk.heard.append],
    )
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    (unsettled,) = operation.unresolved()

    assert other.unresolved() == []
    for verdict in (Committed(Receipt(1)), NotCommitted()):
        desk.heard.clear()
        assert other.resolve(unsettled, verdict) is False
        assert await other.aresolve(unsettled.key, verdict) is False
        assert desk.heard == []
    assert other.resolve("0" * 64, NotCommitted()) is False
    assert desk.state(operation) == "unknown"
    assert len(operation.unresolved()) == 1
    with pytest.raises(ConfigurationError, match="Committed"):
        operation.resolve(unsettled, "yes")  # type: ignore[arg-type]  # no verdict
    with pytest.raises(ConfigurationError, match="scope"):
        operation.resolve("k1", NotCommitted())


async def test_a_provider_that_cannot_be_asked_decides_nothing(
    desk: Desk, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """recheck() says so, leaves it unknown, and logs why by its class alone."""
    operation = desk.operation()
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())
    caplog.clear()

    assert operation.recheck("k1", scope="acme") == Undecided()
    assert desk.state(operation) == "unknown"
    where = f"sms.send [{operation.key_hash('k1', scope='acme')}]"
    where = f"{where} on {desk.engine.name}"
    assert caplog.messages == [f"{where}: lookup= failed: ConnectionError"]


@pytest.mark.parametrize("limit", ["3", None, 2.5, True, float("nan")])
async def test_a_limit_is_a_whole_number(desk: Desk, limit: Any) -> None:
    """Anything else is said at once, in words about the limit."""
    operation = desk.operation()

    with pytest.raises(ConfigurationError, match="limit= is a whole number"):
        operation.unresolved(limit)
    with pytest.raises(ConfigurationError, match="limit= is a whole number"):
        await operation.aunresolved(limit)
