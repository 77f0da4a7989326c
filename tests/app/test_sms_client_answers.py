"""What the SMS client reads from an answer: the status first."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from examples.critical_buttons.sms.provider import (
    STATUSES,
    NotSent,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUncertain,
    Receipt,
)
from examples.critical_buttons.sms.twilio import normal_status
from tests.app.sms_clients import (
    MESSAGE,
    answering,
    created,
    fake,
)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderMisconfigured),
        (402, ProviderRejected),
        (403, ProviderMisconfigured),
        (404, ProviderRejected),
        (408, ProviderUncertain),
        (409, ProviderRejected),
        (422, ProviderRejected),
        (425, NotSent),
        (429, NotSent),
        (301, ProviderUncertain),
        (307, ProviderUncertain),
        (500, ProviderUncertain),
        (502, ProviderUncertain),
        (504, ProviderUncertain),
        (599, ProviderUncertain),
    ],
)
async def test_the_http_status_decides_whatever_the_body_is(
    status: int, error: type[Exception]
) -> None:
    """Codes are split and renumbered; a proxy answers with a web page."""
    for text in ("", "<html>", "[]", '{"code": "x"}', "{" * 5000):
        async with answering(status, text=text) as client:
            with pytest.raises(error) as caught:
                await client.send(MESSAGE, timeout=60)

        assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, NotSent), (500, ProviderUncertain), (503, ProviderUncertain)],
)
async def test_a_provider_that_says_when_is_heard(
    status: int, error: type[Exception]
) -> None:
    """Also where its answer decides nothing: a lookup may, and then it is waited."""
    async with answering(status, retry_after="7") as client:
        with pytest.raises(error) as caught:
            await client.send(MESSAGE, timeout=60)

    assert getattr(caught.value, "retry_after", None) == 7


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_account_says_when_to_come_back(status: int) -> None:
    """It becomes a 503, and a page that is told no time would ask at once."""
    async with answering(status) as client:
        with pytest.raises(ProviderMisconfigured) as caught:
            await client.send(MESSAGE, timeout=60)

    assert caught.value.retry_after == 60


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"sid": null}',
        '{"sid": ""}',
        '{"sid": 7}',
        '{"sid": "a b"}',
        '{"sid": "x',
        "<html>",
        "[" * 100_000,
        '{"sid": "' + "x" * 100 + '"}',
    ],
)
async def test_success_that_cannot_be_read_is_uncertain(text: str) -> None:
    """The message may well be on its way."""
    for status in (200, 201, 202, 204):
        async with answering(status, text=text) as client:
            with pytest.raises(ProviderUncertain) as caught:
                await client.send(MESSAGE, timeout=60)

        assert caught.value.provider_status == status


@pytest.mark.parametrize(
    ("body", "receipt"),
    [
        (created(), Receipt("SM1", "queued", 1)),
        (created(status="accepted", num_segments="0"), Receipt("SM1", "queued", 0)),
        (created(status="sending"), Receipt("SM1", "sending", 1)),
        (created(status="canceled"), Receipt("SM1", "failed", 1)),
        (created(status="something new"), Receipt("SM1", "queued", 1)),
        (created(status=None), Receipt("SM1", "queued", 1)),
        (created(num_segments=3), Receipt("SM1", "queued", 3)),
        (created(num_segments="many"), Receipt("SM1", "queued", 0)),
        (created(new_field={"a": 1}), Receipt("SM1", "queued", 1)),
        ({"sid": "SM1"}, Receipt("SM1", "queued", 0)),
    ],
)
async def test_a_receipt_needs_the_id_only(
    body: dict[str, Any], receipt: Receipt
) -> None:
    """The provider adds fields and words without notice."""
    async with answering(201, body) as client:
        assert await client.send(MESSAGE, timeout=60) == receipt


def test_every_status_of_the_provider_is_one_of_ours() -> None:
    """What is not known is the least that can be said."""
    words: list[object] = [
        "accepted",
        "delivered",
        "partially_delivered",
        "receiving",
        "x",
        None,
        [],
    ]

    assert [normal_status(each) for each in words] == [
        "queued",
        "delivered",
        "delivered",
        "received",
        "queued",
        "queued",
        "queued",
    ]
    assert {normal_status(each) for each in STATUSES} == set(STATUSES)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("3, 5", None),
        ("\u0663", None),
        ("9" * 40, 999_999_999.0),
        ("9" * 5000, 999_999_999.0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
        ("", None),
    ],
)
async def test_retry_after_is_seconds_or_a_date_by_the_providers_clock(
    value: str, seconds: float | None
) -> None:
    """What cannot be read is no time at all; a long one is not taken for none."""
    date = "Thu, 01 Jan 1970 00:01:00 GMT"

    def handle(_: httpx2.Request) -> httpx2.Response:
        headers = [(b"Retry-After", value.encode()), (b"Date", date.encode())]
        return httpx2.Response(429, headers=headers)

    async with fake(httpx2.MockTransport(handle)) as client:
        with pytest.raises(NotSent) as caught:
            await client.send(MESSAGE, timeout=60)

    assert caught.value.retry_after == seconds
