"""Commands and keys of a fenced operation, and what its hooks hear."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import (
    KeyReused,
    OutcomeUnknown,
    ResultNotStorable,
)
from syncpatterns.events import Executed, Retried
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import (
    Desk,
    Send,
    lost,
    refused,
)


async def test_another_command_under_the_key_is_refused(
    desk: Desk, call: Caller
) -> None:
    """In every state, and the first answer stays."""
    operation = desk.operation()
    await call(operation, Send())

    with pytest.raises(KeyReused):
        await call(operation, Send(body="something else"))

    assert (await call(operation, Send())).replayed
    assert desk.provider.messages == ["lead-1"]


async def test_an_unknown_key_refuses_another_command(desk: Desk, call: Caller) -> None:
    """Also while nobody knows what the first did."""
    operation = desk.operation()
    desk.provider.faults, desk.provider.down = [lost()], True
    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    with pytest.raises(KeyReused):
        await call(operation, Send(body="something else"))

    assert len(desk.provider.calls) == 1


async def test_a_command_without_json_form_is_refused_first(
    desk: Desk, call: Caller
) -> None:
    """Before anything is claimed or sent, and its values are not shown."""
    operation: Any = desk.operation()

    with pytest.raises(ResultNotStorable) as raised:
        await call(operation, {"to": object(), "secret": "+12025550147"})

    assert "+12025550147" not in str(raised.value)
    assert (desk.state(operation), desk.provider.calls) == ("absent", [])


async def test_hooks_hear_of_each_key_in_order(desk: Desk, call: Caller) -> None:
    """With the operation's name and the hash of the key."""
    operation = desk.operation()
    desk.provider.faults = [refused()]

    await call(operation, Send())

    retried, executed = desk.heard
    assert isinstance(retried, Retried)
    assert executed == Executed(
        "sms.send", operation.key_hash("k1", scope="acme"), desk.engine.name, 1
    )
