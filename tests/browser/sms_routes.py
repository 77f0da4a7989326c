"""The SMS side of the server, played by the test: every answer is chosen."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import BrowserContext, Locator, Request, Route, expect

from examples.critical_buttons.domain.segments import segments
from tests.browser.desk import Tab, Tabs
from tests.browser.page_clock import run_until_state

SEND = "**/api/leads/send-sms"
Answer: TypeAlias = Callable[[Route], Awaitable[None]]


def lead(number: int, name: str, **other: Any) -> dict[str, Any]:
    """Return a lead as the list shows it."""
    return {
        "id": f"lead-{number:03}",
        "name": name,
        "phone": f"(202) •••-0{100 + number}"[:14],
        "status": "new",
        "opted_out": False,
        "under_review": False,
        "version": 1,
        "updated_at": "2026-11-22T10:00:00Z",
        "last_sms": None,
        **other,
    }


def message(number: int, lead_id: str, body: str, **other: Any) -> dict[str, Any]:
    """Return a message as the history shows it."""
    found = segments(body)
    return {
        "id": f"m-{number:03}",
        "lead_id": lead_id,
        "direction": "outbound",
        "body": body,
        "status": "queued",
        "segments": found.count,
        "encoding": found.encoding,
        "provider_id": f"SM{number:032x}",
        "error_code": None,
        "created_at": f"2026-11-22T10:{number:02}:00Z",
        "updated_at": f"2026-11-22T10:{number:02}:01Z",
        "by": "ana",
        "op_key_hash": None,
        **other,
    }


ADA = "lead-001"
LEADS = [
    lead(1, "Ada Lovelace"),
    lead(2, "Ben Ohm", status="connected"),
    lead(3, "Cleo Out", opted_out=True, status="do_not_contact"),
    lead(4, "Dora Read", under_review=True),
]


async def problem(
    route: Route, status: int, slug: str, *, wait: float = 0, **members: Any
) -> None:
    """Answer with a problem; *wait* is its Retry-After."""
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, **members}
    await route.fulfill(
        status=status,
        body=json.dumps(body),
        content_type="application/problem+json",
        headers={"Retry-After": str(wait)} if wait else {},
    )


def says(status: int, slug: str, *, wait: float = 0, **members: Any) -> Answer:
    """Return an answer that is a problem."""

    async def answer(route: Route) -> None:
        await problem(route, status, slug, wait=wait, **members)

    return answer


@dataclass
class SmsRoutes:
    """Answers for everything about leads, in the place of the server.

    Args:
        leads: The list.
        script: What the next sends are answered with; then they succeed.
        verdicts: What `resolve` answers, by verdict.
    """

    leads: list[dict[str, Any]] = field(default_factory=lambda: [*LEADS])
    script: list[Answer] = field(default_factory=list)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    breaker: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "sms",
            "state": "closed",
            "failures": 0,
            "threshold": 5,
            "window_s": 60,
            "retry_after_s": 0,
            "isolated": False,
        }
    )
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unresolved: list[dict[str, Any]] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    async def play(self, context: BrowserContext) -> None:
        """Answer for the server from now on."""
        await context.route("**/api/leads*", self._leads)
        await context.route("**/api/leads/*/sms-history*", self._history)
        await context.route("**/api/breakers", self._breakers)
        await context.route("**/api/unresolved", self._unresolved)
        await context.route("**/api/unresolved/*/resolve", self._resolve)
        await context.route(SEND, self._send)

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of the sends."""
        return [each.headers["idempotency-key"] for each in self.sent]

    async def _leads(self, route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        after = asked.get("after", [""])[0]
        left = [each for each in self.leads if each["id"] > after]
        await route.fulfill(json=left[: int(asked["limit"][0])])

    async def _history(self, route: Route) -> None:
        lead_id = route.request.url.split("/")[-2]
        await route.fulfill(json=self.history.get(lead_id, []))

    async def _breakers(self, route: Route) -> None:
        await route.fulfill(json=[self.breaker])

    async def _unresolved(self, route: Route) -> None:
        await route.fulfill(json=self.unresolved)

    async def _resolve(self, route: Route) -> None:
        verdict = json.loads(route.request.post_data or "")["verdict"]
        self.resolved.append(verdict)
        await route.fulfill(json=self.verdicts[verdict])

    async def _send(self, route: Route) -> None:
        self.sent.append(route.request)
        if self.script:
            await self.script.pop(0)(route)
            return
        await self.accept(route)

    async def accept(self, route: Route, **headers: str) -> None:
        """Answer that the message was handed over."""
        asked = json.loads(route.request.post_data or "")
        number = len(self.sent)
        made = message(number, asked["lead_id"], asked["body"])
        self.history.setdefault(asked["lead_id"], []).insert(0, made)
        found = segments(asked["body"])
        counts = {
            "encoding": found.encoding,
            "units": found.units,
            "count": found.count,
            "forced_by": None,
        }
        answer = {"message": made, "segments": counts, "changed": True}
        await route.fulfill(json=answer, headers=headers)


@dataclass
class SmsTab:
    """The leads in one tab.

    Args:
        tab: The tab.
    """

    tab: Tab

    @property
    def page(self) -> Any:
        """Playwright's page."""
        return self.tab.page

    @property
    def composer(self) -> Locator:
        """What is written to the chosen lead."""
        return self.tab.page.locator(".composer")

    @property
    def element(self) -> Locator:
        """The custom element around the button."""
        return self.composer.locator("send-sms-button")

    @property
    def button(self) -> Locator:
        """The button that sends."""
        return self.composer.locator("button.confirm")

    @property
    def text(self) -> Locator:
        """Where the message is written."""
        return self.composer.get_by_role("textbox")

    @property
    def counter(self) -> Locator:
        """How many segments it takes."""
        return self.composer.locator(".counter")

    @property
    def card(self) -> Locator:
        """The reasons and choices."""
        return self.composer.locator(".outcome")

    @property
    def messages(self) -> Locator:
        """The messages of the chosen lead, newest first."""
        return self.composer.locator(".messages li")

    def choice(self, name: str) -> Locator:
        """Return a button of the card."""
        return self.card.get_by_role("button", name=name, exact=True)

    def row(self, lead_id: str) -> Locator:
        """Return a lead's row."""
        return self.tab.page.locator(f'.leads tr[data-lead-id="{lead_id}"]')

    async def choose(self, lead_id: str = ADA) -> None:
        """Search for a lead and choose it to write to."""
        await self.tab.page.get_by_role("searchbox").fill(lead_id)
        await self.row(lead_id).locator("button.choose").click()
        await expect(self.text).to_be_focused()

    async def write(self, body: str, lead_id: str = ADA) -> None:
        """Choose a lead and write, without sending."""
        await self.choose(lead_id)
        await self.text.fill(body)

    async def send(self, body: str, lead_id: str = ADA) -> None:
        """Choose a lead, write, and press."""
        await self.write(body, lead_id)
        await self.button.click()

    async def expect_state(self, state: str, text: str) -> None:
        """Wait until the button is in *state* and shows *text*."""
        await expect(self.element).to_have_attribute("data-state", state)
        await expect(self.button.locator(".state")).to_have_text(text)

    async def run_until(self, state: str, text: str) -> None:
        """Let the page's clock go on until the button is in *state*."""
        await run_until_state(self.element, state)
        await self.expect_state(state, text)


async def open_leads(tabs: Tabs, *, query: str = "", **options: Any) -> SmsTab:
    """Open the page with its leads."""
    tab = await tabs.open(f"/{query}#leads", **options)
    await expect(tab.page.locator(".leads tbody tr").first).to_be_visible()
    return SmsTab(tab)


def soon(seconds: float) -> str:
    """Return an instant as the server writes it."""
    at = datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
