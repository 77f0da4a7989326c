"""Commands and keys of a fenced operation, and what its hooks hear."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import (
    KeyReused,
    NotSent,
    OutcomeUnknown,
    ResultNotStorable,
)
from syncpatterns.events import Executed, GaveUp, Retried
from syncpatterns.retry import RetryBudget
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

    about = ("sms.send", operation.key_hash("k1", scope="acme"), desk.engine.name)
    retried, executed = desk.heard
    assert retried == Retried(*about, attempt=1, seconds=retried.seconds)
    assert executed == Executed(*about, 1)


async def test_hooks_hear_which_key_is_given_up(desk: Desk, call: Caller) -> None:
    """Also of a retry that has a name of its own, and of a lookup's."""
    budget = RetryBudget(1)
    operation = desk.operation(
        retry=desk.retry(name="crm", budget=budget),
        lookup_retry=desk.retry(on=ConnectionError, attempts=2),
    )
    desk.provider.faults = [refused(), lost()]
    desk.provider.down = True

    with pytest.raises(OutcomeUnknown):
        await call(operation, Send())

    where = (operation.key_hash("k1", scope="acme"), desk.engine.name)
    told = [each for each in desk.heard if isinstance(each, Retried | GaveUp)]
    assert [each.operation for each in told] == ["crm", *["sms.send.lookup"] * 2]
    assert {(each.key_hash, each.engine) for each in told} == {where}
    assert budget.tokens == 0  # the operation's own copy pays from the same one


async def test_a_shared_retry_knows_of_no_operation(desk: Desk, call: Caller) -> None:
    """One object serves many; outside of an operation its facts name no key."""
    retry = desk.retry()
    operation = desk.operation(retry=retry)
    desk.provider.faults = [refused()]
    await call(operation, Send())
    desk.heard.clear()

    def ask() -> None:
        raise NotSent("refused")

    with pytest.raises(NotSent):
        retry.call(ask)

    assert {each.key_hash for each in desk.heard} == {""}
    assert {each.operation for each in desk.heard} == {ask.__qualname__}
