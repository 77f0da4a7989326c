"""What names a call to be settled, and who settled it: text that can be kept."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError, OutcomeUnknown
from syncpatterns.idempotency import Committed, NotCommitted
from tests.unit.operation.fenced_kit import Desk, Receipt, Send, Sent, lost

UNTOLD: list[tuple[dict[str, Any], str]] = [
    ({"by": None}, "by= must be text, not NoneType"),
    ({"by": 7}, "by= must be text, not int"),
    ({"reason": None}, "reason= must be text, not NoneType"),
    ({"by": "Mu\udcfcller"}, "by= holds a character that cannot be stored"),
    ({"reason": "a\0b"}, "reason= holds a character that cannot be stored"),
]


def lose(desk: Desk) -> Any:
    """Return an operation with one call of which nobody knows."""
    operation = desk.operation()
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        operation.call(Send(), key="k1", scope="acme")
    return operation


@pytest.mark.parametrize(("words", "message"), UNTOLD)
def test_who_and_why_are_text_or_nothing_is_settled(
    sqlite_desk: Desk, words: dict[str, Any], message: str
) -> None:
    """Refused before commit= runs, in our words and not in the database's."""
    operation = lose(sqlite_desk)

    for verdict in (Committed(Receipt(1)), NotCommitted()):
        with pytest.raises(ConfigurationError, match=message):
            operation.resolve("k1", verdict, scope="acme", **words)

    assert sqlite_desk.written() == []
    assert len(operation.unresolved()) == 1


def test_who_looked_again_is_text(sqlite_desk: Desk) -> None:
    """The provider is not even asked."""
    operation = lose(sqlite_desk)
    asked = len(sqlite_desk.provider.looks)

    with pytest.raises(ConfigurationError, match="by= must be text"):
        operation.recheck("k1", scope="acme", by=None)

    assert len(sqlite_desk.provider.looks) == asked


def test_a_call_is_named_by_its_storage_key(sqlite_desk: Desk) -> None:
    """Whoever kept `Unsettled.key` in a ticket needs neither scope nor object."""
    operation = lose(sqlite_desk)
    (unsettled,) = operation.unresolved()

    settled = operation.resolve(unsettled.key, Committed(Receipt(9)), by="ann")

    assert settled
    answer = operation.call(Send(), key="k1", scope="acme")
    assert (answer.value, answer.replayed) == (Sent("lead-1", 9), True)


def test_a_storage_key_that_names_nothing_settles_nothing(sqlite_desk: Desk) -> None:
    """And a caller's key without its scope is refused as before."""
    operation = lose(sqlite_desk)

    assert operation.resolve("0" * 64, NotCommitted()) is False
    with pytest.raises(ConfigurationError, match="by its scope="):
        operation.resolve("k1", NotCommitted())
