"""Moving one lead: what is offered, and every way that it can end."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.desk import CUT, Tabs
from tests.browser.lead_routes import LeadRoutes, LeadTab, lead_table, leading_page
from tests.browser.sms_routes import LEADS, lead, says
from tests.browser.test_access import LISTEN

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ADA, BEN = "lead-001", "lead-002"
BROKEN = "Failed to load resource: the server responded"
THEIRS = {
    "version": 4,
    "status": "qualified",
    "by": "ben",
    "at": "2026-11-22T14:32:00Z",
}


async def opened(tabs: Tabs, **options: Any) -> tuple[LeadTab, LeadRoutes]:
    """Open the leads before a server that the test plays."""
    tabs.forgiven += [BROKEN, CUT]
    leads = LeadRoutes()
    await leads.play(tabs.context)
    return await lead_table(tabs, **options), leads


async def test_a_lead_is_moved_with_the_version_that_was_seen(tabs: Tabs) -> None:
    """Chosen, pressed, done: one request, the row shows it, it is said once."""
    tab, leads = await opened(tabs)

    await tab.move(ADA, "connected")
    await tab.expect_state(ADA, "done", "Now connected")
    await expect(tab.chip(ADA)).to_have_text("Connected")
    await expect(tab.tab.said).to_have_text("Ada Lovelace is now connected.")
    await expect(tab.button(ADA)).to_be_focused()

    assert leads.wishes == [{"lead_id": ADA, "to": "connected", "version": 1}]


async def test_only_what_may_follow_is_offered(tabs: Tabs) -> None:
    """The server's table, a reason where one is needed; no button at the end."""
    tabs.forgiven += [BROKEN]
    leads = LeadRoutes(leads=[*LEADS, lead(5, "Eva Won", status="won")])
    await leads.play(tabs.context)
    tab = await lead_table(tabs)

    await tab.open_form(BEN)
    offered = await tab.offered(BEN)
    card = tab.card(BEN)
    await expect(card.get_by_label("Reason")).to_be_hidden()
    await tab.choice(BEN, "Move").click()
    await expect(card.get_by_text("Choose a status first.")).to_be_visible()
    await expect(card.get_by_label("Move to")).to_be_focused()
    await card.get_by_label("Move to").select_option("lost")
    await tab.choice(BEN, "Move").click()
    await expect(card.get_by_text("Say why: this step needs a reason.")).to_be_visible()
    await expect(card.get_by_label("Reason")).to_be_focused()
    await tab.page.keyboard.type("No answer since May")
    await tab.page.keyboard.press("Enter")
    await tab.expect_state(BEN, "done", "Now lost")
    await expect(tab.element("lead-005").locator(".settled")).to_have_text("Final")
    await expect(tab.button("lead-005")).to_be_hidden()

    expected = [
        "qualified",
        "booked",
        "nurture",
        "unqualified",
        "lost",
        "do_not_contact",
    ]
    assert sorted(offered) == sorted(expected)
    assert leads.wishes == [
        {"lead_id": BEN, "to": "lost", "version": 1, "reason": "No answer since May"}
    ]


@pytest.mark.case("APP-16", part="browser, page")
async def test_a_refusal_names_what_is_possible(tabs: Tabs) -> None:
    """Not possible, asked once; choosing again offers what the refusal named."""
    tab, leads = await opened(tabs)
    facts: dict[str, Any] = {"from": "new", "to": "connected", "allowed": ["nurture"]}
    leads.answers = [says(409, "transition-not-allowed", **facts)]

    await tab.move(ADA, "connected")
    await tab.expect_state(ADA, "refused", "Not possible")
    await expect(tab.card(ADA)).to_contain_text("New cannot become connected.")
    await expect(tab.card(ADA).locator("dd")).to_have_text("Nurture")
    await tab.choice(ADA, "Choose again").click()

    assert await tab.offered(ADA) == ["nurture"]
    assert len(leads.updates) == 1


async def test_a_reason_that_only_the_server_wants_is_asked_for(tabs: Tabs) -> None:
    """The refusal teaches the page; the next press has the reason and a new key."""
    tab, leads = await opened(tabs)
    leads.answers = [says(422, "reason-required", to="nurture")]

    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "refused", "Not possible")
    await tab.choice(ADA, "Choose again").click()
    await expect(tab.card(ADA).get_by_label("Move to")).to_have_value("nurture")
    await tab.card(ADA).get_by_label("Reason").fill("In spring")
    await tab.choice(ADA, "Move").click()
    await tab.expect_state(ADA, "done", "Now nurture")

    assert leads.wishes[1]["reason"] == "In spring"
    assert len(set(leads.update_keys)) == 2


