"""The breaker, switched in one tab and seen in another: told, not looked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, expect

from tests.app.driver import AppProcess
from tests.browser.desk import CUT, Tabs
from tests.browser.sms_routes import SEND, SmsTab, open_leads

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-breaker-elsewhere")]

RESTING = "Failed to load resource: the server responded with a status of 503"
OTHER = "Live via another tab"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One app whose breaker can be switched by hand, and rests as in real life."""
    folder = tmp_path_factory.mktemp("switched")
    arguments = ("--port", "0", "--db", "sqlite:///app.db", "--chaos")
    with AppProcess(*arguments, cwd=folder) as running:
        assert running.serving, running.said
        yield running


@dataclass
class Pair:
    """Two tabs of one browser; in the second one no time passes by itself.

    So its next look at the breaker, due in three or fifteen seconds, never comes:
    whatever it learns, it was told.

    Args:
        switching: Where the breaker is tripped and reset.
        watching: The one whose clock stands still.
    """

    switching: SmsTab
    watching: SmsTab

    @property
    def chip(self) -> Locator:
        """What the second tab says of the breaker."""
        return self.watching.tab.page.locator(".breaker .chip")

    async def press(self, name: str) -> None:
        """Switch the breaker in the first tab."""
        await self.switching.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
async def pair(tabs: Tabs) -> AsyncIterator[Pair]:
    """Two tabs with leads, the second one frozen, and a breaker that is closed."""
    # The last reset makes both tabs look, and they may do so when the test ends.
    tabs.forgiven.append(CUT)
    switching = await open_leads(tabs)
    watching = await open_leads(tabs, live=OTHER, frozen=True)
    both = Pair(switching, watching)
    await expect(both.chip).to_have_text("Working")
    yield both
    await both.press("Reset")
    await expect(switching.page.locator(".breaker .chip")).to_have_text("Working")


async def test_another_tab_sees_at_once_that_the_breaker_opens_and_closes(
    pair: Pair,
) -> None:
    """Paused with its rest, and working again, although none of its timers runs."""
    opens = pair.watching.page.locator(".opens")

    await pair.press("Trip")
    await expect(pair.chip).to_have_text("Paused")
    await expect(opens).to_contain_text("Asked again in ")
    await pair.press("Reset")
    await expect(pair.chip).to_have_text("Working")

    await expect(opens).to_be_hidden()


@pytest.mark.case("APP-13", part="browser, closed in another tab")
async def test_what_waits_in_a_tab_goes_when_another_one_resets_the_breaker(
    tabs: Tabs, pair: Pair
) -> None:
    """The second tab's message leaves with its first key, by the news alone."""
    tabs.forgiven.append(RESTING)
    tab = pair.watching
    row = tab.page.locator(".leads tbody tr button.choose").first
    await pair.press("Trip")
    await expect(pair.chip).to_have_text("Paused")
    await row.click()
    await tab.text.fill("after the reset")
    await tab.button.click()
    await expect(tab.element).to_have_attribute("data-state", "paused")

    async with tab.page.expect_response(SEND) as answered:
        await pair.press("Reset")
    answer = await answered.value
    await tab.run_until("done", "Sent")

    assert answer.status == 200
    assert len(tabs.message_keys) == 2
    assert len(set(tabs.message_keys)) == 1
