"""Moving leads before the real server: its refusals, its audit, its restart."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from playwright.async_api import Browser, Route, expect

from syncpatterns.testing import free_port
from tests.app.driver import AppProcess
from tests.browser.desk import CUT, REFUSED, Tabs
from tests.browser.lead_desk import COUNT, LeadDesk, leads_file, showing
from tests.browser.lead_routes import UPDATE, LeadTab, body_of, lead_table

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """An app of its own: these tests move its leads about."""
    folder = tmp_path_factory.mktemp("leads")
    path = leads_file(folder)
    options = ("--port", "0", "--db", "sqlite:///app.db", "--leads", str(path))
    with AppProcess(*options, cwd=folder) as running:
        assert running.serving, running.said
        yield running


@pytest.fixture(scope="module")
def leads(app: AppProcess) -> Iterator[LeadDesk]:
    """Somebody else, who works with the API."""
    desk = LeadDesk(app.url)
    yield desk
    desk.client.close()


@pytest.mark.case("APP-16", part="browser, server")
async def test_a_step_that_is_not_allowed_leaves_no_trace(
    tabs: Tabs, leads: LeadDesk
) -> None:
    """Won cannot become new: said with what can be, asked once, no audit row."""
    tabs.forgiven.append(REFUSED)
    (lead_id,) = leads.take()
    leads.move(lead_id, "qualified")
    leads.move(lead_id, "won")
    table = {"transitions": {"won": ["new"]}, "reason": {}}
    await tabs.context.route(
        "**/api/leads/transitions", lambda route: route.fulfill(json=table)
    )
    sent: list[str] = []
    tabs.context.on(
        "request",
        lambda one: sent.append(one.url) if "update-status" in one.url else None,
    )

    async with showing(tabs, [lead_id]) as tab:
        await tab.move(lead_id, "new")
        await tab.expect_state(lead_id, "refused", "Not possible")
        await expect(tab.card(lead_id)).to_contain_text("Won cannot become new.")
        await expect(tab.card(lead_id)).to_contain_text("this status is final")

    assert len(sent) == 1
    assert [line["to"] for line in leads.trail(lead_id)] == ["won", "qualified"]


@pytest.mark.case("APP-17", part="browser, server")
async def test_somebody_was_quicker(tabs: Tabs, leads: LeadDesk) -> None:
    """Use mine makes the next version; keep theirs refreshes the row."""
    tabs.forgiven.append(REFUSED)
    mine, theirs = leads.take(2)

    async def quicker(route: Route) -> None:
        # After the press and before its request: the page cannot have known.
        leads.move(body_of(route.request)["lead_id"], "qualified")
        await route.continue_()

    async with showing(tabs, [mine, theirs]) as tab:
        for lead_id in (mine, theirs):
            await tab.page.route(UPDATE, quicker, times=1)
            await tab.move(lead_id, "nurture")
            await tab.expect_state(lead_id, "conflict", "Changed meanwhile")
            await expect(tab.card(lead_id)).to_contain_text("Qualified (v2)")
            await expect(tab.card(lead_id)).to_contain_text("by demo, ")
        await tab.choice(mine, "Use mine").click()
        await tab.expect_state(mine, "done", "Now nurture")
        await tab.choice(theirs, "Keep theirs").click()
        await expect(tab.chip(theirs)).to_have_text("Qualified")
        await expect(tab.chip(mine)).to_have_text("Nurture")

    assert [line["version_to"] for line in leads.trail(mine)] == [3, 2]
    assert [line["to"] for line in leads.trail(theirs)] == ["qualified"]


@pytest.mark.case("APP-20", part="browser, server")
async def test_fifty_at_once_are_one_bulk_in_both_tabs(
    tabs: Tabs, leads: LeadDesk
) -> None:
    """50 audit rows of one bulk; the other tab's rows and feed show it live."""
    moved = leads.take(50)

    async with showing(tabs, moved) as tab:
        other = LeadTab(await tabs.open("/#leads", live="Live via another tab"))
        await expect(other.row(moved[0])).to_be_visible()
        await tab.select_all()
        await tab.move_all("nurture")
        await tab.expect_bulk("done", "Moved 50")
        for each in (tab, other):
            await expect(each.tab.feed.first.locator("b")).to_have_text("50 leads")
            shown = each.page.locator('.leads tbody .chip[data-lead="nurture"]')
            await expect(shown).to_have_count(15)
        badges = [
            await each.tab.feed.first.locator(".badge").text_content()
            for each in (tab, other)
        ]
    lines = [line for each in moved for line in leads.trail(each)]

    assert len(lines) == 50
    assert len({line["bulk_id"] for line in lines}) == 1
    assert badges == ["This tab", "This browser"]


