"""The page while the SMS service is left alone: it waits, counts, and goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.app.driver import AppProcess
from tests.app.simulated import Simulator
from tests.browser.desk import Desk, Tabs
from tests.browser.sms_desk import SmsDesk, sending_app
from tests.browser.sms_routes import ADA, SEND, SmsRoutes, SmsTab, open_leads, says
from tests.browser.test_confirm import STORED

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-breaker")]

#: Seconds; enough to write two messages in, also where the machine is busy.
#: Seconds in which a page must have been told to wait, and shown so.
RECOVERY = 20
#: Milliseconds within which what waits has certainly gone.
GONE = 120_000
RESTING = "Failed to load resource: the server responded with a status of 503"
HEARD = """() => {
  window.heard = [];
  for (const role of ["status", "alert"]) {
    const region = document.querySelector(`[role=${role}]`);
    new MutationObserver(() => {
      if (region.textContent) window.heard.push(region.textContent);
    }).observe(region, { childList: true, characterData: true, subtree: true });
  }
}"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The provider of this module's app."""
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def app(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppProcess]:
    """One app for the module; its breaker rests for a while."""
    folder = tmp_path_factory.mktemp("breaker")
    options = ("--breaker-recovery", str(RECOVERY))
    with sending_app(simulator, folder, *options) as running:
        yield running


@pytest.fixture(scope="module")
def people(app: AppProcess, simulator: Simulator) -> Iterator[SmsDesk]:
    """Somebody else, who hands out leads."""
    with SmsDesk(app.url, simulator) as somebody:
        yield somebody


async def heard(tab: SmsTab) -> list[str]:
    """Return what was said, but for the connection, which no test here is about."""
    said: list[str] = await tab.page.evaluate("() => window.heard")
    return [each for each in said if "list" not in each]


async def pause(tabs: Tabs, sms: SmsRoutes, wait: float = 300) -> SmsTab:
    """Open the page, send, and be told to wait; from then on time stands still."""
    tabs.forgiven.append(RESTING)
    await sms.play(tabs.context)
    sms.breaker |= {"state": "open", "failures": 5, "retry_after_s": wait}
    sms.script = [says(503, "circuit-open", wait=wait, breaker="sms")]
    tab = await open_leads(tabs, frozen=True)
    await tab.page.evaluate(HEARD)
    await tab.send("patience")
    await expect(tab.element).to_have_attribute("data-state", "paused")
    return tab


@pytest.mark.slow
@pytest.mark.case("APP-13", part="browser, real breaker")
async def test_a_press_waits_for_the_provider_and_then_goes(
    tabs: Tabs, people: SmsDesk, simulator: Simulator
) -> None:
    """Five failures: nobody is asked; after the rest one probe, and it is sent."""
    tabs.forgiven.append(RESTING)
    lead = people.take()
    tab = await open_leads(tabs)
    people.open_breaker()
    simulator.reset()
    before = simulator.seen()["requests"]["create"]

    await tab.send("after the rest", lead)
    await expect(tab.element).to_have_attribute("data-state", "paused")
    await expect(tab.button).to_contain_text("SMS paused - 0:")
    await expect(tab.page.locator(".breaker .chip")).to_have_text("Paused")
    await expect(tab.row(lead).locator(".last-sms .chip")).to_have_text("Paused")
    asked = simulator.seen()["requests"]["create"]
    await expect(tab.element).to_have_attribute("data-state", "done", timeout=GONE)
    await expect(tab.page.locator(".breaker .chip")).to_have_text("Working")

    assert asked == before
    assert people.texts() == ["after the rest"]
    assert len(set(tabs.message_keys)) == 1


@pytest.mark.slow
@pytest.mark.case("APP-13", part="browser, the others follow")
async def test_what_waits_together_goes_together(
    tabs: Tabs, people: SmsDesk, simulator: Simulator
) -> None:
    """Two messages wait; after the rest both are sent, each once."""
    tabs.forgiven.append(RESTING)
    leads = [people.take(), people.take()]
    tab = await open_leads(tabs)
    people.open_breaker()
    simulator.reset()

    for lead in leads:
        await tab.send(f"to {lead}", lead)
        await expect(tab.element).to_have_attribute("data-state", "paused")
    await expect(tab.element).to_have_attribute("data-state", "done", timeout=GONE)
    await tab.choose(leads[0])
    await expect(tab.messages.locator(".body")).to_have_text(f"to {leads[0]}")
    await expect(tab.row(leads[0]).locator(".last-sms .chip")).to_have_text("Queued")

    assert sorted(people.texts()) == sorted(f"to {lead}" for lead in leads)
    assert len(set(tabs.message_keys)) == 2


