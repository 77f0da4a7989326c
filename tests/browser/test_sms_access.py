"""The leads by keyboard, by ear, on a phone, in other colours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.app.driver import AppProcess
from tests.browser.audit import (
    low_contrast,
    moving,
    nameless,
    overflow,
    small_targets,
)
from tests.browser.desk import REFUSED, Tabs
from tests.browser.sms_routes import (
    ADA,
    SEND,
    SmsRoutes,
    SmsTab,
    message,
    open_leads,
    says,
    soon,
)
from tests.browser.test_access import LISTEN

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BROKEN = "Failed to load resource: the server responded"
#: One answer for every colour and card of the button.
STATES = [
    (says(409, "outcome-unknown"), "unknown"),
    (says(503, "circuit-open", wait=277), "paused"),
    (says(409, "opted-out"), "refused"),
    (says(409, "quiet-hours", wait=9000, retry_at=soon(9000)), "quiet-hours"),
    (says(503, "provider-unavailable", wait=300), "failed"),
    (says(403, "tenant-unknown"), "forbidden"),
]


@asynccontextmanager
async def leads_in(
    browser: Browser, url: str, **options: Any
) -> AsyncIterator[tuple[SmsTab, SmsRoutes]]:
    """Open the leads in a browser that is set up like this."""
    async with Tabs.of(browser, url, **options) as tabs:
        tabs.forgiven += [REFUSED, BROKEN]
        sms = SmsRoutes()
        sms.history[ADA] = [
            message(3, ADA, "STOP", direction="inbound", status="received"),
            message(2, ADA, "x" * 200, status="undelivered", error_code="30003"),
            message(1, ADA, "hi", status="delivered"),
        ]
        sms.leads = [
            {**each, "last_sms": {"status": status, "at": "2026-11-22T10:00:00Z"}}
            for each, status in zip(
                sms.leads, ("queued", "sent", "undelivered", "delivered"), strict=True
            )
        ]
        sms.breaker |= {"state": "open", "failures": 5, "retry_after_s": 277}
        await sms.play(tabs.context)
        yield await open_leads(tabs), sms


async def faults_of(tab: SmsTab) -> list[Any]:
    """Return whatever the audits of contrast, names, targets and width find."""
    page = tab.page
    found = [*await low_contrast(page), *await nameless(page)]
    found += await small_targets(page)
    wide = await overflow(page)
    return found + ([f"{wide} px too wide"] if wide else [])


async def through_every_state(tab: SmsTab, sms: SmsRoutes) -> list[Any]:
    """Bring the button into each state, and return what the audits find there."""
    found: list[Any] = []
    await tab.choose()
    found += await faults_of(tab)
    for lead_id, (answer, state) in zip([ADA, "lead-002"] * 3, STATES, strict=True):
        sms.script = [answer]
        await tab.page.reload(wait_until="commit")
        await tab.page.evaluate("() => indexedDB.deleteDatabase('syncpatterns')")
        await tab.page.evaluate("() => localStorage.clear()")
        await tab.page.reload(wait_until="commit")
        await tab.send("hello", lead_id)
        await expect(tab.element).to_have_attribute("data-state", state)
        if state == "paused":
            await tab.button.click()
        await expect(tab.card).to_be_visible()
        found += [f"{state}: {each}" for each in await faults_of(tab)]
    await tab.text.fill("x" * 161)
    return found


@pytest.mark.case("APP-51", part="browser, SMS")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_names_roles_and_contrast_hold_in_every_state(
    browser: Browser, app: AppProcess, scheme: str
) -> None:
    """Light and dark: 4.5:1 for all text, 44 px targets, no control without a name."""
    async with leads_in(browser, app.url, color_scheme=scheme) as (tab, sms):
        assert await through_every_state(tab, sms) == []


@pytest.mark.case("APP-53", part="browser, SMS")
async def test_a_phone_shows_all_of_it(browser: Browser, app: AppProcess) -> None:
    """360 px: nothing sideways in any state, every target 44 px."""
    screen = {"width": 360, "height": 740}
    options = {"viewport": screen, "has_touch": True}
    async with leads_in(browser, app.url, **options) as (tab, sms):
        assert await through_every_state(tab, sms) == []


@pytest.mark.case("APP-51", part="browser, SMS")
async def test_a_message_is_sent_from_the_keyboard(tabs: Tabs) -> None:
    """From the bookings to the leads; search, choose, write, send; focus is kept."""
    sms = SmsRoutes()
    await sms.play(tabs.context)
    tab = SmsTab(await tabs.open())
    keyboard = tab.page.keyboard

    for _ in range(3):
        await keyboard.press("Tab")
    await expect(tab.page.get_by_role("link", name="Leads & SMS")).to_be_focused()
    await keyboard.press("Enter")
    await expect(tab.page.locator("#leads")).to_be_focused()
    skip = tab.page.locator(".skip")
    await expect(skip).to_have_text("Skip to the leads")
    await expect(skip).to_have_attribute("href", "#leads")
    await keyboard.press("Tab")
    await expect(tab.page.get_by_role("combobox")).to_be_focused()
    await keyboard.press("Tab")
    await expect(tab.page.get_by_role("searchbox")).to_be_focused()
    await keyboard.type("lovelace")
    await expect(tab.page.locator(".leads tbody tr")).to_have_count(1)
    for _ in range(4):
        # The export, all of the page, this lead: then its name.
        await keyboard.press("Tab")
    await expect(tab.row(ADA).locator("button.choose")).to_be_focused()
    await keyboard.press("Enter")
    await expect(tab.text).to_be_focused()
    await keyboard.type("by keys")
    await keyboard.press("Tab")
    name = "Send SMS to Ada Lovelace"
    await expect(tab.page.get_by_role("button", name=name)).to_be_focused()
    ring = await tab.button.evaluate("(each) => getComputedStyle(each).outlineWidth")
    await keyboard.press("Space")
    await tab.expect_state("done", "Sent")

    await expect(tab.button).to_be_focused()
    assert ring == "3px"
    assert len(sms.sent) == 1


@pytest.mark.case("APP-52", part="browser, SMS states")
async def test_each_change_is_said_once(tabs: Tabs) -> None:
    """Sending, retrying, sent: one announcement each, none for a tick."""
    sms = SmsRoutes()
    tabs.forgiven.append(BROKEN)
    await sms.play(tabs.context)
    sms.script = [says(503, "store-busy", wait=5)] * 2
    tab = await open_leads(tabs, frozen=True)
    await tab.page.evaluate(LISTEN)

    await tab.send("heard once")
    for tries in (2, 3):
        retrying = tab.button.get_by_text(f"Retrying {tries}/5 in")
        await expect(retrying).to_be_visible()
        async with tab.page.expect_response(SEND):
            await tab.page.clock.run_for(7100)
    await tab.run_until("done", "Sent")

    assert await tab.page.evaluate("() => window.heard") == [
        "status: Didn't work yet, trying again.",
        "status: SMS to Ada Lovelace sent.",
    ]


@pytest.mark.case("APP-53", part="browser, SMS")
async def test_who_wants_no_motion_sees_none(browser: Browser, app: AppProcess) -> None:
    """Reduced motion: the spinner stands. Otherwise it turns."""
    for choice, expected in (("reduce", set[str]()), ("no-preference", {"turn"})):
        async with leads_in(browser, app.url, reduced_motion=choice) as (tab, _):
            await tab.page.route(SEND, lambda _: None)
            await tab.send("hello")
            await tab.expect_state("sending", "Sending…")

            assert set(await moving(tab.page)) & {"turn", "changed"} == expected


@pytest.mark.case("APP-53", part="browser, SMS")
async def test_forced_colours_keep_the_borders(
    browser: Browser, app: AppProcess
) -> None:
    """Where the system paints everything itself, button and chip have an edge."""
    async with leads_in(browser, app.url, forced_colors="active") as (tab, _):
        await tab.choose()
        for each in (tab.button, tab.row(ADA).locator(".chip").first, tab.text):
            width = await each.evaluate("(one) => getComputedStyle(one).borderTopWidth")

            assert width == "1px"


@pytest.mark.case("APP-56", part="browser, SMS")
async def test_no_style_is_written_into_an_attribute(
    browser: Browser, app: AppProcess
) -> None:
    """The policy would refuse it; the page does not even try."""
    async with leads_in(browser, app.url) as (tab, _):
        await tab.send("hello")
        await tab.expect_state("done", "Sent")

        assert await tab.page.locator("[style]").count() == 0
