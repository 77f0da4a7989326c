"""Keyboard, screen reader, small screen, strict policy."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Route, expect

from tests.app.driver import AppProcess
from tests.browser.audit import (
    low_contrast,
    moving,
    nameless,
    overflow,
    small_targets,
)
from tests.browser.desk import CONFIRM, CUT, REFUSED, Desk, Tab, Tabs

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LISTEN = """() => {
  window.heard = [];
  for (const role of ["status", "alert"]) {
    const region = document.querySelector(`[role=${role}]`);
    new MutationObserver(() => {
      const text = region.textContent;
      if (text) window.heard.push(`${role}: ${text}`);
    }).observe(region, { childList: true, characterData: true, subtree: true });
  }
}"""


async def show_every_tone(tab: Tab, tabs: Tabs, desk: Desk) -> None:
    """Bring buttons into the states that have a colour of their own."""
    tabs.forgiven += [REFUSED, CUT]
    await tab.confirm(desk.lapsed()).click()
    await expect(tab.card(desk.lapsed())).to_be_visible()

    async def unknown(route: Route) -> None:
        body = '{"type": "/problems/outcome-unknown"}'
        kind = "application/problem+json"
        await route.fulfill(status=409, body=body, content_type=kind)

    await tab.page.route(CONFIRM, unknown, times=1)
    doubled = desk.doubled()
    await tab.confirm(doubled).click()
    await tab.expect_state(doubled, "unknown", "Needs a look")
    done = desk.take()
    await tab.confirm(done).click()
    await tab.expect_state(done, "done", "Confirmed")


@pytest.mark.case("APP-51", part="browser")
async def test_everything_works_from_the_keyboard(tabs: Tabs, desk: Desk) -> None:
    """Tab reaches the search and the button, Enter confirms, the focus stays."""
    booking = desk.take()
    tab = await tabs.open()
    keyboard = tab.page.keyboard

    await keyboard.press("Tab")
    await expect(
        tab.page.get_by_role("link", name="Skip to the bookings")
    ).to_be_focused()
    await keyboard.press("Enter")
    # The jump is done a moment after the key; a Tab before it goes elsewhere.
    await tab.page.wait_for_url("**#*")
    await tab.page.evaluate("() => new Promise((done) => setTimeout(done, 0))")
    await keyboard.press("Tab")
    await expect(tab.page.get_by_role("searchbox")).to_be_focused()
    await keyboard.type(booking)
    await expect(tab.page.locator("tbody tr:visible")).to_have_count(1)
    await keyboard.press("Tab")
    await expect(tab.page.get_by_role("radio", name="All")).to_be_focused()
    await keyboard.press("Tab")
    button = tab.page.get_by_role("button", name=f"Confirm booking {booking}")
    await expect(button).to_be_focused()
    ring = await button.evaluate("(each) => getComputedStyle(each).outlineWidth")
    await keyboard.press("Enter")
    await tab.expect_state(booking, "done", "Confirmed")

    await expect(button).to_be_focused()
    assert ring == "3px"
    assert desk.effects(booking) == 1


@pytest.mark.case("APP-51", part="browser")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_names_roles_and_contrast_hold_in_every_state(
    browser: Browser, app: AppProcess, desk: Desk, scheme: str
) -> None:
    """Light and dark: 4.5:1 for all text, 44 px targets, no control without a name."""
    async with Tabs.of(browser, app.url, color_scheme=scheme) as tabs:
        tab = await tabs.open()
        await show_every_tone(tab, tabs, desk)

        assert await low_contrast(tab.page) == []
        assert await nameless(tab.page) == []
        assert await small_targets(tab.page) == []
        assert await overflow(tab.page) == 0


async def test_the_audits_find_planted_faults(tabs: Tabs) -> None:
    """Grey on grey, a button without a name, a wide line, a small target."""
    tab = await tabs.open()
    await tab.page.evaluate(
        """() => {
          const words = document.createElement("p");
          words.textContent = "too pale";
          words.style.color = "#999";
          words.style.background = "#aaa";
          words.style.width = "3000px";
          const button = document.createElement("button");
          button.style.width = "20px";
          button.setAttribute("aria-controls", "nowhere");
          button.animate([{ opacity: 1 }, { opacity: 0 }], 60_000);
          document.querySelector("main").append(words, button);
        }"""
    )

    assert [each.split(":")[0] for each in await low_contrast(tab.page)] == ["too pale"]
    assert len(await nameless(tab.page)) == 2
    assert len(await small_targets(tab.page)) == 1
    assert await overflow(tab.page) > 1000
    assert len(await moving(tab.page)) == 1


@pytest.mark.case("APP-52", part="browser")
async def test_each_change_is_said_once_and_no_tick_is(tabs: Tabs, desk: Desk) -> None:
    """Sending, retrying and done are one announcement each; a countdown is none."""
    booking = desk.take()
    tabs.forgiven.append("Failed to load resource: the server responded")
    tab = await tabs.open(frozen=True)
    await tab.page.evaluate(LISTEN)

    async def busy(route: Route) -> None:
        await route.fulfill(status=503, body="", headers={"Retry-After": "5"})

    await tab.page.route(CONFIRM, busy, times=2)
    await tab.confirm(booking).click()
    for tries in (2, 3):
        retrying = tab.confirm(booking).get_by_text(f"Retrying {tries}/5 in")
        await expect(retrying).to_be_visible()
        await tab.page.clock.run_for(7100)
    await expect(tab.row(booking).locator(".chip")).to_have_text("Confirmed")
    await tab.page.clock.run_for(500)
    await tab.expect_state(booking, "done", "Confirmed")

    assert await tab.page.evaluate("() => window.heard") == [
        "status: Didn't work yet, trying again.",
        f"status: Booking {booking} confirmed.",
    ]


@pytest.mark.case("APP-53", part="browser")
async def test_a_phone_shows_all_of_it(
    browser: Browser, app: AppProcess, desk: Desk
) -> None:
    """360 px: nothing sideways, every target 44 px, cards instead of a table."""
    screen = {"width": 360, "height": 740}
    async with Tabs.of(browser, app.url, viewport=screen, has_touch=True) as tabs:
        tab = await tabs.open()
        await show_every_tone(tab, tabs, desk)

        assert await overflow(tab.page) == 0
        assert await small_targets(tab.page) == []
        assert await tab.page.get_by_role("row").count() > 50


@pytest.mark.case("APP-53", part="browser")
async def test_who_wants_no_motion_sees_none(
    browser: Browser, app: AppProcess, desk: Desk
) -> None:
    """Reduced motion: the spinner stands, rows do not glow. Otherwise they do."""
    for choice, expected in (("reduce", set[str]()), ("no-preference", {"turn"})):
        async with Tabs.of(browser, app.url, reduced_motion=choice) as tabs:
            tabs.forgiven.append(CUT)
            tab = await tabs.open()
            await tab.page.route(CONFIRM, lambda _: None)
            booking = desk.find(status="requested")["id"]
            await tab.confirm(booking).click()
            await tab.expect_state(booking, "sending", "Sending…")

            assert set(await moving(tab.page)) & {"turn", "changed"} == expected


@pytest.mark.case("APP-53", part="browser")
async def test_forced_colours_keep_the_borders(
    browser: Browser, app: AppProcess, desk: Desk
) -> None:
    """Where the system paints everything itself, a button still has an edge."""
    async with Tabs.of(browser, app.url, forced_colors="active") as tabs:
        tab = await tabs.open()
        button = tab.confirm(desk.find(status="requested")["id"])
        width = await button.evaluate("(each) => getComputedStyle(each).borderTopWidth")

        assert width == "1px"


@pytest.mark.case("APP-56", part="browser")
async def test_the_policy_is_strict_and_the_page_keeps_it(
    tabs: Tabs, app: AppProcess
) -> None:
    """No inline code or style, no foreign origin; a planted breach is reported."""
    page = await tabs.context.new_page()
    response = await page.goto(app.url)
    assert response is not None
    headers = response.headers
    await Tab(page).expect_live()
    quiet = list(tabs.faults)
    await page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
        }"""
    )
    ran = await page.evaluate("() => window.ran")
    breach = [fault for fault in tabs.faults if "Content Security Policy" in fault]
    tabs.faults.clear()

    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert quiet == []
    assert ran is None
    assert len(breach) == 1


