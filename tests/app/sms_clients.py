"""Clients of the SMS provider, on the simulator or on a transport of a test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2

from examples.critical_buttons.sms.provider import (
    NotSent,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUncertain,
    SmsMessage,
)
from examples.critical_buttons.sms.twilio import TwilioClient
from tests.app.simulated import FROM, TO, Simulator

ACCOUNT = "AC" + "1" * 32
TOKEN = "a-token"
MESSAGE = SmsMessage(TO, "Hello")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
#: All that a client tells of a message that was not simply taken.
TOLD = (NotSent, ProviderMisconfigured, ProviderRejected, ProviderUncertain)


def client_of(sim: Simulator, **options: Any) -> TwilioClient:
    """Return a client that may send as fast as it likes."""
    options = {"rate": 1000, "burst": 1000} | options
    return TwilioClient(sim.url, sim.account, sim.token, FROM, **options)


def answering(
    status: int, body: object = None, *, text: str | None = None, **headers: str
) -> TwilioClient:
    """Return a client whose provider always answers this."""

    def handle(_: httpx2.Request) -> httpx2.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if text is None:
            return httpx2.Response(status, json=body, headers=given)
        return httpx2.Response(status, headers=given, text=text)

    return fake(httpx2.MockTransport(handle))


def fake(transport: httpx2.AsyncBaseTransport, **options: Any) -> TwilioClient:
    """Return a client on *transport*."""
    return TwilioClient(
        "https://sms.example", ACCOUNT, TOKEN, FROM, transport=transport, **options
    )


def created(**change: Any) -> dict[str, Any]:
    """Return the body of a 201."""
    return {"sid": "SM1", "status": "queued", "num_segments": "1"} | change
