"""The SMS client says of each request what is known of it, fault by fault."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import httpx2
import pytest

from examples.critical_buttons.sms.bucket import Bucket
from examples.critical_buttons.sms.provider import (
    NotSent,
    OptedOutAtProvider,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUncertain,
    Receipt,
    SendRateExceeded,
    SmsMessage,
    SmsProvider,
)
from examples.critical_buttons.sms.twilio import TwilioClient
from syncpatterns.errors import ConfigurationError, NotExecuted
from syncpatterns.testing import FakeClock
from tests.app.simulated import FROM, TO, Receiver, Simulator, with_more_patience
from tests.app.sms_clients import (
    ACCOUNT,
    MESSAGE,
    TOKEN,
    TOLD,
    answering,
    client_of,
    created,
    fake,
)


async def test_a_message_that_is_sent_has_a_receipt(sim: Simulator) -> None:
    """The provider's id, its status in our words, and the segments."""
    async with client_of(sim) as client:
        receipt = await client.send(SmsMessage(TO, "x" * 161), timeout=60)

    (message,) = sim.seen()["messages"]
    assert receipt == Receipt(message["sid"], "queued", 2)
    assert (message["to"], message["from"]) == (TO, FROM)


async def test_the_provider_reports_to_the_callback_url(sim: Simulator) -> None:
    """And the message's own sender wins over the client's."""
    with Receiver() as receiver:
        async with client_of(sim) as client:
            await client.send(
                SmsMessage(TO, "Hello", "+15005550199"),
                timeout=60,
                callback_url=receiver.url,
            )
        sim.advance(100)

        assert receiver.next().status == "sent"

    assert sim.seen()["messages"][0]["from"] == "+15005550199"


@pytest.mark.parametrize(
    ("faults", "error", "sent"),
    [
        ({"mode": "refuse"}, NotSent, 0),
        ({"mode": "429"}, NotSent, 0),
        ({"mode": "unauthorized"}, ProviderMisconfigured, 0),
        ({"mode": "reject"}, OptedOutAtProvider, 0),
        ({"mode": "reject", "reject_code": 30007}, ProviderRejected, 0),
        ({"mode": "500"}, ProviderUncertain, 0),
        ({"mode": "503"}, ProviderUncertain, 0),
        ({"mode": "hang"}, ProviderUncertain, 0),
        ({"mode": "drop"}, ProviderUncertain, 0),
        ({"mode": "accept_then_hang"}, ProviderUncertain, 1),
        ({"mode": "accept_then_drop"}, ProviderUncertain, 1),
        ({"mode": "garbled"}, ProviderUncertain, 1),
        ({"latency": 60}, ProviderUncertain, 0),
    ],
)
async def test_every_fault_is_told_as_what_it_proves(
    sim: Simulator, faults: dict[str, Any], error: type[Exception], sent: int
) -> None:
    """Certainly not sent, refused, or uncertain; never more than one request."""

    async def once(seconds: float) -> tuple[type[Exception], int]:
        sim.reset()
        before = sim.seen()["requests"]["create"]
        sim.faults(**faults)
        async with client_of(sim) as client:
            with pytest.raises(TOLD) as caught:
                await client.send(MESSAGE, timeout=seconds)
        assert sim.seen()["requests"]["create"] - before <= 1
        return type(caught.value), sim.seen()["count"]

    assert await with_more_patience(once, (error, sent)) == (error, sent)


async def test_429_carries_the_time_to_wait(sim: Simulator) -> None:
    """As a floor for whoever tries again."""
    sim.faults(mode="429", retry_after=7)

    async with client_of(sim) as client:
        with pytest.raises(NotSent) as caught:
            await client.send(MESSAGE, timeout=60)

    assert caught.value.retry_after == 7


async def test_a_refused_connection_is_not_sent_after_a_success_too(
    sim: Simulator,
) -> None:
    """A connection kept from before would turn this into "uncertain"."""
    async with client_of(sim) as client:
        await client.send(MESSAGE, timeout=60)
        sim.faults(mode="refuse")

        with pytest.raises(NotSent):
            await client.send(MESSAGE, timeout=60)


