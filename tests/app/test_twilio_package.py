"""The provider's own Python package runs against the simulator as it is.

The package is changed in nothing but the address it asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import (  # type: ignore[import-untyped]  # ships no types
    TwilioRestException,
)
from twilio.http.async_http_client import (  # type: ignore[import-untyped]  # ships no types
    AsyncTwilioHttpClient,
)
from twilio.http.http_client import (  # type: ignore[import-untyped]  # ships no types
    TwilioHttpClient,
)
from twilio.request_validator import (  # type: ignore[import-untyped]  # ships no types
    RequestValidator,
)
from twilio.rest import Client  # type: ignore[import-untyped]  # ships no types

from tests.app.simulated import FROM, PACE, TO, Receiver, Simulator


@pytest.fixture
def client(sim: Simulator) -> Iterator[Any]:
    """The package's client."""
    http: Any = TwilioHttpClient()
    made = Client(sim.account, sim.token, http_client=http)
    made.api.base_url = sim.url
    yield made
    http.session.close()


def test_a_message_is_created_and_fetched(client: Any) -> None:
    """Every field has the type that the package makes of it."""
    made = client.messages.create(to=TO, from_=FROM, body="Grüße €")

    fetched = client.messages(made.sid).fetch()

    assert (fetched.to, fetched.from_, fetched.body) == (TO, FROM, "Grüße €")
    assert (made.sid, "outbound-api") == (fetched.sid, fetched.direction)
    assert (made.status, made.num_segments) == ("queued", "1")
    assert made.sid.startswith("SM")
    assert len(made.sid) == 34
    assert made.date_created.tzinfo is not None
    assert made.date_sent is None
    assert made.error_code is None


def test_pages_hold_each_message_once_newest_first(client: Any) -> None:
    """Also where messages are accepted while somebody turns the pages."""
    made = [
        client.messages.create(to=TO, from_=FROM, body=f"{n}").sid for n in range(7)
    ]

    seen = []
    for message in client.messages.stream(page_size=3):
        seen.append(message.sid)
        client.messages.create(to=TO, from_=FROM, body="meanwhile")

    assert made[::-1] == seen


def test_pages_can_be_turned_back(client: Any) -> None:
    """The page before the second is the first."""
    for n in range(5):
        client.messages.create(to=TO, from_=FROM, body=f"{n}")
    first = client.messages.page(page_size=2)
    second = first.next_page()

    back = second.previous_page()

    assert [each.body for each in second] == ["2", "1"]
    assert [each.body for each in back] == ["4", "3"]
    assert back.previous_page() is None
    assert [each.body for each in second.next_page()] == ["0"]
    assert second.next_page().next_page() is None


def test_the_list_is_filtered_by_recipient_sender_and_day(
    client: Any, sim: Simulator
) -> None:
    """A bound includes its day, whichever side it is on."""
    other = "+12025550199"
    client.messages.create(to=TO, from_=FROM, body="one")
    client.messages.create(to=other, from_=FROM, body="two")
    client.messages.create(to=TO, from_=other, body="three")
    today = datetime.fromisoformat(sim.admin.get("/_sim/clock").json()["now"])
    day = timedelta(days=1)

    def listed(**filters: Any) -> list[str]:
        return [each.body for each in client.messages.list(**filters)]

    assert listed(to=TO) == ["three", "one"]
    assert listed(from_=FROM) == ["two", "one"]
    assert listed(to=TO, from_=FROM) == ["one"]
    assert listed(limit=1) == ["three"]
    assert len(listed(date_sent=today.date())) == 3
    assert len(listed(date_sent_after=(today - day).date())) == 3
    assert len(listed(date_sent_before=(today + day).date())) == 3
    assert listed(date_sent_after=today + day) == []
    assert listed(date_sent_before=today - day) == []
    assert listed(date_sent=(today - day).date()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"to": "12025550147"}, 21211),
        ({"to": "+0123"}, 21211),
        ({"to": FROM}, 21266),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"from_": "not a number"}, 21212),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"status_callback": "http://sms.example/"}, 21609),
        ({"status_callback": "ftp://127.0.0.1/"}, 21609),
        ({"validity_period": 0}, 20001),
        ({"validity_period": 36001}, 20001),
    ],
)
def test_what_may_not_be_sent_is_refused_with_the_providers_code(
    client: Any, change: dict[str, Any], code: int
) -> None:
    """The magic numbers and the limits of the fields."""
    fields = {"to": TO, "from_": FROM, "body": "Hello"} | change

    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(**fields)

    assert (400, code) == (caught.value.status, caught.value.code)
    assert client.messages.list() == []


