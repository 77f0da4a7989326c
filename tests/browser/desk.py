"""The people of a browser test: one with tabs, another one with the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import uuid4

import httpx2
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    WebError,
    expect,
)

from tests.app.driver import PATIENCE, Api
from tests.browser.page_clock import watch

CONFIRM = "**/api/bookings/confirm"
OCCUPYING = {"held", "confirmed", "checked_in"}
#: Chromium itself reports answers of 400 and above, and cut connections.
REFUSED = "Failed to load resource: the server responded with a status of 4"
CUT = "Failed to load resource: net::ERR_"


class Desk:
    """Somebody elsewhere, who works with the API.

    Args:
        url: Of the app.
    """

    def __init__(self, url: str) -> None:
        self.api = Api(httpx2.Client(base_url=url, timeout=PATIENCE))
        self._given: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.client.close()

    def take(self, status: str | None = None, *, tenant: str = "acme") -> str:
        """Return a booking that can be confirmed and that no test has had."""
        wanted = {"requested", "held"} if status is None else {status}
        listed = self.api.bookings(X_Tenant=tenant)
        now = datetime.now(UTC)
        taken = {
            (each["resource"], each["starts_at"])
            for each in listed
            if each["status"] in OCCUPYING
        }
        for each in listed:
            ends = each["expires_at"]
            lapsed = ends is not None and datetime.fromisoformat(ends) <= now
            free = (each["resource"], each["starts_at"]) not in taken
            is_holder = each["status"] == "held" and not lapsed
            if each["status"] in wanted and (free or is_holder):
                known = f"{tenant} {each['id']}"
                if known not in self._given:
                    self._given.add(known)
                    return str(each["id"])
        message = f"no {status} booking of {tenant} is left; let tests share more"
        raise AssertionError(message)

    def find(self, **wanted: object) -> dict[str, Any]:
        """Return the first booking whose fields are as wanted."""
        return next(
            each
            for each in self.api.bookings()
            if all(each[name] == value for name, value in wanted.items())
        )

    def lapsed(self) -> str:
        """Return a booking whose hold has run out."""
        now = datetime.now(UTC)
        return next(
            str(each["id"])
            for each in self.api.bookings()
            if each["status"] == "held"
            and datetime.fromisoformat(each["expires_at"]) <= now
        )

    def doubled(self) -> str:
        """Return a request for a slot that a confirmed booking has."""
        listed = self.api.bookings()
        confirmed = {
            (each["resource"], each["starts_at"])
            for each in listed
            if each["status"] == "confirmed"
        }
        return next(
            str(each["id"])
            for each in listed
            if each["status"] == "requested"
            and (each["resource"], each["starts_at"]) in confirmed
        )

    def confirm(self, booking_id: str, *, tenant: str = "acme") -> None:
        """Confirm a booking from elsewhere."""
        answer = self.api.confirm(booking_id, str(uuid4()), X_Tenant=tenant)
        assert answer.status_code == 200, answer.text

    def effects(self, booking_id: str) -> int:
        """Return how often a booking was confirmed."""
        lines = self.api.audit(booking_id)
        return sum(line["to"] == "confirmed" for line in lines)


@dataclass
class Tab:
    """One open page of the app.

    Args:
        page: Playwright's page.
    """

    page: Page

    @property
    def chip(self) -> Locator:
        """What the page says about its connection."""
        return self.page.locator(".connection")

    @property
    def said(self) -> Locator:
        """The polite live region."""
        return self.page.get_by_role("status")

    @property
    def alarm(self) -> Locator:
        """The live region that interrupts."""
        return self.page.locator("#alert")

    @property
    def feed(self) -> Locator:
        """The rows of the live feed, without dividers."""
        return self.page.get_by_role("log").locator("li:not(.divider)")

    def row(self, booking_id: str) -> Locator:
        """Return a booking's row."""
        return self.page.locator(f'[data-booking-id="{booking_id}"]')

    def confirm(self, booking_id: str) -> Locator:
        """Return a booking's confirm button."""
        return self.row(booking_id).locator("button.confirm")

    def element(self, booking_id: str) -> Locator:
        """Return the custom element around the button."""
        return self.row(booking_id).locator("booking-confirm-button")

    def card(self, booking_id: str) -> Locator:
        """Return the card that says why."""
        return self.row(booking_id).locator(".outcome")

    async def expect_state(self, booking_id: str, state: str, text: str) -> None:
        """Wait until the button is in *state* and shows *text*."""
        await expect(self.element(booking_id)).to_have_attribute("data-state", state)
        await expect(self.confirm(booking_id).locator(".state")).to_have_text(text)

    async def expect_live(self, text: str = "Live") -> None:
        """Wait until the page is connected and shows its list."""
        await expect(self.chip).to_have_text(text)
        await expect(self.page.locator("tbody tr").first).to_be_attached()


@dataclass
class Tabs:
    """The tabs of one browser profile, and what went wrong or out in them.

    Args:
        context: Playwright's context: storage, locks and channels of its own.
        url: Of the app.
        sent: Every confirm that left, in order.
        messages: Every message that left, in order.
        faults: What the pages complained about.
        forgiven: Beginnings of complaints that a test provokes.
    """

    context: BrowserContext
    url: str
    sent: list[Request] = field(default_factory=list)
    messages: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def of(
        cls, browser: Browser, url: str, **options: Any
    ) -> AsyncIterator[Tabs]:
        """Open a new profile; at its end no page may have complained."""
        context = await browser.new_context(service_workers="block", **options)
        tabs = cls(context, url)
        context.on("page", watch)
        context.on("console", tabs._on_console)
        context.on("weberror", tabs._on_error)
        context.on("request", tabs._on_request)
        try:
            yield tabs
        finally:
            await context.close()
        assert tabs.complaints() == []

    async def open(
        self, path: str = "/", *, live: str | None = "Live", frozen: bool = False
    ) -> Tab:
        """Open the page in a new tab and wait until it is connected.

        Args:
            path: What to open.
            live: What the connection has to say; None does not wait for it.
            frozen: From then on time passes only when the test lets it.
        """
        tab = Tab(await self.context.new_page())
        if frozen:
            await tab.page.clock.install()
        await tab.page.goto(f"{self.url}{path}", wait_until="commit")
        if live is not None:
            await tab.expect_live(live)
        if frozen:
            await tab.page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
        return tab

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of the confirms that left."""
        return [each.headers["idempotency-key"] for each in self.sent]

    @property
    def message_keys(self) -> list[str]:
        """The idempotency keys of the messages that left."""
        return [each.headers["idempotency-key"] for each in self.messages]

    def complaints(self) -> list[str]:
        """What the pages complained about and no test had provoked."""
        return [
            fault
            for fault in self.faults
            if not any(fault.startswith(each) for each in self.forgiven)
        ]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(message.text)

    def _on_error(self, error: WebError) -> None:
        self.faults.append(f"uncaught: {error.error}")

    def _on_request(self, request: Request) -> None:
        if re.search(r"/api/bookings/confirm$", request.url):
            self.sent.append(request)
        if re.search(r"/api/leads/send-sms$", request.url):
            self.messages.append(request)