@pytest.mark.case("APP-21", part="browser, server")
async def test_one_invalid_of_fifty(tabs: Tabs, leads: LeadDesk) -> None:
    """Atomic: none changed, the guilty one named; partial: 49 changed."""
    tabs.forgiven.append(REFUSED)
    moved = leads.take(50)
    guilty = moved[17]
    leads.move(guilty, "qualified")
    leads.move(guilty, "won")
    statuses: list[int] = []
    tabs.context.on(
        "response",
        lambda one: statuses.append(one.status) if "update-status" in one.url else None,
    )

    async with showing(tabs, moved) as tab:
        await tab.select_all()
        await tab.move_all("nurture")
        await tab.expect_bulk("refused", "Not possible")
        title = "Nothing was changed: 1 of 50 cannot be moved."
        await expect(tab.bulk_card.locator(".outcome-title")).to_have_text(title)
        await expect(tab.bulk_card.locator("li")).to_contain_text("Won is final.")
        after_atomic = sum(len(leads.trail(each)) for each in moved)
        await tab.bulk_card.get_by_role("button", name="Close").click()
        await tab.move_all("nurture", "partial")
        await tab.expect_bulk("partial", "49 moved, 1 not")
        await expect(tab.bulk_card.locator("li")).to_have_attribute(
            "data-lead-id", guilty
        )

    assert after_atomic == 2
    assert sum(len(leads.trail(each)) for each in moved) == 2 + 49
    assert statuses == [409, 207]


async def test_the_history_of_a_lead_is_the_servers(
    tabs: Tabs, leads: LeadDesk
) -> None:
    """With the reason, as written; closed again by Escape."""
    (lead_id,) = leads.take()

    async with showing(tabs, [lead_id]) as tab:
        await tab.move(lead_id, "lost", "Moved to Nyköping")
        await tab.expect_state(lead_id, "done", "Now lost")
        await tab.row(lead_id).locator(".trail-open").click()
        dialog = tab.page.get_by_role("dialog")
        await expect(dialog.get_by_role("listitem").first).to_contain_text("New → Lost")
        await expect(dialog).to_contain_text("“Moved to Nyköping”")
        await tab.page.keyboard.press("Escape")

        await expect(dialog).to_be_hidden()


async def test_the_leads_are_saved_as_a_file(tabs: Tabs, leads: LeadDesk) -> None:
    """The tenant's own, as the server writes them."""
    tab = await lead_table(tabs)
    async with tab.page.expect_download() as downloading:
        await tab.page.get_by_role("link", name="Export CSV").click()
    path = anyio.Path(await (await downloading.value).path())
    rows = list(csv.DictReader(io.StringIO(await path.read_text("utf-8"))))

    assert len(rows) == COUNT
    assert "n-000" in {row["id"] for row in rows}


@pytest.mark.slow
@pytest.mark.case("APP-22", part="browser, server")
@pytest.mark.case("APP-23", part="browser, server")
async def test_a_server_killed_between_two_parts(
    browser: Browser, tmp_path: Path
) -> None:
    """The first part is committed, its answer lost; no lead of 501 is moved twice."""
    # A port that the kernel gives nobody else while no server has it.
    options = ("--port", str(free_port()), "--db", "sqlite:///app.db")
    leads = ("--leads", str(leads_file(tmp_path)))
    with AppProcess(*options, *leads, cwd=tmp_path) as first:
        assert first.serving, first.said
        async with Tabs.of(browser, first.url) as tabs:
            tabs.forgiven += [CUT, "Failed to load resource"]
            keys: list[str] = []
            back = anyio.Event()

            async def killed(route: Route) -> None:
                keys.append(route.request.headers["idempotency-key"])
                if len(keys) == 1:
                    await route.fetch()
                    first.kill()
                    await route.abort("connectionreset")
                    return
                # However long it takes to start, no try is spent on that.
                await back.wait()
                await route.continue_()

            await tabs.context.route(UPDATE, killed)
            tab = await lead_table(tabs)
            await tab.select_all()
            await tab.move_all("nurture")
            await expect(tab.bulk_button).to_contain_text("Retrying", timeout=120_000)
            with AppProcess(*options, cwd=tmp_path) as second:
                assert second.serving, second.said
                back.set()
                await expect(tab.bulk).to_have_attribute(
                    "data-state", "done", timeout=120_000
                )
                desk = LeadDesk(second.url)
                moves = desk.moves()
                desk.client.close()
    parts = {key.rpartition(":")[2] for key in keys}

    assert set(moves.values()) == {1}
    assert len(moves) == COUNT
    assert parts == {"0", "1"}
    assert len(set(keys)) == 2


async def test_who_wants_no_messages_is_not_moved_on(
    tabs: Tabs, leads: LeadDesk
) -> None:
    """Closing the number is told with the status; leaving it waits for START."""
    tabs.forgiven.append(REFUSED)
    (lead_id,) = leads.take()

    async with showing(tabs, [lead_id]) as tab:
        await tab.move(lead_id, "do_not_contact")
        await tab.expect_state(lead_id, "done", "Now do not contact")
        await expect(tab.row(lead_id).locator(".lead-status")).to_contain_text(
            "Opted out"
        )
        await tab.page.get_by_role("searchbox").focus()
        await expect(tab.element(lead_id)).to_have_attribute("data-state", "idle")
        await tab.move(lead_id, "nurture")
        await tab.expect_state(lead_id, "refused", "Not possible")
        await expect(tab.card(lead_id)).to_contain_text("until they write START")

    assert [line["to"] for line in leads.trail(lead_id)] == ["do_not_contact"]
