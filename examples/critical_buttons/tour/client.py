"""Pressing buttons over HTTP, as a browser or a script would."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

TIMEOUT = 40.0
#: The first HTTP status of a refusal.
BAD = 400


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Args:
        status: HTTP status.
        headers: Lower-case names.
        body: The bytes.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def replayed(self) -> bool:
        """Whether the server says that nothing ran for this request."""
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def problem(self) -> str:
        """Last part of the problem type, or an empty string."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(self.json["type"]).rpartition("/")[2]


class NoAnswer(Exception):
    """The connection ended without an answer; it may have happened."""


def request(
    port: int,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Reply:
    """Send one request to 127.0.0.1 on a connection of its own.

    Raises:
        NoAnswer: There was no complete answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    with closing(connection):
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(type(error).__name__) from error
        pairs = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, pairs, data)


def press(port: int, path: str, key: str, body: Any) -> Reply:
    """Post *body* as JSON under *key*.

    Raises:
        NoAnswer: There was no answer; press again with the same *key*.
    """
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return request(port, "POST", path, headers=headers, body=json.dumps(body).encode())


def confirm(port: int, booking: str, key: str) -> Reply:
    """Press *Confirm booking*.

    Raises:
        NoAnswer: There was no answer; press again with the same *key*.
    """
    return press(port, "/api/bookings/confirm", key, {"booking_id": booking})


def send_sms(port: int, lead: str, body: str, key: str) -> Reply:
    """Press *Send SMS*.

    Raises:
        NoAnswer: There was no answer; press again with the same *key*.
    """
    return press(port, "/api/leads/send-sms", key, {"lead_id": lead, "body": body})


def update_status(port: int, body: dict[str, Any], key: str) -> Reply:
    """Move one lead or many.

    Raises:
        NoAnswer: There was no answer; ask again with the same *key*.
    """
    return press(port, "/api/leads/update-status", key, body)


def leads(port: int) -> dict[str, dict[str, Any]]:
    """Return all leads by their id."""
    return {row["id"]: row for row in request(port, "GET", "/api/leads?limit=500").json}


def lead_audit(port: int, lead: str) -> list[dict[str, Any]]:
    """Return what was done to one lead, newest first."""
    rows: list[dict[str, Any]] = request(port, "GET", f"/api/leads/{lead}/audit").json
    return rows


def history(port: int, lead: str) -> list[dict[str, Any]]:
    """Return the messages of one lead, newest first."""
    rows: list[dict[str, Any]] = request(
        port, "GET", f"/api/leads/{lead}/sms-history"
    ).json
    return rows


def breaker(port: int) -> dict[str, Any]:
    """Return how the SMS breaker of this process stands."""
    (found,) = request(port, "GET", "/api/breakers").json
    state: dict[str, Any] = found
    return state


def unresolved(port: int) -> list[dict[str, Any]]:
    """Return the sends of which nobody knows whether they left."""
    rows: list[dict[str, Any]] = request(port, "GET", "/api/unresolved").json
    return rows


def check_again(port: int, key_hash: str) -> Reply:
    """Press *Check* on a send of which nobody knows."""
    return request(
        port,
        "POST",
        f"/api/unresolved/{key_hash}/resolve",
        headers={"Content-Type": "application/json"},
        body=b'{"verdict": "check"}',
    )


def bookings(port: int) -> dict[str, dict[str, Any]]:
    """Return all bookings by their id."""
    return {row["id"]: row for row in request(port, "GET", "/api/bookings").json}


def audit(port: int, booking: str) -> list[dict[str, Any]]:
    """Return the audit rows of one booking, newest first."""
    rows: list[dict[str, Any]] = request(
        port, "GET", f"/api/audit?entity_id={booking}&limit=100"
    ).json
    return rows


def cursor(port: int) -> str:
    """Return where the event stream stands now."""
    return request(port, "GET", "/api/bookings").headers["x-realtime-cursor"]
