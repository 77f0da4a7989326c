"""Somebody elsewhere who moves leads, and a table of only some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from playwright.async_api import Route

from tests.app.driver import PATIENCE
from tests.browser.desk import Tabs
from tests.browser.lead_routes import LeadTab, lead_table

#: One more than goes at once.
COUNT = 501


class LeadDesk:
    """Somebody elsewhere, who works with the API, and hands out unused leads.

    Args:
        url: Of the app.
    """

    def __init__(self, url: str) -> None:
        self.client = httpx2.Client(base_url=url, timeout=PATIENCE)
        listed = self.client.get("/api/leads", params={"limit": 1000}).json()
        self._free = [each["id"] for each in listed if each["status"] == "new"]

    def take(self, count: int = 1) -> list[str]:
        """Return new leads that no test has had."""
        taken, self._free = self._free[:count], self._free[count:]
        assert len(taken) == count
        return taken

    def move(self, lead_id: str, to: str) -> dict[str, Any]:
        """Move a lead from elsewhere."""
        answer = self.client.post(
            "/api/leads/update-status",
            json={"lead_id": lead_id, "to": to},
            headers={"Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["lead"]
        return found

    def trail(self, lead_id: str) -> list[dict[str, Any]]:
        """Return the changes of a lead's status, newest first."""
        lines = self.client.get(f"/api/leads/{lead_id}/audit").json()
        return [line for line in lines if line["action"] == "lead.status"]

    def moves(self) -> Counter[str]:
        """Return how often each lead was moved, of the last thousand changes."""
        lines = self.client.get("/api/audit", params={"limit": 1000}).json()
        moved = (line for line in lines if line["action"] == "lead.status")
        return Counter(line["entity_id"] for line in moved)


def leads_file(folder: Path) -> Path:
    """Write new leads with numbers of a range that nobody has, and return where."""
    path = folder / "leads.csv"
    lines = [
        f"n-{number:03},+1202555{100 + number % 100:04},Lead {number:03}"
        for number in range(COUNT)
    ]
    path.write_text("\n".join(["id,phone,name", *lines]), "utf-8")
    return path


@asynccontextmanager
async def showing(tabs: Tabs, lead_ids: list[str]) -> AsyncIterator[LeadTab]:
    """Open the table where these leads, and only they, are listed."""

    async def only(route: Route) -> None:
        answer = await route.fetch()
        listed = [each for each in await answer.json() if each["id"] in lead_ids]
        await route.fulfill(response=answer, json=listed)

    await tabs.context.route("**/api/leads?*", only)
    yield await lead_table(tabs)
    await tabs.context.unroute("**/api/leads?*", only)
