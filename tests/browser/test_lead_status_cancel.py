"""Cancelling a move on its way: what is said holds, whoever was quicker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.async_api import Route, expect

from tests.app.driver import AppProcess
from tests.browser.desk import CUT, REFUSED, Tabs
from tests.browser.lead_desk import LeadDesk, leads_file, showing
from tests.browser.lead_routes import UPDATE, LeadRoutes, LeadTab, lead_table
from tests.browser.sms_routes import lead, says
from tests.browser.test_access import LISTEN

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CANCEL = "**/api/leads/update-status/cancel"
BROKEN = "Failed to load resource: the server responded"


async def under_way(tabs: Tabs, count: int) -> tuple[LeadTab, LeadRoutes, list[Route]]:
    """Open *count* leads, and move them all; the first part's answer is held."""
    tabs.forgiven += [BROKEN, CUT]
    leads = LeadRoutes(leads=[lead(n, f"Lead {n:03}") for n in range(1, count + 1)])
    await leads.play(tabs.context)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    tab = await lead_table(tabs)
    await tab.page.evaluate(LISTEN)
    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("sending", f"Updating 0/{count}")
    return tab, leads, held


async def cancelled_by_key(route: Route) -> None:
    """Answer a move as the server does once it was cancelled."""
    body = {"type": "/problems/batch-cancelled", "title": "", "status": 409}
    kind = "application/problem+json"
    await route.fulfill(status=409, body=json.dumps(body), content_type=kind)


@pytest.mark.case("APP-20", part="cancelled, browser, page")
async def test_a_cancelled_move_is_over_and_another_one_can_begin(tabs: Tabs) -> None:
    """Asked under the move's own key and body; said once; the focus is not lost."""
    tab, leads, _ = await under_way(tabs, 3)
    asked: list[Any] = []

    async def cancel(route: Route) -> None:
        asked.append(route.request)
        await route.fulfill(json={"cancelled": True, "total": 3})

    await tab.page.route(CANCEL, cancel)
    button = tab.bar.get_by_role("button", name="Cancel the move")
    await button.focus()
    await tab.page.keyboard.press("Enter")
    await tab.expect_bulk("cancelled", "Cancelled")
    await expect(tab.bulk_card).to_contain_text("Nothing was changed.")
    await expect(tab.bulk_button).to_be_focused()
    said = await tab.page.evaluate("() => window.heard")
    await expect(tab.bar.get_by_text("3 selected")).to_be_visible()
    await tab.page.reload(wait_until="commit")
    await expect(tab.row("lead-001")).to_be_visible()
    await expect(tab.bar).to_be_hidden()
    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("done", "Moved 3")

    (request,) = asked
    assert request.headers["idempotency-key"] == leads.update_keys[0]
    assert json.loads(request.post_data) == leads.wishes[0]
    assert leads.update_keys[1].partition(":")[0] != leads.update_keys[0][:32]
    assert said == [
        "status: Moving 3 leads to nurture.",
        "status: Cancelling the move.",
        "status: The move was cancelled. Nothing was changed.",
    ]


@pytest.mark.case("APP-20", part="cancelled, browser, page")
async def test_the_moves_own_answer_also_tells_that_it_was_cancelled(
    tabs: Tabs,
) -> None:
    """The answer to the cancel is lost; the part is refused under its key."""
    tab, leads, held = await under_way(tabs, 3)

    async def lost(route: Route) -> None:
        if held:
            await cancelled_by_key(held.pop())
        await route.abort("connectionreset")

    await tab.page.route(CANCEL, lost)
    await tab.bar.get_by_role("button", name="Cancel the move").click()
    await tab.expect_bulk("cancelled", "Cancelled")

    assert len(leads.updates) == 1


@pytest.mark.case("APP-20", part="cancelled, browser, page")
async def test_what_was_settled_before_a_cancel_is_told(tabs: Tabs) -> None:
    """500 of 501 were moved by the first part; the second one is cancelled."""
    tab, leads, held = await under_way(tabs, 501)

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    await tab.page.route(
        CANCEL, lambda route: route.fulfill(json={"cancelled": True, "total": 1})
    )
    await leads.move(held[0])
    await tab.expect_bulk("sending", "Updating 500/501")
    await tab.bar.get_by_role("button", name="Cancel the move").click()
    await tab.expect_bulk("cancelled", "Cancelled")
    await expect(tab.bulk_card).to_contain_text(
        "500 of 501 leads were settled before; the other 1 were not changed."
    )

    assert len(leads.updates) == 2