async def test_sending_again_after_uncertain_is_how_messages_double(
    sim: Simulator,
) -> None:
    """A planted bug: a client that retries what it does not know sends two."""
    sim.faults(mode="accept_then_drop", fail_next=1)

    async with client_of(sim) as client:
        for _ in range(2):
            with suppress(ProviderUncertain):
                await client.send(MESSAGE, timeout=60)

    assert sim.seen()["count"] == 2


@pytest.mark.parametrize(
    ("to", "error", "code"),
    [
        ("+15005550001", ProviderRejected, 21211),
        ("+15005550004", OptedOutAtProvider, 21610),
        ("+15005550009", ProviderRejected, 21614),
    ],
)
async def test_magic_numbers_are_refusals(
    sim: Simulator, to: str, error: type[ProviderRejected], code: int
) -> None:
    """With the provider's code and status as facts, for the page to show."""
    async with client_of(sim) as client:
        with pytest.raises(error) as caught:
            await client.send(SmsMessage(to, "Hello"), timeout=60)

    assert caught.value.facts == {"provider_code": code, "provider_status": 400}
    assert (caught.value.provider_code, caught.value.provider_status) == (code, 400)


async def test_a_hundred_tasks_may_send_at_once(sim: Simulator) -> None:
    """Each has a receipt of its own."""
    receipts = set()
    async with client_of(sim) as client, anyio.create_task_group() as tasks:

        async def send(n: int) -> None:
            receipt = await client.send(SmsMessage(TO, str(n)), timeout=30)
            receipts.add(receipt.provider_id)

        for n in range(100):
            tasks.start_soon(send, n)

    assert len(receipts) == sim.seen()["count"] == 100


async def test_the_numbers_rate_is_kept_without_waiting() -> None:
    """One a second: the second message is told when it may come again."""
    clock = FakeClock()
    handle = httpx2.MockTransport(lambda _: httpx2.Response(201, json=created()))
    async with fake(handle, clock=clock) as client:
        await client.send(MESSAGE, timeout=60)
        clock.advance(0.25)

        with pytest.raises(SendRateExceeded) as caught:
            await client.send(MESSAGE, timeout=60)
        clock.advance(0.75)
        await client.send(MESSAGE, timeout=60)

    assert caught.value.retry_after == pytest.approx(0.75)
    assert isinstance(caught.value, NotSent)
    assert (caught.value.status, caught.value.problem) == (429, "rate-limited")


def test_a_bucket_saves_up_no_more_than_its_burst() -> None:
    """However long the pause was, and whatever the clock does."""
    now = [0.0]
    bucket = Bucket(2.0, 3.0, lambda: now[0])

    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 1000.0
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.0
    assert bucket.take() == 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://sms.example"},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "https://user:password@sms.example"},
        {"base_url": "https://sms.example?x=1"},
        {"base_url": "https://"},
        {"base_url": "sms.example"},
        {"base_url": "http://[::1"},
        {"account_sid": "SK" + "1" * 32},
        {"account_sid": "AC1/../x"},
        {"auth_token": ""},
        {"auth_token": "a\r\nX: y"},
        {"from_number": "nobody at all"},
        {"from_number": ""},
        {"rate": 0},
        {"rate": float("nan")},
        {"burst": 0.5},
    ],
)
def test_wrong_wiring_is_refused_at_once(change: dict[str, Any]) -> None:
    """With a sentence that does not repeat the secret."""
    fine: dict[str, Any] = {
        "base_url": "https://sms.example",
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "from_number": FROM,
    }

    with pytest.raises(ConfigurationError) as caught:
        TwilioClient(**(fine | change))

    assert "password" not in str(caught.value)


def test_a_misconfigured_provider_is_certainly_not_sent() -> None:
    """So the same key may be tried again once somebody has corrected it."""
    assert issubclass(ProviderMisconfigured, NotExecuted)
    assert not issubclass(ProviderUncertain, NotExecuted)
    assert issubclass(OptedOutAtProvider, ProviderRejected)


def test_the_client_is_a_provider() -> None:
    """Checked by the type checker; nothing is asked here."""
    provider: SmsProvider = answering(201, created())

    assert repr(provider) == "TwilioClient('https://sms.example')"