@pytest.mark.case("APP-17", part="browser, page")
async def test_a_conflict_shows_both_and_mine_can_be_used(tabs: Tabs) -> None:
    """Who and when; "Use mine" is another wish: their version, a new key."""
    tab, leads = await opened(tabs)
    leads.answers = [says(412, "version-conflict", current=THEIRS)]

    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "conflict", "Changed meanwhile")
    words = await tab.card(ADA).locator("dd").all_text_contents()
    await tab.choice(ADA, "Use mine").click()
    await tab.expect_state(ADA, "done", "Now nurture")

    assert words[:2] == ["Nurture. You saw it new (v1).", "Qualified (v4)"]
    assert words[2].startswith("by ben, ")
    assert [each["version"] for each in leads.wishes] == [1, 4]
    assert len(set(leads.update_keys)) == 2


@pytest.mark.case("APP-17", part="browser, page")
async def test_their_change_can_be_kept(tabs: Tabs) -> None:
    """The row shows theirs, nothing more is sent, the focus is on the button."""
    tab, leads = await opened(tabs)
    leads.answers = [says(412, "version-conflict", current=THEIRS)]

    await tab.move(ADA, "nurture")
    await tab.choice(ADA, "Keep theirs").click()
    await expect(tab.chip(ADA)).to_have_text("Qualified")
    await tab.expect_state(ADA, "idle", "")
    await expect(tab.button(ADA)).to_be_focused()

    assert len(leads.updates) == 1


@pytest.mark.case("APP-17", part="browser, page")
async def test_a_choice_is_about_what_was_shown_when_it_was_begun(tabs: Tabs) -> None:
    """Somebody changes the lead while the form is open: a conflict, no overwrite."""
    stream = await leading_page(tabs)
    tab, leads = await opened(tabs, live="Live via another tab")
    leads.answers = [says(412, "version-conflict", current=THEIRS)]

    await tab.open_form(ADA)
    theirs = {**leads.leads[0], "version": 4, "status": "qualified"}
    data = {"lead": theirs, "by": "ben", "from": "new", "to": "qualified"}
    await stream.evaluate("(data) => window.tell({ type: 'lead.changed', data })", data)
    await expect(tab.chip(ADA)).to_have_text("Qualified")
    await tab.card(ADA).get_by_label("Move to").select_option("nurture")
    await tab.choice(ADA, "Move").click()
    await tab.expect_state(ADA, "conflict", "Changed meanwhile")
    mine = await tab.card(ADA).locator("dd").first.text_content()

    # What the person saw when choosing, although the row has known better since.
    assert mine == "Nurture. You saw it new (v1)."
    assert [each["version"] for each in leads.wishes] == [1]


@pytest.mark.case("APP-17", part="browser, page")
async def test_who_loses_twice_is_told_what_was_seen_the_second_time(
    tabs: Tabs,
) -> None:
    """Whoever presses "Use mine" has seen their version, and not only the first."""
    tab, leads = await opened(tabs)
    later = {**THEIRS, "version": 5, "status": "booked"}
    leads.answers = [
        says(412, "version-conflict", current=THEIRS),
        says(412, "version-conflict", current=later),
    ]

    await tab.move(ADA, "nurture")
    await tab.choice(ADA, "Use mine").click()
    await expect(tab.card(ADA)).to_contain_text("Booked (v5)")
    mine = await tab.card(ADA).locator("dd").first.text_content()

    assert mine == "Nurture. You saw it qualified (v4)."


async def test_somebody_who_did_the_same_is_no_conflict(tabs: Tabs) -> None:
    """Theirs is what was wanted: already so."""
    tab, leads = await opened(tabs)
    current = {**THEIRS, "status": "nurture"}
    leads.answers = [says(412, "version-conflict", current=current)]

    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "unchanged", "Already nurture")


async def test_what_had_gone_through_is_called_so(tabs: Tabs) -> None:
    """A replayed answer, and one that changed nothing."""
    tab, leads = await opened(tabs)

    async def replayed(route: Route) -> None:
        await leads.move(route, **{"Idempotent-Replayed": "true"})

    async def unchanged(route: Route) -> None:
        await route.fulfill(json={"lead": leads.leads[1], "changed": False})

    leads.answers = [replayed, unchanged]
    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "replayed", "Already nurture")
    await tab.move(BEN, "booked")
    await tab.expect_state(BEN, "unchanged", "Already booked")


