"""Moves that run in another tab, or that somebody else makes: how far, and the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.audit import low_contrast, nameless, overflow, small_targets
from tests.browser.desk import CUT, Tabs
from tests.browser.lead_routes import LeadRoutes, LeadTab, lead_table, leading_page
from tests.browser.sms_routes import lead
from tests.browser.test_access import LISTEN

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

#: A watch without a page, that hears once from a server.
WATCH = """async () => {
  const { BulkWatch } = await import("/static/js/status/bulk-watch.js");
  const signal = new EventTarget();
  const origins = { of: () => "elsewhere" };
  const watch = new BulkWatch({ signal, origins, plans: { all: () => [] } });
  watch.heard({ op_key_hash: "0000aaaa", phase: "writing", done: 7, total: 500 });
  window.states = () => watch.moves.map(({ state, done }) => `${state} ${done}`);
}"""
BROKEN = "Failed to load resource: the server responded"
OTHER = "Live via another tab"


def moves(page: Page) -> Locator:
    """Return the lines of the moves elsewhere."""
    return page.get_by_role("region", name="Moves elsewhere").get_by_role("listitem")


def words(page: Page) -> Locator:
    """Return what these lines say."""
    return moves(page).get_by_role("paragraph")


async def second_part(tab: LeadTab, held: list[Route]) -> Route:
    """Wait until the part after the first one has left, and return it."""
    await tab.expect_bulk("sending", "Updating 500/501")
    while not held:
        await tab.page.evaluate("() => true")
    return held.pop()


async def two_tabs(
    tabs: Tabs, count: int
) -> tuple[LeadTab, LeadTab, LeadRoutes, list[Route]]:
    """Open two tabs; the first moves *count* leads, and its answers are held."""
    tabs.forgiven += [BROKEN, CUT]
    leads = LeadRoutes(leads=[lead(n, f"Lead {n:03}") for n in range(1, count + 1)])
    await leads.play(tabs.context)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold, hold]
    first = await lead_table(tabs)
    second = LeadTab(await tabs.open("/#leads", live=OTHER))
    await second.page.evaluate(LISTEN)
    await first.select_all()
    await first.move_all("nurture")
    await first.expect_bulk("sending", f"Updating 0/{count}")
    return first, second, leads, held


@pytest.mark.case("APP-20", part="browser, progress in the other tab")
async def test_another_tab_shows_how_far_a_move_is_and_its_end(tabs: Tabs) -> None:
    """Over all of its parts, from the first to the last; a tab opened late too."""
    first, second, leads, held = await two_tabs(tabs, 501)

    line = words(second.page)
    bar = moves(second.page).get_by_role("progressbar")
    await expect(line).to_have_text(
        "Another tab: moving 501 leads to nurture, 0 of 501"
    )
    await leads.move(held.pop())
    await expect(line).to_contain_text("500 of 501")
    await expect(bar).to_have_attribute("aria-valuetext", "500 of 501 leads")
    third = await tabs.open("/#bookings", live=OTHER)
    await expect(words(third.page)).to_contain_text("500 of 501")
    await leads.move(await second_part(first, held))
    for page in (second.page, third.page):
        await expect(words(page)).to_have_text("Another tab: 501 changed.")
    own = await moves(first.page).count()

    assert own == 0
    assert await second.page.evaluate("() => window.heard") == []


@pytest.mark.case("APP-20", part="cancelled, browser, the other tab")
async def test_another_tab_hears_that_a_move_was_cancelled(tabs: Tabs) -> None:
    """With how much of it had been settled before."""
    first, second, leads, held = await two_tabs(tabs, 501)
    await first.page.route(
        "**/update-status/cancel",
        lambda route: route.fulfill(json={"cancelled": True, "total": 1}),
    )

    await leads.move(held.pop())
    await second_part(first, held)
    await first.bar.get_by_role("button", name="Cancel the move").click()

    await expect(words(second.page)).to_have_text(
        "Another tab: cancelled, 500 of 501 leads were settled."
    )


@pytest.mark.case("APP-22", part="browser, the tab is closed")
async def test_what_a_closed_tab_left_can_be_gone_on_with_here(tabs: Tabs) -> None:
    """The other tab says so, and goes on under the same key; nothing twice."""
    first, second, leads, held = await two_tabs(tabs, 501)

    await leads.move(held.pop())
    await second_part(first, held)
    await first.page.close()
    line = moves(second.page)
    await expect(line).to_contain_text("The tab that moved 501 leads is gone: 500 are")
    await expect(line.get_by_role("progressbar")).to_be_hidden()
    await line.get_by_role("button", name="Go on here").click()
    await second.expect_bulk("done", "Moved 501")
    await expect(moves(second.page)).to_have_count(0)
    op, _, part = leads.update_keys[-1].partition(":")

    assert leads.update_keys == [f"{op}:0", f"{op}:1", f"{op}:1"]
    assert part == "1"


@pytest.mark.case("APP-20", part="browser, progress of somebody else")
async def test_somebody_elses_move_is_followed_as_the_server_tells(tabs: Tabs) -> None:
    """Who, where to, how far; written is told as written; the end, then nothing."""
    tabs.forgiven += [BROKEN]
    stream = await leading_page(tabs)
    leads = LeadRoutes(leads=[lead(1, "Ada")])
    await leads.play(tabs.context)
    tab = await lead_table(tabs, live=OTHER)
    await tab.page.evaluate(LISTEN)

    async def tell(key_hash: str, phase: str, done: int, **more: Any) -> None:
        data = {"op_key_hash": key_hash, "phase": phase, "done": done, "total": 500}
        data |= {"by": "ben", "to": "nurture", **more}
        await stream.evaluate(
            "(data) => window.tell({ type: 'bulk.progress', data })", data
        )

    line = words(tab.page)
    bar = moves(tab.page).get_by_role("progressbar")
    await tell("0000aaaa", "done", 500)
    await tell("0000bbbb", "validating", 0)
    await expect(line).to_have_text("ben: moving 500 leads to nurture, 0 of 500")
    await tell("0000bbbb", "writing", 180)
    await expect(line).to_have_text("ben: moving 500 leads to nurture, 180 of 500")
    await expect(bar).to_have_js_property("value", 180)
    await tell("0000cccc", "writing", 20, to=None, by="eve")
    await expect(line.nth(1)).to_have_text("eve: moving 500 leads, 20 of 500")
    await tell("0000bbbb", "done", 480)
    await expect(line.first).to_have_text("ben: 480 of 500 leads are as wished.")
    await tell("0000cccc", "undone", 0, to=None, by="eve")
    await expect(line.nth(1)).to_have_text("eve: none of 500 leads was changed.")

    assert await tab.page.evaluate("() => window.heard") == []


async def test_a_server_that_falls_silent_is_not_believed_for_ever(tabs: Tabs) -> None:
    """Killed in the middle: no end is told, so none is claimed, and the line goes."""
    page = await tabs.context.new_page()
    await page.clock.install()
    await page.goto(f"{tabs.url}/static/favicon.svg")
    await page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    await page.evaluate(WATCH)
    seen: list[Any] = []

    for passed in (0, 19_999, 1, 11_999, 1):
        await page.clock.run_for(passed)
        seen.append(await page.evaluate("() => window.states()"))

    running, silent = ["running 7"], ["silent 7"]
    assert seen == [running, running, silent, silent, []]


@pytest.mark.case("APP-53", part="moves elsewhere")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_lines_of_moves_are_fit_for_everybody(
    tabs: Tabs, scheme: Any
) -> None:
    """Contrast, names, targets, and no sideways scrolling at 360 px."""
    first, second, leads, held = await two_tabs(tabs, 501)

    await second.page.emulate_media(color_scheme=scheme)
    await second.page.set_viewport_size({"width": 360, "height": 740})
    await expect(moves(second.page)).to_be_visible()
    found = [
        await low_contrast(second.page),
        await nameless(second.page),
        await small_targets(second.page),
        await overflow(second.page),
    ]
    await first.page.close()
    await expect(moves(second.page).get_by_role("button")).to_be_visible()
    found += [await small_targets(second.page), await overflow(second.page)]

    assert found == [[], [], [], 0, [], 0]
    assert len(leads.updates) == len(held) == 1
