"""What a page does with leads and messages, and what the provider calls back."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

import httpx2

from examples.critical_buttons.sms.signature import HEADER, sign
from tests.app.simulated import PACE, Simulator, eventually

SEND = "/api/leads/send-sms"
STATUS = "/webhooks/sms/status"
INBOUND = "/webhooks/sms/inbound"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def fresh_key() -> str:
    """Return the key of a new click."""
    return uuid.uuid4().hex


class SmsApi:
    """The app's SMS side over HTTP.

    Args:
        client: Of the app.
        provider: The simulator behind it.
    """

    def __init__(self, client: httpx2.Client, provider: Simulator) -> None:
        self.client = client
        self.provider = provider
        self._used: set[str] = set()

    # ------------------------------------------------------------- the page

    def send(
        self,
        lead_id: str,
        body: str = "Hello",
        key: str | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """Press the button."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Idempotency-Key"] = fresh_key() if key is None else key
        return self.client.post(
            SEND, json={"lead_id": lead_id, "body": body}, headers=sent
        )

    def leads(self, **headers: str) -> list[dict[str, Any]]:
        """Return the list of leads."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        listed: list[dict[str, Any]] = self.client.get(
            "/api/leads", headers=sent
        ).json()
        return listed

    def lead(self, lead_id: str) -> dict[str, Any]:
        """Return one lead."""
        (found,) = [each for each in self.leads() if each["id"] == lead_id]
        return found

    def unused(self) -> str:
        """Return a lead that may be written to and never was."""
        found: str = next(
            each["id"]
            for each in self.leads()
            if not each["opted_out"]
            and not each["under_review"]
            and each["last_sms"] is None
            and each["version"] == 1
        )
        return found

    def history(self, lead_id: str) -> list[dict[str, Any]]:
        """Return a lead's messages, newest first."""
        listed: list[dict[str, Any]] = self.client.get(
            f"/api/leads/{lead_id}/sms-history"
        ).json()
        return listed

    def audit(self, lead_id: str) -> list[dict[str, Any]]:
        """Return a lead's audit lines, newest first."""
        listed: list[dict[str, Any]] = self.client.get(
            "/api/audit", params={"entity_id": lead_id}
        ).json()
        return listed

    def breaker(self) -> dict[str, Any]:
        """Return how the breaker stands."""
        (found,) = self.client.get("/api/breakers").json()
        return dict(found)

    def unresolved(self) -> list[dict[str, Any]]:
        """Return what waits to be settled."""
        listed: list[dict[str, Any]] = self.client.get("/api/unresolved").json()
        return listed

    def resolve(self, key_hash: str, verdict: str) -> httpx2.Response:
        """Settle one of them."""
        return self.client.post(
            f"/api/unresolved/{key_hash}/resolve", json={"verdict": verdict}
        )

    # --------------------------------------------------------- the provider

    def heal(self) -> None:
        """Make the provider healthy and forgetful, and the breaker closed."""
        self.provider.reset()
        self.repair()

    def repair(self) -> None:
        """Make the provider healthy, and the breaker closed."""
        self.provider.faults()
        self.client.post("/api/chaos/breaker", json={"action": "reset"})

    def accepted(self, body: str) -> int:
        """Return how many messages with this text the provider has."""
        return sum(
            each["body"] == body and each["direction"] == "outbound-api"
            for each in self.provider.seen()["messages"]
        )

    def deliver(self) -> None:
        """Let all messages go their way, and wait until it was told."""
        self.provider.advance(3 * PACE)
        eventually(
            lambda: all(
                len(each["callbacks"]) == 2
                for each in self.provider.seen()["messages"]
                if each["direction"] == "outbound-api"
            )
        )

    def reply(self, lead_id: str, body: str) -> dict[str, Any]:
        """Let a lead write to us, through the provider."""
        answer = self.client.post(
            "/api/chaos/inbound", json={"lead_id": lead_id, "body": body}
        )
        assert answer.status_code == 200, answer.text
        webhook: dict[str, Any] = answer.json()["webhook"]
        return webhook

    def webhook(
        self,
        path: str,
        fields: dict[str, str] | list[tuple[str, str]],
        *,
        token: str | None = None,
        signature: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Call a webhook as the provider would, signed unless told otherwise."""
        pairs = list(fields.items()) if isinstance(fields, dict) else fields
        url = f"{self.client.base_url}".rstrip("/") + path
        made = sign(token or self.provider.token, url, pairs)
        return self.client.post(
            path,
            content=urlencode(pairs).encode(),
            headers={**FORM, HEADER: made if signature is None else signature}
            | (headers or {}),
        )

    def status_form(self, sid: str, status: str, **more: str) -> dict[str, str]:
        """Return what a status callback says."""
        return {
            "AccountSid": self.provider.account,
            "MessageSid": sid,
            "MessageStatus": status,
        } | more

    def inbound_form(self, phone: str, body: str, **more: str) -> dict[str, str]:
        """Return what a message that came in says."""
        return {
            "AccountSid": self.provider.account,
            "MessageSid": f"SM{uuid.uuid4().hex}",
            "From": phone,
            "To": "+15005550006",
            "Body": body,
        } | more