async def test_offline_nothing_is_sent_and_the_wish_is_kept(tabs: Tabs) -> None:
    """Said honestly; pressed again online, the very same wish goes."""
    tab, leads = await opened(tabs)

    await tabs.context.set_offline(offline=True)
    await tab.move(ADA, "lost", "Moved away")
    await tab.expect_state(ADA, "offline", "Offline - Retry")
    await expect(tab.card(ADA)).to_contain_text("You are offline. Nothing was sent.")
    before = len(leads.updates)
    await tabs.context.set_offline(offline=False)
    await tab.button(ADA).click()
    await tab.expect_state(ADA, "done", "Now lost")

    assert before == 0
    assert [each["reason"] for each in leads.wishes] == ["Moved away"]


async def test_what_was_not_sent_can_be_dropped(tabs: Tabs) -> None:
    """Nothing is kept: the next press chooses anew."""
    tab, leads = await opened(tabs)

    await tabs.context.set_offline(offline=True)
    await tab.move(ADA, "lost", "Moved away")
    await tab.choice(ADA, "Don't send it").click()
    await tab.expect_state(ADA, "idle", "")
    await tabs.context.set_offline(offline=False)
    await tab.open_form(ADA)

    assert leads.updates == []


@pytest.mark.case("APP-52", part="browser, lead status")
async def test_retries_are_counted_and_the_key_is_kept(tabs: Tabs) -> None:
    """2/5 to 5/5, failed; pressed again: the same key; each change said once."""
    tab, leads = await opened(tabs, frozen=True)
    leads.answers = [says(500, "internal")] * 5
    await tab.page.evaluate(LISTEN)

    await tab.move(ADA, "nurture")
    await expect(tab.button(ADA).get_by_text("Retrying 2/5")).to_be_visible()
    await tab.run_until(ADA, "failed", "Failed - Retry")
    sent, heard = len(leads.updates), await tab.page.evaluate("() => window.heard")
    await tab.button(ADA).click()
    await tab.run_until(ADA, "done", "Now nurture")

    assert sent == 5
    assert len(set(leads.update_keys)) == 1
    assert heard == [
        "status: Didn't work yet, trying again.",
        "alert: Ada Lovelace: It did not work, although it was tried several times.",
    ]


async def test_one_that_is_under_way_elsewhere_is_waited_for(tabs: Tabs) -> None:
    """409 in-progress is no refusal."""
    tab, leads = await opened(tabs, frozen=True)
    leads.answers = [says(409, "in-progress", wait=2)]

    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "in-progress", "Already being sent")
    await tab.run_until(ADA, "done", "Now nurture")

    assert len(set(leads.update_keys)) == 1


async def test_an_unknown_outcome_is_asked_about_with_its_key(tabs: Tabs) -> None:
    """Needs a look; asking again is the same request."""
    tab, leads = await opened(tabs)
    leads.answers = [says(409, "outcome-unknown")]

    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "unknown", "Needs a look")
    await tab.choice(ADA, "Ask again").click()
    await tab.expect_state(ADA, "done", "Now nurture")

    assert len(set(leads.update_keys)) == 1


async def test_pressed_twice_it_leaves_once(tabs: Tabs) -> None:
    """A second press in flight does nothing; the list may be searched meanwhile."""
    tab, leads = await opened(tabs)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    leads.answers = [hold]
    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "sending", "Sending…")
    await tab.button(ADA).dblclick(force=True)
    await tab.page.keyboard.press("Enter")
    await tab.page.get_by_role("searchbox").fill("ben")
    await expect(tab.row(ADA)).to_have_count(0)
    await tab.page.get_by_role("searchbox").fill("")
    await tab.expect_state(ADA, "sending", "Sending…")
    await leads.move(held[0])
    await tab.expect_state(ADA, "done", "Now nurture")

    assert len(leads.updates) == 1


async def test_a_reload_in_flight_asks_again_with_the_same_key(tabs: Tabs) -> None:
    """The page was gone when the answer came; nothing is done twice."""
    tab, leads = await opened(tabs)

    async def never(_: Route) -> None:
        return None

    leads.answers = [never]
    await tab.move(ADA, "nurture")
    await tab.expect_state(ADA, "sending", "Sending…")
    await tab.page.reload(wait_until="commit")
    await tab.expect_state(ADA, "done", "Now nurture")

    assert len(leads.updates) == 2
    assert len(set(leads.update_keys)) == 1