@pytest.mark.case("APP-13", part="browser, countdown")
@pytest.mark.case("APP-52", part="browser, SMS")
async def test_the_countdown_ticks_and_nothing_is_asked(tabs: Tabs) -> None:
    """5:00 to 0:00 without a request and with one announcement; then it is sent."""
    sms = SmsRoutes()
    tab = await pause(tabs, sms)

    await tab.expect_state("paused", "SMS paused - 5:00")
    await tab.page.clock.run_for(23_000)
    await tab.expect_state("paused", "SMS paused - 4:37")
    await tab.page.clock.run_for(276_000)
    await tab.expect_state("paused", "SMS paused - 0:01")
    said = await heard(tab)
    before = len(sms.sent)
    async with tab.page.expect_response(SEND):
        await tab.page.clock.run_for(2_500)
    await tab.run_until("done", "Sent")

    assert before == 1
    assert len(said) == 1
    assert said[0].startswith("The SMS service is resting. Sends by itself at ")
    assert len(sms.sent) == 2
    assert len(set(sms.keys)) == 1


@pytest.mark.case("APP-13", part="browser, probe fails")
async def test_a_probe_that_fails_waits_again_and_costs_no_try(tabs: Tabs) -> None:
    """Seven pauses are more than five tries; the eighth request is sent."""
    sms = SmsRoutes()
    tab = await pause(tabs, sms, 30)
    sms.script = [says(503, "circuit-open", wait=30) for _ in range(6)]

    for pauses in range(2, 8):
        async with tab.page.expect_response(SEND):
            await tab.page.clock.run_for(31_500)
        await expect(tab.element).to_have_attribute("data-state", "paused")
        assert len(sms.sent) == pauses
    async with tab.page.expect_response(SEND):
        await tab.page.clock.run_for(31_500)
    await tab.run_until("done", "Sent")

    assert len(sms.sent) == 8
    assert len(set(sms.keys)) == 1


@pytest.mark.case("APP-14", part="browser")
async def test_cancel_leaves_nothing_behind(tabs: Tabs) -> None:
    """The button opens wait or cancel; Cancel: idle, no key, never sent."""
    sms = SmsRoutes()
    tab = await pause(tabs, sms)

    await expect(tab.card).to_be_hidden()
    await tab.button.click()
    await expect(tab.card).to_contain_text("The SMS service is resting.")
    await tab.choice("Keep waiting").click()
    await expect(tab.card).to_be_hidden()
    await expect(tab.button).to_be_focused()
    await tab.button.click()
    await tab.page.keyboard.press("Escape")
    await expect(tab.card).to_be_hidden()
    await tab.button.click()
    await tab.choice("Cancel").click()
    await tab.expect_state("idle", "")
    await expect(tab.button).to_be_focused()
    await tab.page.clock.run_for(400_000)

    assert (await heard(tab))[-1] == "Cancelled before sending. Nothing was sent."
    assert len(sms.sent) == 1
    assert await tab.page.evaluate(STORED) == []
    await expect(tab.text).to_have_value("patience")
    await expect(tab.text).to_be_editable()


async def test_a_reload_goes_on_waiting(tabs: Tabs) -> None:
    """The page is loaded anew in the pause: same text, same key, still waiting."""
    sms = SmsRoutes()
    tab = await pause(tabs, sms)
    sms.script = [says(503, "circuit-open", wait=200)]
    await tab.page.clock.run_for(100_000)

    await tab.page.reload(wait_until="commit")
    await tab.page.clock.resume()
    await tab.tab.expect_live()
    await expect(tab.composer).to_have_attribute("data-lead-id", ADA)
    await expect(tab.element).to_have_attribute("data-state", "paused")
    await expect(tab.text).to_have_value("patience")

    assert len(sms.sent) == 2
    assert len(set(sms.keys)) == 1


