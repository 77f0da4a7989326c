"""Moving leads by keyboard, by ear, on a phone, in other colours, five hundred."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from tests.app.driver import AppProcess
from tests.browser.audit import moving
from tests.browser.desk import REFUSED, Tabs
from tests.browser.lead_routes import UPDATE, LeadRoutes, LeadTab, lead_table, refusing
from tests.browser.sms_routes import SmsTab, lead, says
from tests.browser.test_sms_access import faults_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BROKEN = "Failed to load resource: the server responded"
CURRENT = {
    "version": 4,
    "status": "qualified",
    "by": "ben",
    "at": "2026-11-22T14:32:00Z",
}
#: One answer for every card of the button of one lead, each on a lead of its own.
STATES = [
    (says(412, "version-conflict", current=CURRENT), "conflict"),
    (says(409, "transition-not-allowed", allowed=["lost"]), "refused"),
    (says(409, "outcome-unknown"), "unknown"),
    (says(403, "tenant-unknown"), "forbidden"),
]
#: Notes every task of the page's thread that takes more than 50 ms.
WATCH = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries()))
    .observe({ type: "longtask", buffered: false });
}"""
#: Cells that lie outside of the table, or on the next cell of their row.
OUTSIDE = """() => {
  const found = [];
  const panel = document.querySelector(".leads .panel");
  const { left, right } = panel.getBoundingClientRect();
  for (const row of document.querySelectorAll(".leads tr")) {
    const cells = [...row.children].filter((each) => each.checkVisibility());
    const boxes = cells.map((each) => each.getBoundingClientRect());
    boxes.forEach((box, index) => {
      const name = cells[index].className || cells[index].tagName;
      if (box.left < left - 0.5 || box.right > right + 0.5) found.push(`${name} out`);
      for (const other of boxes.slice(index + 1)) {
        const apart = box.right <= other.left + 0.5 || other.right <= box.left + 0.5
          || box.bottom <= other.top + 0.5 || other.bottom <= box.top + 0.5;
        if (!apart) found.push(`${name} under another`);
      }
    });
  }
  return found;
}"""
LONGEST = "() => Math.max(0, ...window.tasks.map((each) => each.duration))"
#: What the watch must find.
BLOCK = """() => setTimeout(() => {
  const until = performance.now() + 250;
  while (performance.now() < until) window.spun = until;
}, 0)"""


@asynccontextmanager
async def leads_in(
    browser: Browser, url: str, count: int = 8, **options: Any
) -> AsyncIterator[tuple[LeadTab, LeadRoutes]]:
    """Open the leads in a browser that is set up like this."""
    async with Tabs.of(browser, url, **options) as tabs:
        tabs.forgiven += [REFUSED, BROKEN]
        leads = LeadRoutes(
            leads=[
                lead(number, f"Bartholomew Longname {number:03}")
                for number in range(1, count + 1)
            ]
        )
        await leads.play(tabs.context)
        yield await lead_table(tabs), leads


async def audited(tab: LeadTab, state: str) -> list[str]:
    """Return what the audits find in this state."""
    return [f"{state}: {each}" for each in await faults_of(SmsTab(tab.tab))]


async def through_every_state(tab: LeadTab, leads: LeadRoutes) -> list[str]:
    """Bring buttons into each state, and return what the audits find there."""
    found = await audited(tab, "idle")
    for number, (answer, state) in enumerate(STATES, start=1):
        lead_id = f"lead-{number:03}"
        leads.answers = [answer]
        await tab.open_form(lead_id)
        await tab.card(lead_id).get_by_label("Move to").select_option("unqualified")
        await tab.choice(lead_id, "Move").click()
        found += await audited(tab, "a reason is missing")
        await tab.card(lead_id).get_by_label("Reason").fill("No budget")
        await tab.choice(lead_id, "Move").click()
        await expect(tab.element(lead_id)).to_have_attribute("data-state", state)
        found += await audited(tab, state)
    await tab.move("lead-005", "nurture")
    await tab.expect_state("lead-005", "done", "Now nurture")
    return found + await audited(tab, "done") + await through_the_bulk(tab, leads)


async def through_the_bulk(tab: LeadTab, leads: LeadRoutes) -> list[str]:
    """Do the same with the bar of the selected leads, and the history."""
    await tab.select("lead-006", "lead-007", "lead-008")
    found = await audited(tab, "selected")
    await tab.ask_to_move("nurture")
    found += await audited(tab, "asked")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold, refusing("lead-007", "lead-not-found")]
    await tab.bulk_choice("Move").click()
    await tab.expect_bulk("sending", "Updating 0/3")
    found += await audited(tab, "updating")
    await refusing("lead-007", "lead-not-found")(held[0])
    await tab.expect_bulk("refused", "Not possible")
    found += await audited(tab, "bulk refused")
    await tab.bulk_card.get_by_role("button", name="Close").click()
    await tab.move_all("nurture", "partial")
    await tab.expect_bulk("partial", "2 moved, 1 not")
    found += await audited(tab, "partial")
    await tab.row("lead-008").locator(".trail-open").click()
    await expect(tab.page.get_by_role("dialog")).to_contain_text("Nothing has happened")
    return found + await audited(tab, "history")