async def test_names_are_text_whatever_they_hold(tabs: Tabs) -> None:
    """A customer called like markup is shown as written, and does nothing."""
    name = "<img src=x onerror=alert(1)>"

    async def rename(route: Route) -> None:
        answer = await route.fetch()
        listed = await answer.json()
        listed[0]["customer"] = name
        await route.fulfill(response=answer, json=listed)

    await tabs.context.route("**/api/bookings", rename)
    tab = await tabs.open()

    await expect(tab.page.get_by_role("cell", name=name, exact=True)).to_be_attached()
    assert await tab.page.locator("img").count() == 0


async def test_the_theme_is_kept_and_shared(tabs: Tabs) -> None:
    """A choice survives a reload and reaches the other tab at once."""
    one = await tabs.open()
    two = await tabs.open(live="Live via another tab")

    await one.page.get_by_role("radio", name="Dark").check()
    await expect(two.page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(two.page.get_by_role("radio", name="Dark")).to_be_checked()
    await one.page.reload()
    await expect(one.page.locator("html")).to_have_attribute("data-theme", "dark")
    colour = await one.page.evaluate(
        "() => getComputedStyle(document.body).backgroundColor"
    )

    assert colour == "rgb(13, 17, 23)"


async def test_search_and_status_filter_together(tabs: Tabs, desk: Desk) -> None:
    """Accents and case do not matter; the count says how many are left."""
    tab = await tabs.open()
    total = len(desk.api.bookings())
    words = [
        each
        for each in desk.api.bookings()
        if each["customer"] == "Jarosław Żak" and each["status"] == "cancelled"
    ]

    await tab.page.get_by_role("searchbox").fill("ZAK")
    await tab.page.get_by_role("radio", name="Cancelled").check()

    shown = tab.page.locator("tbody tr:visible")
    await expect(shown).to_have_count(len(words))
    if not words:
        await expect(tab.page.locator(".note:visible").first).to_contain_text(
            "No booking fits"
        )
    await expect(tab.page.locator(".shown")).to_have_text(
        f"{len(words)} of {total} bookings"
    )