async def test_a_breaker_that_closes_early_lets_the_message_go(tabs: Tabs) -> None:
    """Somebody resets it: what waits is sent at once, not at the end of the pause."""
    sms = SmsRoutes()
    tab = await pause(tabs, sms)
    await expect(tab.page.locator(".breaker .chip")).to_have_text("Paused")

    sms.breaker |= {"state": "closed", "failures": 0, "retry_after_s": 0}
    async with tab.page.expect_response(SEND):
        await tab.page.clock.run_for(3_500)
    await tab.run_until("done", "Sent")

    await expect(tab.page.locator(".breaker .chip")).to_have_text("Working")
    assert len(sms.sent) == 2


@pytest.mark.case("APP-15", part="browser")
async def test_bookings_are_confirmed_while_messages_wait(
    tabs: Tabs, desk: Desk
) -> None:
    """The breaker of the SMS service is nobody else's."""
    booking = desk.take()
    sms = SmsRoutes()
    tabs.forgiven.append(RESTING)
    await sms.play(tabs.context)
    sms.script = [says(503, "circuit-open", wait=300)]
    tab = await open_leads(tabs)

    await tab.send("waits")
    await expect(tab.element).to_have_attribute("data-state", "paused")
    await tab.page.get_by_role("link", name="Bookings", exact=True).click()
    await tab.tab.confirm(booking).click()
    await tab.tab.expect_state(booking, "done", "Confirmed")
    await tab.page.get_by_role("link", name="Leads & SMS").click()

    await expect(tab.element).to_have_attribute("data-state", "paused")
    assert desk.effects(booking) == 1


@pytest.mark.case("APP-57", part="browser")
async def test_without_chaos_there_is_nothing_to_switch(
    tabs: Tabs, app: AppProcess
) -> None:
    """No panel, no Trip, no badge; and the routes are not there."""
    tab = await open_leads(tabs)
    await expect(tab.page.locator(".breaker .chip")).to_have_text("Working")

    await expect(tab.page.locator(".chaos")).to_have_count(0)
    await expect(tab.page.get_by_role("button", name="Trip")).to_have_count(0)
    await expect(tab.page.get_by_text("Demo faults on")).to_be_hidden()
    with app.client() as client:
        for path in ("/api/chaos/provider", "/api/chaos/breaker", "/_sim/faults"):
            assert client.get(path).status_code == 404


async def test_with_chaos_faults_are_switched_on_the_page(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Trip, reset, a refusing provider and a STOP, without anything but the page."""
    folder = tmp_path_factory.mktemp("chaos")
    arguments = ("--port", "0", "--db", "sqlite:///app.db", "--chaos")
    with AppProcess(*arguments, cwd=folder) as app:
        assert app.serving, app.said
        async with Tabs.of(browser, app.url) as tabs:
            tabs.forgiven.append(RESTING)
            tab = await open_leads(tabs)
            chip = tab.page.locator(".breaker .chip")
            await expect(tab.page.get_by_text("Demo faults on")).to_be_visible()
            lead = await tab.page.locator(".leads tbody tr").first.get_attribute(
                "data-lead-id"
            )
            assert lead is not None

            await tab.page.get_by_role("button", name="Trip").click()
            await expect(chip).to_have_text("Paused")
            await expect(tab.page.locator(".opens")).to_contain_text("Asked again in")
            await tab.send("tripped", lead)
            await expect(tab.element).to_have_attribute("data-state", "paused")
            await tab.page.get_by_role("button", name="Reset").click()
            await expect(chip).to_have_text("Working")
            await tab.expect_state("done", "Sent")

            await tab.page.get_by_text("Chaos", exact=True).click()
            mode = tab.page.get_by_label("What the provider does")
            await mode.select_option("reject")
            await tab.page.get_by_label("How many messages").fill("1")
            await tab.page.get_by_role("button", name="Apply").click()
            await expect(tab.tab.said).to_have_text(
                "The provider's behaviour is switched."
            )
            await tab.page.get_by_role("button", name="Reply", exact=True).click()
            await expect(tab.messages.first.locator(".body")).to_have_text("STOP")
            await expect(tab.composer).to_contain_text("Opted out")
