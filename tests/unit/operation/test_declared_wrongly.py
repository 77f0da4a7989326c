"""What can never work is said when it is declared, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.codec import JsonCodec
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import (
    ConfigurationError,
    NotExecuted,
    NotSent,
    OutcomeUnknown,
    ProviderUnavailable,
    SyncPatternsError,
)
from syncpatterns.operation import Operation
from syncpatterns.retry import CircuitBreaker
from tests.unit.operation.conftest import Caller
from tests.unit.operation.fenced_kit import Desk, Send, dropped, refused


class OneWay:
    """Encodes, and cannot read it back."""

    def encode(self, value: object) -> bytes:
        """Return nothing."""
        return b""


def send(command: Send, ctx: Any) -> int:
    """Send it."""
    return 1


@pytest.mark.parametrize("codec", [3, "json", JsonCodec, OneWay()])
@pytest.mark.parametrize("kind", ["call", "effect"])
def test_a_codec_that_is_none_is_refused(desk: Desk, codec: Any, kind: str) -> None:
    """Found out at the answer, the message would have been sent already."""
    if isinstance(desk.engine, MemoryEngine) and kind == "effect":
        pytest.skip("it has no transaction for an effect")
    parts: dict[str, Any] = {kind: send}

    with pytest.raises(ConfigurationError, match="codec="):
        Operation("sms.send", desk.engine, codec=codec, **parts)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({}, "Give one of them"),
        ({"effect": send, "call": send}, "leave effect= out"),
        ({"effect": send, "lookup": send}, "lookup= belong to call="),
    ],
    ids=["neither", "both", "a part of the other"],
)
def test_an_operation_is_an_effect_or_a_call(
    desk: Desk, parts: dict[str, Any], says: str
) -> None:
    """Whoever gives both or none reads what each of them is for."""
    with pytest.raises(ConfigurationError, match=says):
        Operation("sms.send", desk.engine, **parts)


@pytest.mark.parametrize("timeout", [0, 0.0])
def test_a_timeout_of_nothing_is_refused(desk: Desk, timeout: float) -> None:
    """Every call would leave, and none would ever be answered in time."""
    with pytest.raises(ConfigurationError, match="timeout"):
        desk.operation(timeout=timeout)


def test_a_breaker_is_no_class(desk: Desk) -> None:
    """It has the methods too, but no state to put them to."""
    with pytest.raises(ConfigurationError, match="breaker="):
        desk.operation(breaker=CircuitBreaker)


async def test_a_list_has_no_fewer_than_no_calls(desk: Desk, call: Caller) -> None:
    """A negative limit does not cut from the other end."""
    operation = desk.operation(lookup=None)
    for key in ("k1", "k2"):
        desk.provider.faults = [dropped()]
        with pytest.raises(OutcomeUnknown):
            await call(operation, Send(), key=key)

    listed = [len(operation.unresolved(limit)) for limit in (-1, 0, 1, 2, 3)]

    assert listed == [0, 0, 1, 2, 2]


@pytest.mark.parametrize(
    ("hint", "handed_on"),
    [(7.5, 7.5), (0, 5.0), (-3, 5.0), (float("nan"), 5.0), ("30", 5.0), (None, 5.0)],
)
async def test_a_hint_that_is_none_is_not_handed_on(
    desk: Desk, call: Caller, hint: Any, handed_on: float
) -> None:
    """The caller is told when to come back, in seconds that can be waited."""
    desk.provider.faults = [refused(hint)]
    operation = desk.operation(retry=None)

    with pytest.raises(ProviderUnavailable) as caught:
        await call(operation, Send())

    assert caught.value.retry_after == handed_on


@pytest.mark.parametrize("cls", [Exception, SyncPatternsError, NotExecuted, NotSent])
def test_a_refusal_that_takes_in_what_is_no_answer_is_refused(
    cls: type[Exception],
) -> None:
    """Else a time-out would be stored as the provider's no."""
    with pytest.raises(ConfigurationError, match=cls.__name__):
        Operation("sms.send", MemoryEngine(), call=send, refusals=(cls,))
