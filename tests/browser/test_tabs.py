"""Several tabs, one connection; several tenants, nothing in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Request, expect

from tests.browser.desk import REFUSED, Desk, Tab, Tabs

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FOLLOWING = "Live via another tab"
SILENT_LEADER = """() => new Promise((held) => {
  const name = "syncpatterns.live:/events?tenant=acme";
  navigator.locks.request(name, () => new Promise(() => { held(); })).catch(() => {});
})"""


async def rows_of(tab: Tab) -> list[str]:
    """Return the bookings named in the feed, oldest first."""
    names = await tab.feed.locator("b").all_text_contents()
    return names[::-1]


async def test_one_browser_opens_one_stream(tabs: Tabs, desk: Desk) -> None:
    """Three tabs are live over one connection: HTTP/1.1 has six in all."""
    streams: list[str] = []

    def note(request: Request) -> None:
        if "/events" in request.url:
            streams.append(request.url)

    tabs.context.on("request", note)
    booking = desk.take()

    opened = [await tabs.open()]
    opened += [await tabs.open(live=FOLLOWING) for _ in range(2)]
    desk.confirm(booking)
    for tab in opened:
        await expect(tab.feed.first.locator("b")).to_have_text(booking)
        await expect(tab.feed.first.locator(".badge")).to_have_text("Elsewhere")

    assert len(streams) == 1


@pytest.mark.case("APP-35")
async def test_a_closed_leader_is_followed_without_gap_or_repeat(
    tabs: Tabs, desk: Desk
) -> None:
    """What is confirmed before, during and after the hand-over is shown once."""
    bookings = [desk.take("held") for _ in range(6)]
    leader = await tabs.open()
    follower = await tabs.open(live=FOLLOWING)
    before = await rows_of(follower)

    for booking in bookings[:2]:
        desk.confirm(booking)
    await expect(follower.feed.first.locator("b")).to_have_text(bookings[1])
    closing = leader.page.close()
    for booking in bookings[2:4]:
        desk.confirm(booking)
    await closing
    await follower.expect_live()
    for booking in bookings[4:]:
        desk.confirm(booking)
    await expect(follower.feed.first.locator("b")).to_have_text(bookings[-1])

    assert (await rows_of(follower))[len(before) :] == bookings


@pytest.mark.case("APP-36")
async def test_a_crashed_leader_is_followed(tabs: Tabs, desk: Desk) -> None:
    """The renderer dies; the other tab leads and misses nothing."""
    booking = desk.take("held")
    leader = await tabs.open()
    follower = await tabs.open(live=FOLLOWING)

    cdp = await tabs.context.new_cdp_session(leader.page)
    await cdp.send("Page.enable")
    leader.page.once("crash", lambda _: None)
    with pytest.raises(Exception, match=r"crash"):
        await leader.page.goto("chrome://crash")
    await follower.expect_live()
    desk.confirm(booking)

    await expect(follower.feed.first.locator("b")).to_have_text(booking)


@pytest.mark.case("APP-38", part="browser")
async def test_a_silent_leader_is_deposed(tabs: Tabs, desk: Desk) -> None:
    """A tab holds the lock and says nothing: after ten seconds it loses it."""
    silent = await tabs.context.new_page()
    await silent.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    await silent.goto(f"{tabs.url}/static/favicon.svg")
    await silent.evaluate(SILENT_LEADER)
    booking = desk.take("held")
    tab = Tab(await tabs.context.new_page())
    # Before the page is opened: the seconds that this takes are none of the nine.
    await tab.page.clock.install()
    await tab.page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    await tab.page.goto(tabs.url)
    await expect(tab.chip).to_have_text("Connecting…")
    await tab.page.clock.run_for(9000)
    waiting = await tab.chip.text_content()
    await tab.page.clock.run_for(4000)
    await tab.expect_live()
    desk.confirm(booking)

    await expect(tab.feed.first.locator("b")).to_have_text(booking)
    assert waiting == "Connecting…"


async def test_another_tenant_sees_nothing(tabs: Tabs, desk: Desk) -> None:
    """Lists and events of two tenants have nothing in common, in one browser too."""
    ours, theirs = desk.take("held"), desk.take("held", tenant="globex")
    acme = await tabs.open()
    globex = await tabs.open("/?tenant=globex")
    before = await rows_of(globex)

    desk.confirm(ours)
    await expect(acme.feed.first.locator("b")).to_have_text(ours)
    desk.confirm(theirs, tenant="globex")
    await expect(globex.feed.first.locator("b")).to_have_text(theirs)

    assert (await rows_of(globex))[len(before) :] == [theirs]
    assert await globex.row(ours).count() == 0
    assert await acme.row(theirs).count() == 0


async def test_the_tenant_switch_changes_everything_at_once(
    tabs: Tabs, desk: Desk
) -> None:
    """After the switch the list, the stream and the button are the other tenant's."""
    theirs = desk.take("held", tenant="globex")
    tab = await tabs.open()

    await tab.page.get_by_role("radio", name="Globex").check()
    await expect(tab.row(theirs)).to_be_visible()
    await tab.expect_live()
    await tab.confirm(theirs).click()
    await tab.expect_state(theirs, "done", "Confirmed")

    assert tabs.sent[0].headers["x-tenant"] == "globex"
    assert tab.page.url.endswith("?tenant=globex")


async def test_events_while_hidden_are_counted(tabs: Tabs, desk: Desk) -> None:
    """Who comes back to the tab sees a line under what came meanwhile."""
    first, second, third = (desk.take("held") for _ in range(3))
    tab = await tabs.open()
    hide = """(state) => {
      Object.defineProperty(document, "visibilityState",
        { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""

    await tab.page.evaluate(hide, "hidden")
    desk.confirm(first)
    desk.confirm(second)
    await expect(tab.feed.first.locator("b")).to_have_text(second)
    await tab.page.evaluate(hide, "visible")
    desk.confirm(third)
    await expect(tab.feed.first.locator("b")).to_have_text(third)

    lines = await tab.page.get_by_role("log").locator("li").all_text_contents()
    assert [third in lines[0], second in lines[1], first in lines[2]] == [True] * 3
    assert lines[3] == "2 events while away"


async def test_two_tabs_that_press_the_same_get_one_key(tabs: Tabs, desk: Desk) -> None:
    """The wish is the same, so the key is; the server runs it once."""
    booking = desk.take()
    one = await tabs.open()
    two = await tabs.open(live=FOLLOWING)
    # The first may be through before the second has heard of it: then that one
    # asks for a version which is gone, and the browser writes down the 412.
    tabs.forgiven.append(f"{REFUSED}12")

    await one.confirm(booking).evaluate("(button) => button.click()")
    await two.confirm(booking).evaluate("(button) => button.click()")
    for tab in (one, two):
        chip = tab.row(booking).locator(".chip")
        await expect(chip).to_have_text("Confirmed")

    assert desk.effects(booking) == 1
    assert len(set(tabs.keys)) <= len(tabs.sent) <= 2
