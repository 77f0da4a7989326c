"""Looking for a message that may have been sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from examples.critical_buttons.sms.provider import (
    LookupFailed,
    NotSent,
    ProviderUncertain,
    Receipt,
    SmsMessage,
)
from syncpatterns.errors import NotExecuted
from tests.app.simulated import FROM, TO, Simulator, eventually, with_more_patience
from tests.app.sms_clients import MESSAGE, MOMENT, client_of, fake

SECOND = timedelta(seconds=1)


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


@pytest.mark.parametrize("mode", ["accept_then_drop", "accept_then_hang", "garbled"])
@pytest.mark.case("APP-29", part="provider")
async def test_a_message_whose_answer_was_lost_is_found(
    sim: Simulator, mode: str
) -> None:
    """One message there, and its receipt is the one the answer would have held."""

    async def once(seconds: float) -> bool:
        sim.reset()
        sim.faults(mode=mode)
        since = now()
        async with client_of(sim) as client:
            with pytest.raises((NotSent, ProviderUncertain)):
                await client.send(MESSAGE, timeout=seconds)
            found = await client.find(MESSAGE, since, timeout=60)
        there = [each["sid"] for each in sim.seen()["messages"]]
        return [found] == [Receipt(sid, "queued", 1) for sid in there]

    assert await with_more_patience(once, expected=True)


@pytest.mark.parametrize("mode", ["hang", "drop", "500"])
@pytest.mark.case("APP-30", part="provider")
async def test_a_message_that_did_not_arrive_is_not_found(
    sim: Simulator, mode: str
) -> None:
    """None is a statement: the provider has no such message now."""

    async def once(seconds: float) -> tuple[type[Exception], Receipt | None, int]:
        sim.reset()
        sim.faults(mode=mode)
        since = now()
        async with client_of(sim) as client:
            with pytest.raises((NotSent, ProviderUncertain)) as caught:
                await client.send(MESSAGE, timeout=seconds)
            found = await client.find(MESSAGE, since, timeout=60)
        return type(caught.value), found, sim.seen()["count"]

    nothing: tuple[type[Exception], Receipt | None, int] = (ProviderUncertain, None, 0)
    assert await with_more_patience(once, nothing) == nothing


@pytest.mark.case("APP-30", part="provider")
async def test_a_message_is_found_when_it_is_looked_for_again_later(
    sim: Simulator,
) -> None:
    """The lookup fails with the provider, and works once it is back."""

    async def once(seconds: float) -> tuple[bool, int]:
        sim.reset()
        sim.faults(mode="accept_then_hang")
        since = now()
        async with client_of(sim) as client:
            with pytest.raises((NotSent, ProviderUncertain)):
                await client.send(MESSAGE, timeout=seconds)
            sim.faults(mode="refuse")
            with pytest.raises(LookupFailed):
                await client.find(MESSAGE, since, timeout=60)
            sim.faults()
            found = await client.find(MESSAGE, since, timeout=60)
        return found is not None, sim.seen()["count"]

    assert await with_more_patience(once, (True, 1)) == (True, 1)


@pytest.mark.parametrize(
    "faults",
    [
        {"mode": "refuse"},
        {"mode": "429", "applies_to": "all"},
        {"mode": "500", "applies_to": "lookup"},
        {"mode": "unauthorized", "applies_to": "lookup"},
        {"mode": "reject", "applies_to": "lookup"},
        {"mode": "hang", "applies_to": "lookup"},
        {"mode": "drop", "applies_to": "lookup"},
        {"mode": "garbled", "applies_to": "lookup"},
        {"latency": 60},
    ],
)
async def test_a_lookup_that_fails_says_nothing_about_the_message(
    sim: Simulator, faults: dict[str, Any]
) -> None:
    """Never "not executed", not even where the lookup itself was not."""
    sim.faults(**faults)

    async with client_of(sim) as client:
        with pytest.raises(LookupFailed) as caught:
            await client.find(MESSAGE, now(), timeout=0.5)

    assert isinstance(caught.value, ProviderUncertain)
    assert not isinstance(caught.value, NotExecuted)


@pytest.mark.parametrize(
    "other",
    [
        {"Body": "Hello "},
        {"Body": "hello"},
        {"To": "+12025550199"},
        {"From": "+15005550199"},
    ],
)
async def test_only_the_same_text_between_the_same_numbers_is_found(
    sim: Simulator, other: dict[str, str]
) -> None:
    """To the letter."""
    sim.create(**other)

    async with client_of(sim) as client:
        assert await client.find(MESSAGE, now() - SECOND, timeout=60) is None


async def test_a_message_that_came_in_is_not_the_one_that_was_sent(
    sim: Simulator,
) -> None:
    """Somebody who sends our text back to us proves nothing."""
    body = {"from": FROM, "to": TO, "body": "Hello", "url": "http://127.0.0.1:1/"}
    sim.admin.post("/_sim/inbound", json=body)

    async with client_of(sim) as client:
        assert await client.find(MESSAGE, now() - SECOND, timeout=60) is None


async def test_of_several_the_oldest_that_is_not_excluded_is_found(
    sim: Simulator,
) -> None:
    """The younger ones are those of later clicks."""
    since = now()
    first, second, third = (sim.create().json()["sid"] for _ in range(3))

    async with client_of(sim) as client:

        async def found(*known: str) -> str | None:
            receipt = await client.find(MESSAGE, since, timeout=60, exclude=known)
            return receipt.provider_id if receipt else None

        assert await found() == first
        assert await found(first) == second
        assert await found(second, first) == third
        assert await found(first, second, third) is None


async def test_a_message_on_a_later_page_is_found(sim: Simulator) -> None:
    """However many others the same person was sent since."""
    since = now()
    sid = sim.create().json()["sid"]
    for n in range(230):
        sim.create(Body=str(n))

    async with client_of(sim) as client:
        receipt = await client.find(MESSAGE, since, timeout=120)

    assert receipt is not None
    assert receipt.provider_id == sid


async def test_a_message_whose_status_went_on_is_found_as_it_is_now(
    sim: Simulator,
) -> None:
    """The callback may have come before the receipt did."""
    since = now()
    sid = sim.create().json()["sid"]
    sim.advance(100)
    eventually(lambda: bool(sim.message(sid)["status"] == "delivered"))

    async with client_of(sim) as client:
        receipt = await client.find(MESSAGE, since, timeout=60)

    assert receipt == Receipt(sid, "delivered", 1)


# ----------------------------------------------------- what a list may hold


def listed(**change: Any) -> dict[str, Any]:
    """Return a message as the list shows it."""
    return {
        "sid": "SM1",
        "to": TO,
        "from": FROM,
        "body": "Hello",
        "direction": "outbound-api",
        "status": "sent",
        "num_segments": "1",
        "date_created": format_datetime(MOMENT),
    } | change


def listing(*messages: Any, **more: Any) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a provider whose list holds *messages*."""

    def handle(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"messages": list(messages), **more})

    return handle


