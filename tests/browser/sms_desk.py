"""An app whose messages go to a simulator that the test holds in its hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx2
import pytest

from tests.app.driver import PATIENCE, AppProcess
from tests.app.simulated import Simulator

#: Seconds until a message is sent, and again as many until it is delivered: longer
#: than any test takes, so that only the moved clock delivers.
PACE = 3600.0


@contextmanager
def sending_app(
    simulator: Simulator, folder: Path, *options: str
) -> Iterator[AppProcess]:
    """Start an app that sends by *simulator*; gives up on it after three seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRITICAL_BUTTONS_SMS_TOKEN", simulator.token)
        arguments = [
            *("--port", "0", "--db", "sqlite:///app.db"),
            *("--sms-url", simulator.url, "--sms-account", simulator.account),
            *("--sms-timeout", "3", "--sms-rate", "100", *options),
        ]
        with AppProcess(*arguments, cwd=folder) as running:
            assert running.serving, running.said
            yield running


class SmsDesk:
    """Somebody elsewhere who sends messages, and hands out unused leads.

    Args:
        url: Of the app.
        simulator: Where its messages go.
    """

    def __init__(self, url: str, simulator: Simulator) -> None:
        self.client = httpx2.Client(base_url=url, timeout=PATIENCE)
        self.simulator = simulator
        listed = self.client.get("/api/leads").json()
        self._free = [
            each["id"]
            for each in listed
            if not each["opted_out"] and not each["under_review"]
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def take(self) -> str:
        """Return a lead that no test has had."""
        return str(self._free.pop())

    def lead(self, lead_id: str) -> dict[str, Any]:
        """Return one lead."""
        listed = self.client.get("/api/leads").json()
        found: dict[str, Any] = next(each for each in listed if each["id"] == lead_id)
        return found

    def send(self, lead_id: str, body: str) -> httpx2.Response:
        """Send a message from elsewhere."""
        return self.client.post(
            "/api/leads/send-sms",
            json={"lead_id": lead_id, "body": body},
            headers={"Idempotency-Key": str(uuid4())},
        )

    def history(self, lead_id: str) -> list[dict[str, Any]]:
        """Return the messages of a lead, newest first."""
        found: list[dict[str, Any]] = self.client.get(
            f"/api/leads/{lead_id}/sms-history"
        ).json()
        return found

    def texts(self) -> list[str]:
        """Return the texts that the provider was given, newest first."""
        return [each["body"] for each in self.simulator.seen()["messages"]]

    def deliver(self) -> None:
        """Let so much time pass that every message is delivered, or is not."""
        self.simulator.advance(2 * PACE)

    def open_breaker(self) -> None:
        """Let five sends fail, so that nobody is asked any more."""
        self.simulator.faults(mode="500", applies_to="all")
        for number in range(5):
            answer = self.send(self.take(), f"failing {number}")
            assert answer.status_code == 409, answer.text
        (breaker,) = self.client.get("/api/breakers").json()
        assert breaker["state"] == "open", breaker
