"""Moving many leads: asked first, sent in parts, every row accounted for."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Route, expect

from syncpatterns.idempotency._core import storage_key
from tests.browser.desk import CUT, Tabs
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

ADA, BEN = "lead-001", "lead-002"
BROKEN = "Failed to load resource: the server responded"


async def opened(tabs: Tabs, count: int, **options: Any) -> tuple[LeadTab, LeadRoutes]:
    """Open *count* new leads before a server that the test plays."""
    tabs.forgiven += [BROKEN, CUT]
    leads = LeadRoutes(leads=[lead(n, f"Lead {n:03}") for n in range(1, count + 1)])
    await leads.play(tabs.context)
    return await lead_table(tabs, **options), leads


@pytest.mark.case("APP-51", part="browser, lead status")
async def test_many_are_never_moved_unasked(tabs: Tabs) -> None:
    """The question names how many and where to; Escape and Keep send nothing."""
    tab, leads = await opened(tabs, 3)

    await tab.select_all()
    await expect(tab.bulk_button).to_have_accessible_name("Move 3 leads")
    await tab.bulk_button.click()
    await expect(tab.bar.get_by_text("Choose a status first.")).to_be_visible()
    await expect(tab.bar.get_by_label("Move to")).to_be_focused()
    await tab.ask_to_move("nurture")
    await expect(tab.bulk_card).to_contain_text("Move 3 leads to nurture?")
    await tab.page.keyboard.press("Escape")
    await expect(tab.bulk_button).to_be_focused()
    await tab.ask_to_move("nurture", "partial")
    await tab.bulk_choice("Keep").click()
    await expect(tab.bulk_card).to_be_hidden()
    await expect(tab.bulk_button).to_be_focused()
    await expect(tab.bar.get_by_text("3 selected")).to_be_visible()

    assert leads.updates == []


@pytest.mark.case("APP-20", part="browser, page")
async def test_what_was_moved_is_said_and_the_selection_is_over(tabs: Tabs) -> None:
    """Each row with the version it showed, one request, one announcement."""
    tab, leads = await opened(tabs, 3, frozen=True)

    await tab.page.evaluate(LISTEN)
    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("done", "Moved 3")
    for number in (1, 2, 3):
        await expect(tab.chip(f"lead-{number:03}")).to_have_text("Nurture")
    await expect(tab.page.get_by_role("checkbox", checked=True)).to_have_count(0)
    await tab.page.get_by_role("searchbox").focus()
    await expect(tab.bulk_button).to_be_visible()
    await tab.page.clock.run_for(5000)
    await expect(tab.bar).to_be_hidden()

    assert leads.wishes == [
        {
            "updates": [
                {"lead_id": f"lead-{n:03}", "to": "nurture", "version": 1}
                for n in (1, 2, 3)
            ],
            "mode": "atomic",
        }
    ]
    assert await tab.page.evaluate("() => window.heard") == ["status: 3 changed."]


@pytest.mark.case("APP-21", part="browser, page")
async def test_one_that_cannot_be_moved_is_named(tabs: Tabs) -> None:
    """Atomic: nothing changed, who and why; the others go by another request."""
    tab, leads = await opened(tabs, 3)
    facts = {"from": "won", "to": "nurture", "allowed": []}
    leads.answers = [refusing(BEN, "transition-not-allowed", **facts)]

    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("refused", "Not possible")
    title = "Nothing was changed: 1 of 3 cannot be moved."
    await expect(tab.bulk_card.locator(".outcome-title")).to_have_text(title)
    await expect(tab.bulk_card.locator("li")).to_have_text(["Lead 002: Won is final."])
    await tab.bulk_choice("Move the other 2").click()
    await expect(tab.bulk_card).to_contain_text("Move 2 leads to nurture?")
    await tab.bulk_choice("Move").click()
    await tab.expect_bulk("done", "Moved 2")

    assert [each["lead_id"] for each in leads.wishes[1]["updates"]] == [ADA, "lead-003"]
    assert len(set(leads.update_keys)) == 2


@pytest.mark.case("APP-21", part="browser, page")
async def test_the_rest_is_moved_if_that_was_chosen(tabs: Tabs) -> None:
    """Partial: what was changed and what was not; those alone can be selected."""
    tab, leads = await opened(tabs, 3)
    current = {
        "version": 3,
        "status": "lost",
        "by": "ben",
        "at": "2026-11-22T14:32:00Z",
    }
    leads.answers = [refusing(BEN, "version-conflict", current=current)]

    await tab.select_all()
    await tab.move_all("nurture", "partial")
    await tab.expect_bulk("partial", "2 moved, 1 not")
    await expect(tab.bulk_card.locator(".outcome-title")).to_have_text(
        "2 changed, 1 not possible"
    )
    await expect(tab.bulk_card.locator("li")).to_contain_text("Changed by ben")
    await tab.page.get_by_role("searchbox").fill("lead 002")
    await expect(tab.bulk_card).to_be_visible()
    await tab.bulk_choice("Select only these").click()
    await expect(tab.bar.get_by_text("1 selected")).to_be_visible()

    assert await tab.row(BEN).get_by_role("checkbox").is_checked()
    assert leads.wishes[0]["mode"] == "partial"


@pytest.mark.case("APP-22", part="browser, page")
async def test_more_than_five_hundred_go_in_parts(tabs: Tabs) -> None:
    """501: two keys of one move; a failure or a reload repeats the second alone."""
    tab, leads = await opened(tabs, 501, frozen=True)

    async def first(route: Route) -> None:
        await leads.move(route)

    async def never(_: Route) -> None:
        return None

    leads.answers = [first, *[says(503, "store-busy")] * 5, never]
    await tab.select_all()
    await tab.ask_to_move("nurture")
    await expect(tab.bulk_card).to_contain_text("They go in 2 parts of at most 500")
    await tab.bulk_choice("Move").click()
    await tab.run_bulk_until("failed", "Failed - Retry")
    await expect(tab.bulk_card).to_contain_text("500 of 501 leads are settled.")
    await tab.bulk_button.click()
    await tab.run_bulk_until("sending", "Updating 500/501")
    await tab.page.clock.resume()
    await tab.page.reload(wait_until="commit")
    await tab.expect_bulk("done", "Moved 501")
    sizes = [len(each["updates"]) for each in leads.wishes]
    op, _, part = leads.update_keys[0].partition(":")

    assert sizes == [500, *[1] * 7]
    assert part == "0"
    assert set(leads.update_keys[1:]) == {f"{op}:1"}
    assert leads.wishes[1] == leads.wishes[-1]


@pytest.mark.case("APP-22", part="browser, page")
async def test_a_move_of_parts_can_be_stopped_and_gone_on_with(tabs: Tabs) -> None:
    """The part on its way is finished; the rest waits to be asked, also reloaded."""
    tab, leads = await opened(tabs, 501)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("sending", "Updating 0/501")
    await tab.bar.get_by_role("button", name="Stop after this part").click()
    await leads.move(held[0])
    await tab.expect_bulk("stopped", "Stopped - Go on")
    await tab.page.reload(wait_until="commit")
    await tab.expect_bulk("unanswered", "Interrupted - Go on")
    before = len(leads.updates)
    await tab.bulk_choice("Go on").click()
    await tab.expect_bulk("done", "Moved 501")

    assert before == 1
    assert [key[-2:] for key in leads.update_keys] == [":0", ":1"]


@pytest.mark.case("APP-23", part="browser, page")
async def test_a_lead_that_is_listed_twice_goes_once(tabs: Tabs) -> None:
    """Whatever names it twice, the request does not."""
    tabs.forgiven += [BROKEN]
    leads = LeadRoutes(leads=[lead(n, f"Lead {n}") for n in (1, 2, 2, 3)])
    await leads.play(tabs.context)
    tab = await lead_table(tabs)

    await tab.select_all()
    await tab.select(BEN)
    await tab.move_all("nurture")
    await tab.expect_bulk("done", "Moved 3")
    sent = [each["lead_id"] for each in leads.wishes[0]["updates"]]

    assert sorted(sent) == ["lead-001", "lead-002", "lead-003"]


@pytest.mark.case("APP-23", part="browser, page")
async def test_the_servers_word_on_repeated_leads_is_shown(tabs: Tabs) -> None:
    """422 ends the move in plain words; nothing is tried again."""
    tab, leads = await opened(tabs, 2)
    errors = [{"code": "duplicate_lead", "detail": "rows 0 and 1"}]
    leads.answers = [says(422, "validation", errors=errors)]

    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("not-accepted", "Not accepted")
    await expect(tab.bulk_card).to_contain_text("A lead was named twice.")

    assert len(leads.updates) == 1


async def test_offline_the_move_is_not_sent_and_not_lost(tabs: Tabs) -> None:
    """Said honestly; pressed again online, the same part goes under the same key."""
    tab, leads = await opened(tabs, 2)

    await tab.select_all()
    await tabs.context.set_offline(offline=True)
    await tab.move_all("nurture")
    await tab.expect_bulk("offline", "Offline - Retry")
    await expect(tab.bulk_card).to_contain_text("You are offline. Nothing was sent.")
    before = len(leads.updates)
    await tabs.context.set_offline(offline=False)
    await tab.bulk_button.click()
    await tab.expect_bulk("done", "Moved 2")

    assert (before, len(leads.updates)) == (0, 1)


async def test_what_an_earlier_page_left_open_is_offered(tabs: Tabs) -> None:
    """Never sent, so not to be sent unasked: the person decides, and may leave it."""
    tab, leads = await opened(tabs, 2)

    await tab.select_all()
    await tabs.context.set_offline(offline=True)
    await tab.move_all("nurture")
    await tab.expect_bulk("offline", "Offline - Retry")
    await tabs.context.set_offline(offline=False)
    await tab.page.reload(wait_until="commit")
    await tab.expect_bulk("unanswered", "Interrupted - Go on")
    await tab.bulk_choice("Leave it there").click()
    await expect(tab.bulk).to_have_attribute("data-state", "idle")
    await tab.page.reload(wait_until="commit")
    await expect(tab.row(ADA)).to_be_visible()

    assert leads.updates == []
    assert await tab.bar.is_hidden()


@pytest.mark.case("APP-52", part="browser, lead status bulk")
async def test_progress_is_shown_and_not_said(tabs: Tabs) -> None:
    """What is written counts, what is looked at does not, nor another's move."""
    stream = await leading_page(tabs)
    tab, leads = await opened(tabs, 501, live="Live via another tab")
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    await tab.page.evaluate(LISTEN)
    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("sending", "Updating 0/501")
    own = storage_key("", "acme", "leads.update-status", leads.update_keys[0])[:8]
    for key_hash, phase, done in (
        ("00000000", "writing", 77),
        (own, "validating", 99),
        (own, "writing", 180),
    ):
        data = {"op_key_hash": key_hash, "phase": phase, "done": done, "total": 500}
        await stream.evaluate(
            "(data) => window.tell({ type: 'bulk.progress', data })", data
        )
    await tab.expect_bulk("sending", "Updating 180/501")
    bar = tab.bulk.get_by_role("progressbar")
    await expect(bar).to_have_attribute("aria-valuetext", "180 of 501 leads updated")
    await expect(tab.bulk_button).to_have_attribute("aria-disabled", "true")
    await leads.move(held[0])
    await tab.expect_bulk("done", "Moved 501")

    assert await tab.page.evaluate("() => window.heard") == [
        "status: Moving 501 leads to nurture.",
        "status: 501 changed.",
    ]