@pytest.mark.case("APP-51", part="browser, lead status")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_names_roles_and_contrast_hold_in_every_state(
    browser: Browser, app: AppProcess, scheme: str
) -> None:
    """Light and dark: 4.5:1 for all text, 44 px targets, no control without a name."""
    async with leads_in(browser, app.url, color_scheme=scheme) as (tab, leads):
        assert await through_every_state(tab, leads) == []


@pytest.mark.case("APP-53", part="browser, lead status")
async def test_a_phone_shows_all_of_it(browser: Browser, app: AppProcess) -> None:
    """360 px: nothing sideways in any state, every target 44 px; the bar sticks."""
    screen = {"width": 360, "height": 740}
    options: dict[str, Any] = {"viewport": screen, "has_touch": True}
    async with leads_in(browser, app.url, **options) as (tab, leads):
        found = await through_every_state(tab, leads)
        await tab.page.keyboard.press("Escape")
        await tab.page.evaluate("() => scrollTo(0, 0)")
        box = await tab.bulk_button.bounding_box()

        assert found == []
        assert box is not None
        assert box["y"] + box["height"] <= screen["height"]


@pytest.mark.case("APP-53", part="browser, lead status")
async def test_a_row_fits_into_its_table_at_any_width(
    browser: Browser, app: AppProcess
) -> None:
    """Beside a composer and a rail or not, nothing sticks out or lies on another."""
    async with leads_in(browser, app.url) as (tab, leads):
        leads.answers = [STATES[0][0]]
        await tab.move("lead-001", "nurture")
        await tab.expect_state("lead-001", "conflict", "Changed meanwhile")
        found: list[str] = []
        for width in (320, 560, 700, 720, 959, 960, 1119, 1130, 1280, 1360, 1600):
            await tab.page.set_viewport_size({"width": width, "height": 800})
            found += [f"{width}: {each}" for each in await tab.page.evaluate(OUTSIDE)]
        await (
            tab.row("lead-002")
            .locator(".lead-act")
            .evaluate("(cell) => { cell.style.marginInlineStart = '-90px'; }")
        )
        planted = await tab.page.evaluate(OUTSIDE)

        assert found == []
        assert planted == ["last-sms under another"]


@pytest.mark.case("APP-51", part="browser, lead status")
async def test_a_lead_is_moved_from_the_keyboard(tabs: Tabs) -> None:
    """From the search to the status, Escape and back, chosen by letters, sent."""
    leads = LeadRoutes()
    await leads.play(tabs.context)
    tab = await lead_table(tabs)
    keyboard = tab.page.keyboard

    await tab.page.get_by_role("searchbox").fill("lovelace")
    await expect(tab.page.locator(".leads tbody tr")).to_have_count(1)
    for _ in range(5):
        await keyboard.press("Tab")
    name = "Change status of Ada Lovelace"
    await expect(tab.page.get_by_role("button", name=name)).to_be_focused()
    await keyboard.press("Enter")
    await expect(tab.page.get_by_label("Move to").first).to_be_focused()
    await keyboard.press("Escape")
    await expect(tab.button("lead-001")).to_be_focused()
    await expect(tab.card("lead-001")).to_be_hidden()
    await keyboard.press("Space")
    await expect(tab.page.get_by_label("Move to").first).to_be_focused()
    await keyboard.type("Nurture")
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await tab.expect_state("lead-001", "done", "Now nurture")

    await expect(tab.button("lead-001")).to_be_focused()
    assert len(leads.updates) == 1


@pytest.mark.case("APP-53", part="browser, lead status")
async def test_who_wants_no_motion_sees_none(browser: Browser, app: AppProcess) -> None:
    """Reduced motion: neither spinner nor changed row moves."""
    async with leads_in(browser, app.url, reduced_motion="reduce") as (tab, _):
        await tab.page.route(UPDATE, lambda _: None)
        await tab.move("lead-001", "nurture")
        await tab.expect_state("lead-001", "sending", "Sending…")

        assert await moving(tab.page) == []


@pytest.mark.case("APP-53", part="browser, lead status")
async def test_forced_colours_keep_the_borders(
    browser: Browser, app: AppProcess
) -> None:
    """Where the system paints everything itself, bar and controls have an edge."""
    async with leads_in(browser, app.url, forced_colors="active") as (tab, _):
        await tab.select("lead-001")
        for each in (tab.bar, tab.bulk_button, tab.bar.get_by_label("Move to")):
            width = await each.evaluate("(one) => getComputedStyle(one).borderTopWidth")

            assert width == "1px"


@pytest.mark.case("APP-56", part="browser, lead status")
async def test_no_style_is_written_into_an_attribute(
    browser: Browser, app: AppProcess
) -> None:
    """The policy would refuse it; the page does not even try."""
    async with leads_in(browser, app.url) as (tab, leads):
        await through_the_bulk(tab, leads)

        assert await tab.page.locator("[style]").count() == 0


async def test_five_hundred_at_once_keep_the_page_smooth(
    browser: Browser, app: AppProcess
) -> None:
    """Selecting all, and taking over a result of 500 rows: no task over 200 ms."""
    async with leads_in(browser, app.url, 500) as (tab, _):
        await tab.page.evaluate(WATCH)
        await tab.select_all()
        await tab.move_all("nurture")
        await tab.expect_bulk("done", "Moved 500")
        longest = await tab.page.evaluate(LONGEST)
        await tab.page.evaluate(BLOCK)
        await tab.page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
        blocked = await tab.page.evaluate(LONGEST)

        assert longest < 200
        assert blocked >= 250