@pytest.mark.case("APP-20", part="cancelled, browser, page")
async def test_a_cancel_that_came_too_late_claims_nothing(tabs: Tabs) -> None:
    """The part was done: its own answer is shown, and no further part is sent."""
    tab, leads, held = await under_way(tabs, 501)

    async def late(route: Route) -> None:
        await route.fulfill(json={"cancelled": False, "total": 500})
        await leads.move(held[0])

    await tab.page.route(CANCEL, late)
    stop = tab.bar.get_by_role("button", name="Stop after this part")
    await expect(stop).to_be_visible()
    await tab.bar.get_by_role("button", name="Cancel the move").click()
    await tab.expect_bulk("stopped", "Stopped - Go on")
    await expect(tab.bulk_card).to_contain_text("Too late for the part on its way")
    await expect(tab.bulk_card).to_contain_text("500 of 501 leads are settled.")

    assert len(leads.updates) == 1
    assert (await tab.page.evaluate("() => window.heard"))[-1] == (
        "status: Too late for the part on its way; the move was stopped after it. "
        "500 of 501 leads are settled."
    )


@pytest.mark.case("APP-20", part="cancelled, browser, page")
async def test_a_server_that_cannot_be_asked_to_cancel(tabs: Tabs) -> None:
    """It is said that it may still happen; then that it has; nothing is made up."""
    tab, leads, held = await under_way(tabs, 3)

    await tab.page.route(CANCEL, says(403, "forbidden"))
    await tab.bar.get_by_role("button", name="Cancel the move").click()
    again = tab.bar.get_by_role("button", name="Cancel again")
    await expect(tab.bar).to_contain_text("The part on its way may still be moved.")
    await expect(again).to_have_attribute("aria-disabled", "false")
    await leads.move(held[0])
    await tab.expect_bulk("done", "Moved 3")

    assert (await tab.page.evaluate("() => window.heard"))[-1] == (
        "status: Too late to cancel: 3 changed."
    )


async def test_stopping_does_not_lose_the_focus(tabs: Tabs) -> None:
    """The button to stop goes away with the last part; the focus goes to the move's."""
    tab, leads, held = await under_way(tabs, 501)

    stop = tab.bar.get_by_role("button", name="Stop after this part")
    await stop.focus()
    await tab.page.keyboard.press("Enter")
    await expect(tab.bar.get_by_role("button", name="Stopping")).to_be_focused()
    await leads.move(held[0])
    await tab.expect_bulk("stopped", "Stopped - Go on")

    await expect(tab.bulk_button).to_be_focused()


# ------------------------------------------------------------- the real server


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """An app of its own: these tests move its leads about."""
    folder: Path = tmp_path_factory.mktemp("leads")
    path = leads_file(folder)
    options = ("--port", "0", "--db", "sqlite:///app.db", "--leads", str(path))
    with AppProcess(*options, cwd=folder) as running:
        assert running.serving, running.said
        yield running


@pytest.mark.case("APP-20", part="cancelled, browser, server")
async def test_a_move_that_has_not_arrived_is_never_done(
    tabs: Tabs, app: AppProcess
) -> None:
    """Held on the network until it was cancelled: then refused, and no audit line."""
    tabs.forgiven += [REFUSED, CUT]
    leads = LeadDesk(app.url)
    moved = leads.take(20)
    done = anyio.Event()
    answers: list[int] = []

    async def late(route: Route) -> None:
        await done.wait()
        answer = await route.fetch()
        answers.append(answer.status)
        await route.abort("connectionreset")

    async with showing(tabs, moved) as tab:
        await tab.page.route(UPDATE, late)
        await tab.select_all()
        await tab.move_all("nurture")
        await tab.expect_bulk("sending", "Updating 0/20")
        await tab.bar.get_by_role("button", name="Cancel the move").click()
        await tab.expect_bulk("cancelled", "Cancelled")
        done.set()
        while not answers:
            await tab.page.evaluate("() => true")
        await tab.page.unroute(UPDATE)
    lines = [line for each in moved for line in leads.trail(each)]
    leads.client.close()

    assert answers == [409]
    assert lines == []
