"""What a desk does with leads' states, in this process and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from examples.critical_buttons.domain.lead_status import Wish
from examples.critical_buttons.domain.leads import LeadStatus
from examples.critical_buttons.repo import leads as repo
from examples.critical_buttons.repo.leads import LeadEntry
from examples.critical_buttons.services.status_commands import (
    ChangeMany,
    ChangeStatus,
    Mode,
    Press,
    Row,
)
from examples.critical_buttons.services.status_desk import StatusDesk
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.startup import Opened, open_database
from syncpatterns._http import RequestKey
from syncpatterns.realtime import Event
from syncpatterns.testing import FakeClock
from tests.app.driver import AppProcess, Stream, rows

UPDATE = "/api/leads/update-status"
#: A head that makes everybody a lead: its number is one's own.
HEADER = "id,phone,name,status,tenant"

_keys = count(1)


def fresh_key() -> str:
    """Return a key that no test has used."""
    return f"status-{next(_keys)}"


def leads_file(folder: Path, *lines: str) -> Path:
    """Write a file of leads; each line is id, phone, name, status, tenant."""
    file = folder / "leads.csv"
    file.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return file


def written(app: AppProcess) -> list[tuple[Any, ...]]:
    """Return how much there is of whatever a change writes."""
    return rows(
        app.database,
        "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM "
        "syncpatterns_outbox), (SELECT count(*) FROM syncpatterns_record), "
        "(SELECT sum(version) FROM leads)",
    )


def without_request(answer: httpx2.Response) -> dict[str, Any]:
    """Return a problem without what is each request's own."""
    return {k: v for k, v in answer.json().items() if k != "request_id"}


def row_of(lead_id: str, to: str, **more: Any) -> dict[str, Any]:
    """Return one row of a batch as JSON."""
    return {"lead_id": lead_id, "to": to, **more}


# ------------------------------------------------------------------- over HTTP


@dataclass(frozen=True, slots=True)
class StatusApi:
    """The app's leads over HTTP.

    Args:
        client: Of the app.
    """

    client: httpx2.Client

    def post(
        self, body: Any, key: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Send *body* as it is; a key of its own unless one is given."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Idempotency-Key"] = fresh_key() if key is None else key
        return self.client.post(UPDATE, json=body, headers=sent)

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

    def fresh(self, status: str, number: int = 1) -> list[str]:
        """Return ids of leads in that state that nobody has changed yet."""
        found: list[str] = [
            each["id"]
            for each in self.leads()
            if (each["status"], each["version"]) == (status, 1)
            and not each["opted_out"]
        ]
        return found[:number]

    def audit(self, lead_id: str) -> list[dict[str, Any]]:
        """Return a lead's audit trail, newest first."""
        listed: list[dict[str, Any]] = self.client.get(
            f"/api/leads/{lead_id}/audit"
        ).json()
        return listed


def hear_batch(
    stream: Stream, changes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return so many changes of leads, and the progress of the batch they came from.

    Of a phase that was told several times, as on a busy machine, the last.
    """
    changed: list[dict[str, Any]] = []
    phases: dict[str, dict[str, Any]] = {}
    while len(changed) < changes or "done" not in phases:
        message = stream.next()
        assert message is not None, "the stream ended before the batch"
        if message.event == "bulk.progress":
            phases[message.data["data"]["phase"]] = message.data
        else:
            assert message.event == "lead.changed"
            changed.append(message.data)
    return changed, list(phases.values())


# -------------------------------------------------------------- in this process


class Told:
    """Takes what is announced, and looks around when told to.

    Args:
        at: Called with each event.
    """

    def __init__(self, at: Callable[[Event], object] = lambda _: None) -> None:
        self.events: list[Event] = []
        self.at = at

    def publish(self, event: Event) -> None:
        """Keep *event*."""
        self.events.append(event)
        self.at(event)

    @property
    def phases(self) -> list[tuple[str, int]]:
        """How far it had come, from event to event."""
        return [(each.data["phase"], each.data["done"]) for each in self.events]


class Office:
    """The app's database with some leads, and a desk on it.

    Args:
        folder: Where.
        *lines: The leads, as in `leads_file`; none are the samples.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self.clock = FakeClock()
        self.database = folder / "app.db"
        self._settings = Settings(
            db=f"sqlite:///{self.database}",
            leads=leads_file(folder, *lines) if lines else None,
        )
        self.opened: Opened = open_database(
            self._settings, lambda _: None, clock=self.clock
        )
        self.engine = self.opened.engine
        self.told = Told()
        self.desk = StatusDesk(self.engine, self.told)

    def close(self) -> None:
        """Close the database."""
        self.opened.close()

    def entry(self, lead_id: str, tenant: str = "acme") -> LeadEntry:
        """Return a lead."""
        found = self.engine.view(
            lambda snapshot: repo.find(snapshot.sqlalchemy(), tenant, lead_id)
        )
        assert found is not None
        return found

    def states(self) -> dict[str, str]:
        """Return the state of every lead of the first tenant."""
        return dict(
            rows(self.database, "SELECT id, status FROM leads WHERE tenant = 'acme'")
        )

    def audit(self) -> list[tuple[Any, ...]]:
        """Return who, what, from, to, versions and batch of every audit line."""
        return rows(
            self.database,
            "SELECT entity_id, action, from_state, to_state, version_from, "
            "version_to, source, bulk_id FROM audit ORDER BY id",
        )

    def events(self) -> list[tuple[Any, ...]]:
        """Return lead, version, batch and states of every event, in order."""
        return rows(
            self.database,
            "SELECT json_extract(body, '$.data.lead.id'), "
            "json_extract(body, '$.data.lead.version'), "
            "json_extract(body, '$.data.bulk_id'), "
            "json_extract(body, '$.data.from'), json_extract(body, '$.data.to') "
            "FROM syncpatterns_outbox WHERE type = 'lead.changed' ORDER BY pos",
        )

    def execute(self, *statements: str) -> None:
        """Write behind the desk's back."""

        def work(tx: Any) -> None:
            for statement in statements:
                tx.connection.execute(statement)

        self.engine.transact(work)


def press(age: float = 0.0, tenant: str = "acme") -> Press:
    """Return a press of the demo's user."""
    return Press(tenant, "demo", "request-1", age)


def one(lead_id: str, to: str, *, age: float = 0.0, **more: Any) -> ChangeStatus:
    """Return the wish to change one lead."""
    if_match = more.pop("if_match", None)
    return ChangeStatus(press(age), lead_id, Wish(LeadStatus(to), **more), if_match)


def many(
    wished: Sequence[tuple[Any, ...]],
    mode: Mode = "atomic",
    *,
    age: float = 0.0,
) -> ChangeMany:
    """Return the wish to change many: id, state, and version and reason if any."""
    found = tuple(
        Row(lead_id, Wish(LeadStatus(to), *more)) for lead_id, to, *more in wished
    )
    return ChangeMany(press(age), found, mode)


def key_for(command: object, key: str | None = None, age: float = 0.0) -> RequestKey:
    """Return the key of an HTTP request that asks for *command*."""
    return RequestKey(key or fresh_key(), repr(command).encode(), age)
