"""What the page says holds at the moment it is said; what was typed is not lost."""

from __future__ import annotations

import anyio
import pytest
from playwright.async_api import Route, expect

from tests.browser.desk import Tabs
from tests.browser.lead_desk import LeadDesk
from tests.browser.lead_routes import (
    LeadRoutes,
    LeadTab,
    lead_table,
    leading_page,
    refusing,
)
from tests.browser.sms_routes import lead, says
from tests.browser.test_access import LISTEN

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OTHER = "Live via another tab"
BROKEN = "Failed to load resource: the server responded"
OPENED = """
const open = IDBFactory.prototype.open;
window.opened = 0;
IDBFactory.prototype.open = function (...args) {
  window.opened += 1;
  return open.apply(this, args);
};
"""


async def test_the_list_is_called_up_to_date_once_it_is(tabs: Tabs) -> None:
    """Not when the connection stands: when what it missed has been fetched."""
    tabs.forgiven.append(BROKEN)
    stream = await leading_page(tabs)
    tab = await tabs.open(live=OTHER)
    asked, free = anyio.Event(), anyio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await free.wait()
        await route.continue_()

    await tab.page.evaluate(LISTEN)
    await stream.evaluate("() => window.turn('unreachable')")
    await expect(tab.chip).to_have_text("Server unreachable")
    await tab.page.route("**/api/bookings", hold)
    await stream.evaluate("() => window.turn('live')")
    await expect(tab.chip).to_have_text(OTHER)
    await asked.wait()
    before = await tab.page.evaluate("() => [...window.heard]")
    free.set()
    await expect(tab.said).to_have_text("Connected again. The list is up to date.")

    assert before == ["status: Can't reach the server. The list may be out of date."]


async def test_a_list_that_could_not_be_fetched_is_not_called_up_to_date(
    tabs: Tabs,
) -> None:
    """Connected again, and that is all that is known."""
    tabs.forgiven.append(BROKEN)
    stream = await leading_page(tabs)
    tab = await tabs.open(live=OTHER)

    await stream.evaluate("() => window.turn('offline')")
    await expect(tab.chip).to_have_text("Offline")
    await tab.page.route("**/api/bookings", says(503, "store-busy"))
    await stream.evaluate("() => window.turn('live')")

    await expect(tab.said).to_have_text(
        "Connected again, but the list could not be loaded. It may be out of date."
    )


async def test_tenants_share_one_connection_to_the_database(tabs: Tabs) -> None:
    """However often the tenant is switched, nothing of the last one stays open."""
    await tabs.context.add_init_script(OPENED)
    tab = await lead_table(tabs)
    opened = [await tab.page.evaluate("() => window.opened")]

    for _ in range(3):
        for name in ("Globex", "Acme"):
            await tab.page.get_by_role("radio", name=name).check(force=True)
            await tab.tab.expect_live()
            await expect(tab.page.locator(".leads tbody tr").first).to_be_visible()
    opened.append(await tab.page.evaluate("() => window.opened"))

    assert opened == [1, 1]


async def test_a_reason_is_as_long_as_the_server_takes_it(tabs: Tabs) -> None:
    """What the field holds, the server keeps: no press ends as "not accepted"."""
    leads = LeadDesk(tabs.url)
    (lead_id,) = leads.take()
    tab = await lead_table(tabs)
    name = next(
        each["name"]
        for each in leads.client.get("/api/leads", params={"limit": 1000}).json()
        if each["id"] == lead_id
    )

    await tab.page.get_by_role("searchbox").fill(f"{name} ")
    await tab.open_form(lead_id)
    await tab.card(lead_id).get_by_label("Move to").select_option("lost")
    await tab.card(lead_id).get_by_label("Reason").press_sequentially("é" * 201)
    await tab.choice(lead_id, "Move").click()
    await tab.expect_state(lead_id, "done", "Now lost")
    (line,) = leads.trail(lead_id)
    leads.client.close()

    assert line["reason"] == "é" * 200


async def test_what_is_typed_stays_when_the_lead_changes_elsewhere(tabs: Tabs) -> None:
    """The open form keeps its choice, its words and the focus."""
    stream = await leading_page(tabs)
    leads = LeadRoutes(leads=[lead(1, "Ada")])
    await leads.play(tabs.context)
    tab: LeadTab = await lead_table(tabs, live=OTHER)

    await tab.open_form("lead-001")
    await tab.card("lead-001").get_by_label("Move to").select_option("lost")
    reason = tab.card("lead-001").get_by_label("Reason")
    await reason.press_sequentially("Moved a")
    moved = {**leads.leads[0], "status": "nurture", "version": 2}
    data = {"lead": moved, "by": "ben", "from": "new", "to": "nurture"}
    await stream.evaluate("(data) => window.tell({ type: 'lead.changed', data })", data)
    await expect(tab.chip("lead-001")).to_have_text("Nurture")
    await tab.page.keyboard.type("way")

    assert await reason.input_value() == "Moved away"
    await expect(reason).to_be_focused()


async def test_a_switch_that_could_not_be_thrown_is_said(tabs: Tabs) -> None:
    """Nobody is left to believe that the breaker was tripped."""
    tabs.forgiven.append(BROKEN)
    await LeadRoutes(leads=[lead(1, "Ada")]).play(tabs.context)
    await tabs.context.route(
        "**/api/health", lambda route: route.fulfill(json={"chaos": True})
    )
    tab = await lead_table(tabs)
    await tab.page.route("**/api/chaos/breaker", says(503, "store-busy"))

    await tab.page.get_by_role("button", name="Trip").click()

    await expect(tab.tab.alarm).to_have_text("That could not be switched.")


async def test_what_is_under_way_is_not_shown_beside_its_end(tabs: Tabs) -> None:
    """The toast of the beginning goes with the alert that tells the end."""
    tabs.forgiven.append(BROKEN)
    leads = LeadRoutes(leads=[lead(n, f"Lead {n}") for n in (1, 2)])
    await leads.play(tabs.context)
    tab = await lead_table(tabs)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    await tab.select_all()
    await tab.move_all("nurture", "partial")
    await expect(tab.tab.said).to_have_text("Moving 2 leads to nurture.")
    await refusing("lead-002", "lead-not-found")(held[0])
    await expect(tab.tab.alarm).to_have_text("1 changed, 1 not possible.")

    await expect(tab.tab.said).to_be_empty()


async def test_the_feed_names_the_leads_that_are_shown(tabs: Tabs) -> None:
    """Also of what happened before the page was opened: a name, not an id."""
    leads = LeadDesk(tabs.url)
    (lead_id,) = leads.take()
    moved = leads.move(lead_id, "nurture")
    leads.client.close()

    tab = await lead_table(tabs)

    await expect(tab.tab.feed.first.locator("b")).to_have_text(moved["name"])
