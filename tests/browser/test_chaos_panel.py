"""The faults that the page can switch are those that the provider knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from playwright.async_api import Locator, expect

from examples.critical_buttons.simulator.faults import Mode
from tests.app.driver import AppProcess
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


async def opened(tabs: Tabs) -> tuple[SmsTab, Locator]:
    """Open the page and its panel, once that shows what is switched."""
    # The last look at something may be under way when a test ends.
    tabs.forgiven.append(CUT)
    tab = await open_leads(tabs)
    panel = tab.page.locator(".chaos")
    await expect(tab.page.locator(".breaker .chip")).to_have_text("Working")
    await panel.get_by_text("Chaos", exact=True).click()
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
