"""Nothing is cut off, runs out of its box, or lies under the bar; Arabic is Arabic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.app.driver import AppProcess
from tests.browser.audit import overflow
from tests.browser.desk import Tabs
from tests.browser.lead_routes import LeadRoutes, LeadTab, lead_table
from tests.browser.sms_routes import SmsTab, lead, message

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

#: As wide as 1280 px are at 400 %, and at 200 %.
WINDOWS = [(320, 640), (640, 450)]
UNBROKEN = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaft"
MIRIAM = "مريم الزهراء"
TO_MIRIAM = "مرحبا مريم، موعدك غدا 10:30"
#: Texts of which a part lies outside of the box that they belong to.
OUT = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const { parentElement: element, textContent: text } = walker.currentNode;
    if (!text.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.closest(".hidden, .skip, noscript, option")) continue;
    const box = element
      .closest(".outcome, .toast, .bulk-bar, li, td, th, .panel, dialog, #header, main")
      ?.getBoundingClientRect();
    if (!box) continue;
    range.selectNodeContents(walker.currentNode);
    for (const { left, right } of range.getClientRects()) {
      if (left < box.left - 0.5 || right > box.right + 0.5) {
        found.push(text.trim().slice(0, 40));
        break;
      }
    }
  }
  return found;
}"""
#: What has the focus, if nothing of it can be seen; "" if it can; null if nothing has.
COVERED = """() => {
  const focused = document.activeElement;
  if (focused === document.body) return null;
  const target = focused.closest("label") ?? focused;
  const { left, width, top, height } = focused.getBoundingClientRect();
  const seen = [2, height / 2, height - 2].some((down) => {
    const there = document.elementFromPoint(left + width / 2, top + down);
    return target.contains(there);
  });
  return seen ? "" : focused.outerHTML.slice(0, 80);
}"""
#: Where the text of an element begins or ends, on its left.
LEFT = """(element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  return Math.round(range.getBoundingClientRect().left);
}"""
#: As the page would be if it did not know how high its bar is.
FORGET = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("html { scroll-padding-block-end: 0 !important; }");
  document.adoptedStyleSheets.push(sheet);
}"""
#: As a card would be whose words do not break.
STRETCH = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".outcome-words { overflow-wrap: normal !important; }");
  document.adoptedStyleSheets.push(sheet);
}"""


@asynccontextmanager
async def leads_in(
    browser: Browser, url: str, names: list[str], **options: Any
) -> AsyncIterator[LeadTab]:
    """Open the page with leads of these names; the first has had messages."""
    async with Tabs.of(browser, url, **options) as tabs:
        leads = LeadRoutes(leads=[lead(n, name) for n, name in enumerate(names, 1)])
        long = f"https://example.com/{UNBROKEN}"
        leads.history["lead-001"] = [
            message(2, "lead-001", f"See you: {long}"),
            message(1, "lead-001", TO_MIRIAM),
        ]
        await leads.play(tabs.context)
        yield await lead_table(tabs)


async def tabbed_under(page: Page, most: int) -> list[str]:
    """Go on by Tab *most* times; return where the focus could not be seen."""
    found: list[str] = []
    for _ in range(most):
        await page.keyboard.press("Tab")
        covered = await page.evaluate(COVERED)
        if covered is None:
            break
        found += [covered] * bool(covered)
    return found


@pytest.mark.case("APP-53", part="browser, long names")
@pytest.mark.parametrize(("width", "height"), WINDOWS)
async def test_a_name_of_any_length_stays_in_its_box(
    browser: Browser, app: AppProcess, width: int, height: int
) -> None:
    """In the row, the form, the composer, the history and the toast."""
    window = {"width": width, "height": height}
    async with leads_in(browser, app.url, [UNBROKEN * 2], viewport=window) as tab:
        page = tab.page
        await SmsTab(tab.tab).choose("lead-001")
        await expect(page.locator(".messages li")).to_have_count(2)
        await tab.move("lead-001", "connected")
        await expect(tab.tab.said).to_contain_text("is now connected")
        found = await page.evaluate(OUT)
        await expect(tab.element("lead-001")).to_have_attribute("data-state", "idle")
        await tab.open_form("lead-001")
        found += await page.evaluate(OUT)
        wide = await overflow(page)
        await page.evaluate(STRETCH)
        planted = await page.evaluate(OUT)

    assert found == []
    assert wide == 0
    assert len(planted) == 1


@pytest.mark.case("APP-51", part="browser, focus over the bar")
async def test_the_focus_is_never_under_the_bar(
    browser: Browser, app: AppProcess
) -> None:
    """On a phone, with a reason missing, the bar is as high as it gets."""
    names = [f"Bartholomew {number:02}" for number in range(1, 16)]
    window = {"width": 390, "height": 700}
    async with leads_in(browser, app.url, names, viewport=window) as tab:
        await tab.select_all()
        await tab.bar.get_by_label("Move to").select_option("lost")
        await tab.bulk_button.click()
        await expect(tab.bar.get_by_text("Say why")).to_be_visible()
        search = tab.page.get_by_role("searchbox")
        await search.focus()
        found = await tabbed_under(tab.page, 30)
        await tab.page.evaluate(FORGET)
        await search.focus()
        planted = await tabbed_under(tab.page, 30)

    assert found == []
    assert planted != []


async def test_a_window_that_is_low_has_no_bar_that_stays(
    browser: Browser, app: AppProcess
) -> None:
    """A phone on its side shows leads, and the bar where the list ends."""
    names = [f"Bartholomew {number:02}" for number in range(1, 16)]
    window = {"width": 740, "height": 360}
    async with leads_in(browser, app.url, names, viewport=window) as tab:
        await tab.select_all()
        await expect(tab.bar).to_be_visible()

        await expect(tab.bar).not_to_be_in_viewport()


async def test_each_text_has_the_direction_of_its_first_letter(
    browser: Browser, app: AppProcess
) -> None:
    """What is written, what was sent, and a name that stays on its side."""
    async with leads_in(browser, app.url, [MIRIAM, "Ada"]) as tab:
        sms = SmsTab(tab.tab)
        await sms.choose("lead-001")
        await expect(sms.messages).to_have_count(2)
        direction = "(each) => getComputedStyle(each).direction"
        empty = await sms.text.evaluate(direction)
        await sms.text.fill(TO_MIRIAM)
        written = await sms.text.evaluate(direction)
        sent = [
            await each.evaluate(direction)
            for each in await sms.messages.locator(".body").all()
        ]
        await tab.page.get_by_role("searchbox").fill("")
        edges = [
            await tab.row(lead_id).locator(".name").evaluate(LEFT)
            for lead_id in ("lead-001", "lead-002")
        ]

    assert (empty, written) == ("ltr", "rtl")
    assert sent == ["ltr", "rtl"]
    assert edges[0] == edges[1]