def test_the_magic_sender_is_fine(client: Any) -> None:
    """1600 characters are as many as may be sent, and make 11 segments."""
    made = client.messages.create(to=TO, from_=FROM, body="x" * 1600)

    assert made.num_segments == "11"


def test_a_messaging_service_chooses_the_sender(client: Any) -> None:
    """So nothing is known of segments yet."""
    made = client.messages.create(
        to=TO, messaging_service_sid="MG" + "0" * 32, body="Hello"
    )

    assert (made.status, made.num_segments, made.from_) == ("accepted", "0", None)


@pytest.mark.parametrize(
    ("faults", "status", "code"),
    [
        ({"mode": "429"}, 429, 20429),
        ({"mode": "500"}, 500, 20500),
        ({"mode": "503"}, 503, 20503),
        ({"mode": "unauthorized"}, 401, 20003),
        ({"mode": "reject"}, 400, 21610),
        ({"mode": "reject", "reject_code": 30007}, 400, 30007),
    ],
)
def test_faults_reach_the_package_as_its_own_errors(
    client: Any, sim: Simulator, faults: dict[str, Any], status: int, code: int
) -> None:
    """Status and code are where the package looks for them."""
    sim.faults(**faults)

    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=TO, from_=FROM, body="Hello")

    assert (status, code) == (caught.value.status, caught.value.code)


def test_a_message_that_is_not_there_is_told_so(client: Any) -> None:
    """404 with the provider's code."""
    with pytest.raises(TwilioRestException) as caught:
        client.messages("SM" + "0" * 32).fetch()

    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_a_wrong_token_is_refused(sim: Simulator) -> None:
    """401, code 20003."""
    http: Any = TwilioHttpClient()
    stranger = Client(sim.account, "0" * 32, http_client=http)
    stranger.api.base_url = sim.url

    with pytest.raises(TwilioRestException) as caught:
        stranger.messages.create(to=TO, from_=FROM, body="Hello")

    http.session.close()
    assert (caught.value.status, caught.value.code) == (401, 20003)


def test_callbacks_pass_the_packages_validator(client: Any, sim: Simulator) -> None:
    """Sent, then delivered, and none for the status that the answer told."""
    with Receiver() as receiver:
        made = client.messages.create(
            to=TO, from_=FROM, body="Hello", status_callback=receiver.url
        )
        sim.advance(2 * PACE)
        hooks = [receiver.next(), receiver.next()]
    validator = RequestValidator(sim.token)

    assert [each.status for each in hooks] == ["sent", "delivered"]
    for hook in hooks:
        assert validator.validate(hook.url, dict(hook.form), hook.signature) is True
        assert made.sid == dict(hook.form)["MessageSid"]
    assert client.messages(made.sid).fetch().status == "delivered"
    assert client.messages(made.sid).fetch().date_sent is not None


# The package uses what aiohttp is about to give up.
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .auth. parameter is:DeprecationWarning")
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_the_packages_async_client_does_the_same(
    sim: Simulator, anyio_backend: object
) -> None:
    """It stands on aiohttp, so on asyncio only."""
    async with AsyncTwilioHttpClient() as http:
        client: Any = Client(sim.account, sim.token, http_client=http)
        client.api.base_url = sim.url

        made = await client.messages.create_async(to=TO, from_=FROM, body="Hello")
        await client.messages.create_async(to=TO, from_=FROM, body="Again")
        fetched = await client.messages(made.sid).fetch_async()
        stream = await client.messages.stream_async(to=TO, page_size=1)
        listed = [each.body async for each in stream]
        with pytest.raises(TwilioRestException) as caught:
            await client.messages.create_async(to="+15005550004", from_=FROM, body="x")

    assert fetched.body == "Hello"
    assert listed == ["Again", "Hello"]
    assert caught.value.code == 21610


def test_sending_twice_sends_two_messages(client: Any) -> None:
    """There is no idempotency key; whoever sends again has sent again."""
    for _ in range(2):
        client.messages.create(to=TO, from_=FROM, body="Hello")

    assert len(client.messages.list(to=TO)) == 2


def test_dates_are_those_of_the_provider(client: Any) -> None:
    """RFC 2822, UTC, to the second."""
    made = client.messages.create(to=TO, from_=FROM, body="Hello")

    assert made.date_created.microsecond == 0
    assert abs(datetime.now(UTC) - made.date_created) < timedelta(days=2)