async def find(
    handle: Callable[[httpx2.Request], httpx2.Response],
    since: datetime = MOMENT,
    **options: Any,
) -> Receipt | None:
    """Look for the message at a provider that answers so."""
    async with fake(httpx2.MockTransport(handle)) as client:
        return await client.find(MESSAGE, since, timeout=60, **options)


@pytest.mark.parametrize(
    ("age", "found"), [(0, True), (29, True), (30, True), (31, False), (-600, True)]
)
async def test_what_is_older_than_the_sending_is_another_message(
    age: int, found: bool
) -> None:
    """But for half a minute by which the provider's clock may be behind."""
    message = listed(date_created=format_datetime(MOMENT - age * SECOND))

    assert (await find(listing(message)) is not None) == found


async def test_messages_of_one_second_keep_the_order_of_the_list() -> None:
    """The list comes newest first; its times have no fractions."""
    found = await find(listing(listed(sid="SM2"), listed(sid="SM1")))

    assert found is not None
    assert found.provider_id == "SM1"


async def test_the_list_is_asked_for_by_number_sender_and_day() -> None:
    """A day early, and once without the day: what waits has none yet."""
    asked = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(dict(request.url.params))
        return httpx2.Response(200, json={"messages": []})

    assert await find(handle) is None
    assert asked == [
        {"To": TO, "From": FROM, "PageSize": "100"},
        {"To": TO, "From": FROM, "PageSize": "100", "DateSent>": "2025-12-30"},
    ]


@pytest.mark.parametrize(
    "uri",
    [
        "https://attacker.example/2010-04-01/x",
        "//attacker.example/x",
        "http://sms.example/x",
        "https://sms.example:8443/x",
        "https://sms.example@attacker.example/",
        "https://[::1",
        7,
        {},
    ],
)
async def test_the_next_page_is_on_the_same_host_or_not_read(uri: object) -> None:
    """Every request carries the account's token."""
    asked = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(200, json={"messages": [], "next_page_uri": uri})

    with pytest.raises(LookupFailed):
        await find(handle)

    assert set(asked) == {"sms.example"}


async def test_a_list_without_an_end_is_no_answer() -> None:
    """What was not read could hold the message."""
    with pytest.raises(LookupFailed, match="no end"):
        await find(listing(next_page_uri="/2010-04-01/more"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"messages": null}',
        b'{"messages": {}}',
        b"<html>",
        b"[" * 100_000,
    ],
)
async def test_a_list_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    """It must not pass for an empty one."""
    with pytest.raises(LookupFailed):
        await find(lambda _: httpx2.Response(200, content=body))


@pytest.mark.parametrize(
    "change",
    [
        {"sid": None},
        {"date_created": None},
        {"date_created": "yesterday"},
        {"date_created": "Thu, 99 Jan 2026 00:00:00 +0000"},
    ],
)
async def test_a_message_like_ours_that_cannot_be_read_is_no_answer(
    change: dict[str, Any],
) -> None:
    """It could be the one."""
    with pytest.raises(LookupFailed):
        await find(listing(listed(**change)))


async def test_other_peoples_rubbish_in_the_list_is_no_matter() -> None:
    """Rows that cannot be ours are not read."""
    found = await find(listing(None, 7, [], {}, {"to": []}, listed()))

    assert found is not None


async def test_a_time_without_a_zone_is_refused() -> None:
    """It would be off by hours, and old messages would be adopted."""
    with pytest.raises(ValueError, match="time zone"):
        await find(listing(), since=MOMENT.replace(tzinfo=None))


async def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    """Only the day of the filter is counted in UTC."""
    zone = datetime.fromisoformat("2026-01-01T05:30:00+05:30")

    assert await find(listing(listed()), since=zone) == Receipt("SM1", "sent", 1)


async def test_the_messages_own_sender_is_looked_for() -> None:
    """As it was sent from there."""
    asked = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.params["From"])
        return httpx2.Response(200, json={"messages": []})

    async with fake(httpx2.MockTransport(handle)) as client:
        await client.find(SmsMessage(TO, "Hello", "+15005550199"), MOMENT, timeout=60)

    assert set(asked) == {"+15005550199"}
