"""Drive the reference app as a real process over HTTP."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx2

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


class AppProcess:
    """One running app; `url` is where it serves.

    Args:
        arguments: Of the command line.
        cwd: Where it runs, and so where ``var/`` would be made.
        environment: Further variables of its environment.
    """

    def __init__(
        self, *arguments: str, cwd: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.critical_buttons", *arguments],
            cwd=cwd,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
            | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().strip()
        self.url = self.first_line.removeprefix("Serving on ")
        self.database = cwd / "app.db"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def serving(self) -> bool:
        """Whether it said that it serves."""
        return self.first_line.startswith("Serving on http://")

    def client(self, **options: Any) -> httpx2.Client:
        """Return an HTTP client for it."""
        return httpx2.Client(base_url=self.url, timeout=PATIENCE, **options)

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        code = self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        return code

    def ending(self) -> str:
        """Return how an app that did not start has ended."""
        return f"exit code {self.wait()}: " + "\n".join(self.said)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        self.process.kill()
        self.wait()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with_stderr = self.process.stderr
        self.said.extend(line.rstrip("\n") for line in with_stderr)


class Api:
    """What a button does, and what one can look at afterwards."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client

    def confirm(
        self, booking_id: str, key: str | None, **headers: str
    ) -> httpx2.Response:
        """Press the button of one booking."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        return self.client.post(
            "/api/bookings/confirm", json={"booking_id": booking_id}, headers=sent
        )

    def bookings(self, **headers: str) -> list[dict[str, Any]]:
        """Return the list of bookings."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        listed: list[dict[str, Any]] = self.client.get(
            "/api/bookings", headers=sent
        ).json()
        return listed

    def booking(self, booking_id: str, **headers: str) -> dict[str, Any]:
        """Return one booking."""
        (found,) = [b for b in self.bookings(**headers) if b["id"] == booking_id]
        return found

    def audit(self, booking_id: str) -> list[dict[str, Any]]:
        """Return the audit lines of one booking, newest first."""
        lines: list[dict[str, Any]] = self.client.get(
            "/api/audit", params={"entity_id": booking_id}
        ).json()
        return lines


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Return status and slug of a problem document, after checking its form."""
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == response.status_code
    assert body["title"]
    assert response.headers["x-request-id"]
    prefix, _, slug = body["type"].rpartition("/")
    assert prefix == "/problems"
    return response.status_code, slug


def rows(database: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Read the database behind the app's back."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement, values).fetchall()


def events_of(database: Path, booking_id: str) -> list[dict[str, Any]]:
    """Return the data of all outbox events about one booking, oldest first."""
    found = rows(
        database,
        "SELECT body FROM syncpatterns_outbox WHERE type = 'booking.changed' "
        "ORDER BY pos",
    )
    data = [json.loads(body)["data"] for (body,) in found]
    return [each for each in data if each["booking"]["id"] == booking_id]


class Message(NamedTuple):
    """One message of an event stream."""

    event: str
    data: dict[str, Any]


class Stream:
    """A page that listens to ``/events``.

    Args:
        client: Whose connection it uses; closed together with the stream.
        response: The open response.
    """

    def __init__(self, client: httpx2.Client, response: httpx2.Response) -> None:
        self._client = client
        self.response = response
        self._lines = response.iter_lines()
        #: Where to resume; the last message of a batch carries it for all.
        self.position = ""

    def next(self) -> Message | None:
        """Return the next message; None if the stream has ended."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in fields:
                self.position = fields.get("id", self.position)
                data = json.loads(fields["data"])
                return Message(fields.get("event", "message"), data)
            if line and not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        return None

    def close(self) -> None:
        """Cut the connection."""
        self.response.close()
        self._client.close()


@contextmanager
def listening(
    app: AppProcess, *, headers: dict[str, str] | None = None, **query: str
) -> Generator[Stream]:
    """Open the event stream of *app*; the server has answered when this yields."""
    with (
        app.client() as client,
        client.stream("GET", "/events", params=query, headers=headers) as response,
    ):
        stream = Stream(client, response)
        yield stream
        stream.close()


def halves(database: Path) -> list[tuple[Any, ...]]:
    """Return changes of which only the audit line or only the event is there.

    Each audit line and each event names its tenant, booking and new version;
    a commit that tore would leave one of the two alone.
    """
    return rows(
        database,
        """
        WITH lines AS (SELECT tenant, entity_id, version_to FROM audit),
        events AS (
            SELECT substr(channel, 8, length(channel) - 16),
                   json_extract(body, '$.data.booking.id'),
                   json_extract(body, '$.data.booking.version')
            FROM syncpatterns_outbox
        )
        SELECT * FROM (SELECT * FROM lines EXCEPT SELECT * FROM events)
        UNION ALL
        SELECT * FROM (SELECT * FROM events EXCEPT SELECT * FROM lines)
        """,
    )
