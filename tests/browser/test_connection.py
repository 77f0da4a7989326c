"""The server goes and comes back; the page says so and catches up."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from playwright.async_api import Browser, Error, Route, expect

from syncpatterns.testing import free_port
from tests.app.driver import AppProcess
from tests.browser.desk import CONFIRM, CUT, Desk, Tabs

LOST = re.compile("Reconnecting|Server unreachable")

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.mark.case("APP-09", part="browser, without the queue")
async def test_a_server_that_comes_back_is_found_again(
    browser: Browser, tmp_path: Path
) -> None:
    """Unreachable, not offline; then live, and the list is what it is now."""
    # A port that the kernel gives nobody else while no server has it.
    options = ("--port", str(free_port()), "--db", "sqlite:///app.db")
    first = AppProcess(*options, cwd=tmp_path)
    with first:
        async with Tabs.of(browser, first.url) as tabs:
            tabs.forgiven.append(CUT)
            tab = await tabs.open()
            with Desk(first.url) as desk:
                pressed, elsewhere = desk.take("requested"), desk.take("held")

            tried, back = list[str](), anyio.Event()

            async def knock(route: Route) -> None:
                tried.append(route.request.url)
                if len(tried) > 1:  # however long it takes to start, no try is
                    await back.wait()  # spent on that
                with suppress(Error):  # the page may have given up on this one
                    await route.continue_()

            await tabs.context.route(CONFIRM, knock)
            first.stop()
            await expect(tab.chip).to_have_text("Server unreachable")
            await tab.confirm(pressed).click()
            await expect(tab.element(pressed)).to_have_attribute(
                "data-state", "retrying"
            )
            with AppProcess(*options, cwd=tmp_path) as second:
                assert second.serving, second.said
                back.set()
                with Desk(second.url) as desk:
                    desk.confirm(elsewhere)
                    for booking in (pressed, elsewhere):
                        chip = tab.row(booking).locator(".chip")
                        await expect(chip).to_have_text("Confirmed")
                    await tab.expect_live()
                    effects = desk.effects(pressed)

                assert effects == 1
                assert len(set(tabs.keys)) == 1


@pytest.mark.case("APP-54", part="browser")
async def test_open_pages_do_not_hold_up_a_stop(
    browser: Browser, tmp_path: Path
) -> None:
    """SIGTERM with three pages open: the server is gone at once, the pages say so."""
    options = ("--port", "0", "--db", "sqlite:///app.db")
    with AppProcess(*options, cwd=tmp_path) as app:
        async with Tabs.of(browser, app.url) as tabs:
            tabs.forgiven.append(CUT)
            leader = await tabs.open()
            other = await tabs.open(live="Live via another tab")

            code = app.stop()
            for tab in (leader, other):
                await expect(tab.chip).to_have_text(LOST)

            assert code == 0


async def test_what_happened_meanwhile_is_caught_up_and_marked(
    tabs: Tabs, desk: Desk
) -> None:
    """Offline for a while: the missed events come in order, above a line."""
    first, second = desk.take(), desk.take()
    tabs.forgiven.append(CUT)
    tab = await tabs.open()

    await tabs.context.set_offline(True)
    await expect(tab.chip).to_have_text("Offline")
    desk.confirm(first)
    desk.confirm(second)
    await tabs.context.set_offline(False)
    await tab.expect_live()
    line = tab.page.get_by_role("log").locator("li.divider")
    await expect(line).to_have_text("2 events while away")
    rows = await tab.feed.locator("b").all_text_contents()

    assert rows == [second, first]


@pytest.mark.case("APP-46", part="browser")
async def test_a_gap_fetches_the_list_anew(tabs: Tabs, desk: Desk) -> None:
    """Events that are lost for good: a line says so, and the rows are right."""
    booking = desk.take()
    gap = {"channel": "bookings", "asked": None, "top": None, "reason": "trimmed"}

    async def lose(route: Route) -> None:
        desk.confirm(booking)
        body = f"event: gap\ndata: {json.dumps(gap)}\nid: elsewhere\n\n"
        await route.fulfill(body=body, content_type="text/event-stream")

    # The last route comes first, and only once.
    await tabs.context.route("**/events*", lambda _: None)
    await tabs.context.route("**/events*", lose, times=1)
    tab = await tabs.open(live=None)
    await expect(tab.row(booking).locator(".chip")).to_have_text("Confirmed")

    line = tab.page.get_by_role("log").locator("li.divider")
    await expect(line).to_contain_text("could not be caught up")