async def test_a_bulk_of_others_is_one_line_of_the_feed(tabs: Tabs) -> None:
    """Forty events, one line that counts; every row shows its new state."""
    stream = await leading_page(tabs)
    tab, leads = await opened(tabs, 40, live="Live via another tab")

    for each in leads.leads:
        moved = {**each, "status": "booked", "version": 2}
        data = {
            "lead": moved,
            "by": "ben",
            "key_hash": "abcdef01",
            "bulk_id": "b-9",
            "from": "new",
            "to": "booked",
        }
        await stream.evaluate(
            "(data) => window.tell({ type: 'lead.changed', data })", data
        )
    await expect(tab.tab.feed.first.locator("b")).to_have_text("40 leads")
    await expect(tab.tab.feed).to_have_count(1)

    assert await tab.page.locator('.chip[data-lead="booked"]').count() == 15


async def test_the_history_is_live_and_gives_the_focus_back(tabs: Tabs) -> None:
    """Opened from the row; what happens meanwhile appears; Escape goes back."""
    stream = await leading_page(tabs)
    tab, leads = await opened(tabs, 2, live="Live via another tab")

    def line(to: str, reason: str | None, version: int) -> dict[str, Any]:
        return {
            "at": "2026-11-22T10:00:00Z",
            "actor": "ben",
            "source": "bulk",
            "action": "lead.status",
            "from": "new",
            "to": to,
            "reason": reason,
            "version_from": version,
            "version_to": version + 1,
            "bulk_id": "b-1",
        }

    leads.trails[ADA] = [line("lost", "Moved away", 1)]
    opener = tab.row(ADA).get_by_role("button", name="History of Lead 001")
    await opener.click()
    dialog = tab.page.get_by_role("dialog", name="History of Lead 001")
    await expect(dialog.get_by_role("listitem")).to_have_count(1)
    await expect(dialog).to_contain_text("New → Lost")
    await expect(dialog).to_contain_text("“Moved away”")
    await expect(dialog).to_contain_text("by ben · with others · v1 → v2")
    leads.trails[ADA].insert(0, line("nurture", "Wrote back", 2))
    data = {
        "lead": {**leads.leads[0], "version": 3},
        "by": "ben",
        "from": "lost",
        "to": "nurture",
    }
    await stream.evaluate("(data) => window.tell({ type: 'lead.changed', data })", data)
    await expect(dialog.get_by_role("listitem")).to_have_count(2)
    await tab.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()

    await expect(opener).to_be_focused()


