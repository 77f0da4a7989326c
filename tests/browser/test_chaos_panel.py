"""The faults that the page can switch are those that the provider knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import anyio
import pytest
from playwright.async_api import Locator, Route, expect

from examples.critical_buttons.simulator.faults import Mode
from tests.app.driver import AppProcess
from tests.app.simulated import eventually
from tests.browser.desk import CUT, Tabs
from tests.browser.sms_routes import SmsTab, open_leads

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-chaos")]

PROVIDER = "/api/chaos/provider"
SWITCHED = "The provider's behaviour is switched."
VALUES = "(each) => [...each.options].map((one) => one.value)"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One app that offers the switches."""
    folder = tmp_path_factory.mktemp("chaos")
    arguments = ("--port", "0", "--db", "sqlite:///app.db", "--chaos")
    with AppProcess(*arguments, cwd=folder) as running:
        assert running.serving, running.said
        yield running


@pytest.fixture(autouse=True)
def healthy(app: AppProcess) -> None:
    """Every test begins with a provider that works, and answers."""
    with app.client() as client:
        eventually(lambda: client.post(PROVIDER, json={}).status_code == 200)


def elsewhere(app: AppProcess, **faults: Any) -> dict[str, Any]:
    """Switch the provider as curl does; return what holds then."""
    with app.client() as client:
        answer = client.post(PROVIDER, json=faults)
    assert answer.status_code == 200, answer.text
    held: dict[str, Any] = answer.json()
    return held


async def closed(tabs: Tabs) -> tuple[SmsTab, Locator]:
    """Open the page, and stop its clock: what it says stays."""
    # The last look at something may be under way when a test ends.
    tabs.forgiven.append(CUT)
    tab = await open_leads(tabs, frozen=True)
    await expect(tab.page.locator(".breaker .chip")).to_have_text("Working")
    return tab, tab.page.locator(".chaos")


async def toggle(panel: Locator) -> None:
    """Open the panel, or close it."""
    await panel.get_by_text("Chaos", exact=True).click()


async def opened(tabs: Tabs) -> tuple[SmsTab, Locator]:
    """Open the page and its panel, and let that read what is switched."""
    tab, panel = await closed(tabs)
    async with tab.page.expect_response(f"**{PROVIDER}"):
        await toggle(panel)
    await expect(panel.get_by_label("What the provider does")).to_be_visible()
    return tab, panel


async def apply(tab: SmsTab, panel: Locator) -> dict[str, Any]:
    """Press Apply; return what the provider was told, and has taken."""
    switched = tab.page.expect_response(
        lambda one: one.url.endswith(PROVIDER) and one.request.method == "POST"
    )
    async with switched as answered:
        await panel.get_by_role("button", name="Apply").click()
    answer = await answered.value
    assert answer.status == 200
    await expect(tab.tab.said).to_have_text(SWITCHED)
    told: dict[str, Any] = json.loads(answer.request.post_data or "")
    return told


async def test_every_mode_of_the_provider_is_offered(tabs: Tabs) -> None:
    """Whatever the command line can switch can be tried with the mouse."""
    _, panel = await opened(tabs)
    offered = await panel.get_by_label("What the provider does").evaluate(VALUES)

    assert sorted(get_args(Mode)) == sorted(offered)


async def test_what_is_chosen_is_what_is_switched(tabs: Tabs) -> None:
    """The mode, to how many, and how the reports come; then all is well again."""
    tab, panel = await opened(tabs)
    mode = panel.get_by_label("What the provider does")
    reports = panel.get_by_label("How it reports")

    await mode.select_option("garbled")
    await panel.get_by_label("How many messages").fill("3")
    await reports.select_option("twice")
    told = await apply(tab, panel)
    await mode.select_option("healthy")
    await reports.select_option("on-time")
    healed = await apply(tab, panel)

    assert told == {"mode": "garbled", "fail_next": 3, "callbacks": {"copies": 2}}
    assert healed == {"mode": "healthy", "callbacks": {}}


async def test_refused_connections_are_not_counted(tabs: Tabs) -> None:
    """The provider never sees them; a number left from before is not sent."""
    tab, panel = await opened(tabs)
    count = panel.get_by_label("How many messages")
    mode = panel.get_by_label("What the provider does")

    await mode.select_option("500")
    await count.fill("2")
    await mode.select_option("refuse")
    await expect(count).to_be_disabled()
    told = await apply(tab, panel)
    await mode.select_option("healthy")
    await apply(tab, panel)

    assert told == {"mode": "refuse", "callbacks": {}}


async def test_what_holds_is_shown_and_kept_by_another_choice(
    tabs: Tabs, app: AppProcess
) -> None:
    """Set by curl: mode, number and reports are seen; another mode changes only it."""
    elsewhere(app, mode="503", fail_next=3, callbacks={"copies": 2})
    tab, panel = await opened(tabs)
    mode = panel.get_by_label("What the provider does")

    await expect(mode).to_have_value("503")
    await expect(panel.get_by_label("How many messages")).to_have_value("3")
    await expect(panel.get_by_label("How it reports")).to_have_value("twice")
    await mode.select_option("500")
    told = await apply(tab, panel)

    assert told == {"mode": "500", "fail_next": 3, "callbacks": {"copies": 2}}


async def test_reports_that_the_panel_cannot_make_are_named_and_kept(
    tabs: Tabs, app: AppProcess
) -> None:
    """Three copies an hour late are none of its choices; Apply leaves them so."""
    held = elsewhere(app, callbacks={"copies": 3, "delay": 3600})
    tab, panel = await opened(tabs)
    reports = panel.get_by_label("How it reports")

    await expect(reports.locator("option:checked")).to_have_text(
        "As it was set elsewhere"
    )
    await panel.get_by_label("What the provider does").select_option("refuse")
    told = await apply(tab, panel)

    assert told == {"mode": "refuse", "callbacks": held["callbacks"]}


async def test_an_opened_panel_shows_what_was_switched_since(
    tabs: Tabs, app: AppProcess
) -> None:
    """Applied here, switched elsewhere, closed and opened: what holds now."""
    tab, panel = await opened(tabs)
    reports = panel.get_by_label("How it reports")
    await reports.select_option("lost")
    await apply(tab, panel)

    elsewhere(app, callbacks={"final": "undelivered"})
    await toggle(panel)
    async with tab.page.expect_response(f"**{PROVIDER}"):
        await toggle(panel)

    await expect(reports).to_have_value("undelivered")


async def test_a_choice_is_not_overruled_by_what_is_read(
    tabs: Tabs, app: AppProcess
) -> None:
    """How it reports is chosen while the answer is awaited: the choice stays."""
    elsewhere(app, mode="503", callbacks={"copies": 2})
    go = anyio.Event()

    async def hold(route: Route) -> None:
        await go.wait()
        await route.continue_()

    tab, panel = await closed(tabs)
    await tab.page.route(f"**{PROVIDER}", hold, times=1)
    await toggle(panel)
    await panel.get_by_label("How it reports").select_option("lost")
    async with tab.page.expect_response(f"**{PROVIDER}") as answered:
        go.set()
    await (await answered.value).finished()
    told = await apply(tab, panel)

    assert told == {"mode": "healthy", "callbacks": {"lose": 1}}