async def test_another_tenant_ends_a_move_between_two_parts(tabs: Tabs) -> None:
    """Nothing goes on unseen; back again, the person is asked."""
    tab, leads = await opened(tabs, 501)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    await tab.select_all()
    await tab.move_all("nurture")
    await tab.expect_bulk("sending", "Updating 0/501")
    await tab.page.get_by_role("radio", name="Globex").check(force=True)
    await expect(tab.bar).to_be_hidden()
    await leads.move(held[0])
    await tab.page.get_by_role("radio", name="Acme").check(force=True)
    await tab.expect_bulk("unanswered", "Interrupted - Go on")
    await expect(tab.bulk_card).to_contain_text("500 of 501 leads are settled.")

    assert len(leads.updates) == 1


async def test_what_cannot_be_fetched_is_said(tabs: Tabs) -> None:
    """The export aloud, the history in its place and with another try."""
    tab, leads = await opened(tabs, 1)
    await tab.page.route("**/api/leads/export.csv", says(503, "store-busy"))
    await tab.page.route("**/api/leads/*/audit*", says(503, "store-busy"), times=1)

    await tab.page.get_by_role("link", name="Export CSV").click()
    await expect(tab.tab.alarm).to_contain_text("could not be exported")
    await tab.row(ADA).get_by_role("button", name="History of").click()
    dialog = tab.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("The history could not be loaded.")
    await dialog.get_by_role("button", name="Try again").click()
    await expect(dialog).to_contain_text("Nothing has happened to this lead yet.")

    assert leads.updates == []
