"""Sending from the page: the real app, and a provider that the test can break."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
from playwright.async_api import Route, expect

from tests.app.driver import AppProcess
from tests.app.simulated import Simulator
from tests.browser.desk import CUT, REFUSED, Tabs
from tests.browser.sms_desk import PACE, SmsDesk, sending_app
from tests.browser.sms_routes import SEND, open_leads
from tests.browser.test_confirm import STORED, Held, lose_answer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-sms")]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The provider of this module's app."""
    # Its last word holds: nothing is delivered before a test moves the clock.
    with Simulator("--pace", str(PACE)) as running:
        yield running


@pytest.fixture(scope="module")
def app(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppProcess]:
    """One app for the module, sending by the simulator."""
    folder = tmp_path_factory.mktemp("sms")
    with sending_app(simulator, folder) as running:
        yield running


@pytest.fixture(scope="module")
def people(app: AppProcess, simulator: Simulator) -> Iterator[SmsDesk]:
    """Somebody else, who hands out leads."""
    with SmsDesk(app.url, simulator) as somebody:
        yield somebody


@pytest.fixture(autouse=True)
def healthy(simulator: Simulator) -> Iterator[None]:
    """Every test begins and ends with a provider that works."""
    simulator.reset()
    yield
    simulator.reset()


@pytest.mark.case("APP-33", part="browser")
async def test_the_history_is_newest_first_and_changes_by_itself(
    tabs: Tabs, people: SmsDesk
) -> None:
    """Three sends: three rows; then sent, delivered, without a reload."""
    lead = people.take()
    tab = await open_leads(tabs)
    texts = ["one", "two", "three"]

    for text in texts:
        await tab.send(text, lead)
        await tab.expect_state("done", "Sent")
    await expect(tab.messages.locator(".body")).to_have_text(texts[::-1])
    await expect(tab.messages.locator(".chip")).to_have_text(["Queued"] * 3)
    people.simulator.advance(PACE)
    await expect(tab.messages.locator(".chip")).to_have_text(["Sent"] * 3)
    people.simulator.advance(PACE)
    await expect(tab.messages.locator(".chip")).to_have_text(["Delivered"] * 3)
    await expect(tab.row(lead).locator(".last-sms .chip")).to_have_text("Delivered")
    await expect(tab.composer.locator(".delivery")).to_have_text("Delivered")

    kept = [each["body"] for each in people.history(lead)]
    assert kept == texts[::-1]
    assert people.texts() == texts[::-1]


@pytest.mark.case("APP-02", part="browser, SMS")
async def test_pressing_again_in_flight_sends_nothing(
    tabs: Tabs, people: SmsDesk
) -> None:
    """Double click, Enter and Space: one request, one message, focus stays."""
    lead = people.take()
    held = Held()
    await tabs.context.route(SEND, held)
    tab = await open_leads(tabs)
    await tab.write("once", lead)

    await tab.button.dblclick()
    await held.arrived.wait()
    await tab.button.press("Enter")
    await tab.button.press("Space")
    await tab.expect_state("sending", "Sending…")
    await tab.button.press("Enter")
    held.go.set()
    await tab.expect_state("done", "Sent")

    await expect(tab.button).to_be_focused()
    await expect(tab.text).to_have_value("")
    assert len(tabs.messages) == 1
    assert people.texts() == ["once"]


async def test_a_lost_answer_is_asked_for_with_the_same_key(
    tabs: Tabs, people: SmsDesk
) -> None:
    """The message is sent, the answer is cut off: the event or a repetition tells."""
    lead = people.take()
    tabs.forgiven.append(CUT)
    await tabs.context.route(SEND, lose_answer, times=1)
    tab = await open_leads(tabs)

    await tab.send("lost", lead)
    await expect(tab.element).to_have_attribute("data-state", "done")
    await expect(tab.messages).to_have_count(1)

    assert len(set(tabs.message_keys)) == 1
    assert people.texts() == ["lost"]
    assert await tab.page.evaluate(STORED) == []


async def test_every_tab_and_the_feed_show_a_message(
    tabs: Tabs, people: SmsDesk
) -> None:
    """Two tabs and a press: history, list and feed of the other one follow."""
    lead = people.take()
    name = people.lead(lead)["name"]
    here = await open_leads(tabs)
    there = await open_leads(tabs, live="Live via another tab")
    await there.choose(lead)

    await here.send("to all tabs", lead)
    await here.expect_state("done", "Sent")
    await expect(here.tab.said).to_have_text(f"SMS to {name} sent.")
    await expect(there.messages.locator(".body")).to_have_text("to all tabs")
    for tab, origin in ((here, "This tab"), (there, "This browser")):
        await expect(tab.row(lead).locator(".last-sms .chip")).to_have_text("Queued")
        newest = tab.tab.feed.first
        await expect(newest.locator("b")).to_have_text(name)
        await expect(newest.locator(".badge")).to_have_text(origin)
    people.deliver()

    await expect(there.messages.locator(".chip")).to_have_text("Delivered")
    change = there.tab.feed.first.locator(".change")
    await expect(change).to_have_text("Sent → Delivered")


async def test_an_undelivered_message_says_why(tabs: Tabs, people: SmsDesk) -> None:
    """30003 in words, in the history and aloud."""
    lead = people.take()
    name = people.lead(lead)["name"]
    final = {"final": "undelivered", "error_code": 30003}
    people.simulator.faults(callbacks=final)
    tab = await open_leads(tabs)

    await tab.send("nobody home", lead)
    await tab.expect_state("done", "Sent")
    people.deliver()
    await expect(tab.messages.locator(".chip")).to_have_text("Not delivered")
    why = tab.messages.locator(".why")

    await expect(why).to_have_text("The phone is off or out of reach")
    await expect(tab.tab.said).to_have_text(
        f"The SMS to {name} was not delivered: the phone is off or out of reach."
    )


@pytest.mark.case("APP-29", part="browser")
async def test_a_dropped_line_sends_one_message(tabs: Tabs, people: SmsDesk) -> None:
    """The provider takes it and drops the line: looked up, done, not sent twice."""
    lead = people.take()
    people.simulator.faults(mode="accept_then_drop", fail_next=1)
    tab = await open_leads(tabs)

    await tab.send("dropped", lead)
    await tab.expect_state("done", "Sent")
    await expect(tab.messages).to_have_count(1)

    assert people.texts() == ["dropped"]
    assert len(people.history(lead)) == 1


@pytest.mark.case("APP-30", part="browser")
async def test_what_is_unknown_is_found_by_a_look(tabs: Tabs, people: SmsDesk) -> None:
    """Sent, then silence from every side: needs a look; Check finds it."""
    lead = people.take()
    tabs.forgiven.append(REFUSED)
    people.simulator.faults(mode="accept_then_hang", applies_to="all")
    tab = await open_leads(tabs)

    await tab.send("silence", lead)
    await tab.expect_state("unknown", "Needs a look")
    await expect(tab.card).to_contain_text("It may have been sent.")
    await expect(tab.text).not_to_be_editable()
    await expect(tab.row(lead).locator(".last-sms .chip")).to_have_text("Needs a look")
    await tab.choice("Check").click()
    still = "The SMS service cannot say yet whether it was sent."
    await expect(tab.tab.said).to_have_text(still)
    await tab.expect_state("unknown", "Needs a look")
    people.simulator.faults()
    await tab.choice("Check").click()
    await tab.expect_state("done", "Sent")

    await expect(tab.messages.locator(".body")).to_have_text("silence")
    assert people.texts() == ["silence"]
    assert await tab.page.evaluate(STORED) == []


@pytest.mark.case("APP-30", part="browser, never sent")
async def test_what_is_unknown_and_was_not_sent_may_be_sent(
    tabs: Tabs, people: SmsDesk
) -> None:
    """The provider never got it: Check says so, and the next press sends it."""
    lead = people.take()
    tabs.forgiven.append(REFUSED)
    people.simulator.faults(mode="hang", applies_to="all")
    tab = await open_leads(tabs)

    await tab.send("never left", lead)
    await tab.expect_state("unknown", "Needs a look")
    people.simulator.faults()
    await tab.choice("Check").click()
    await tab.expect_state("not-sent", "Not sent - Send")
    await expect(tab.text).to_be_editable()
    await tab.button.click()
    await tab.expect_state("done", "Sent")

    assert people.texts() == ["never left"]
    assert len(set(tabs.message_keys)) == 2


async def test_sending_again_asks_first_and_sends_once(
    tabs: Tabs, people: SmsDesk
) -> None:
    """Send again is confirmed; the provider had nothing: one message in the end."""
    lead = people.take()
    tabs.forgiven.append(REFUSED)
    people.simulator.faults(mode="hang", applies_to="all")
    tab = await open_leads(tabs)

    await tab.send("again", lead)
    await tab.expect_state("unknown", "Needs a look")
    people.simulator.faults()
    await tab.choice("Send again…").click()
    await expect(tab.card).to_contain_text("gets it twice")
    await tab.choice("Keep").click()
    await expect(tab.card).to_contain_text("It may have been sent.")
    await tab.choice("Send again…").click()
    await tab.choice("Send again").click()
    await tab.expect_state("done", "Sent")

    assert people.texts() == ["again"]


@pytest.mark.case("APP-27", part="browser")
async def test_a_stop_closes_the_composer_and_a_start_opens_it(
    tabs: Tabs, people: SmsDesk
) -> None:
    """STOP from the lead while it is chosen: no button; START: the button is back."""
    lead = people.take()
    tab = await open_leads(tabs)
    await tab.send("news", lead)
    await tab.expect_state("done", "Sent")
    to, from_ = (
        people.simulator.seen()["messages"][0][each] for each in ("to", "from")
    )
    url = f"{tabs.url}/webhooks/sms/inbound"

    def reply(body: str) -> None:
        said = {"from": to, "to": from_, "body": body, "url": url}
        answer = people.simulator.admin.post("/_sim/inbound", json=said)
        assert answer.status_code == 200, answer.text

    await tab.text.fill("more news")
    reply("STOP")
    await expect(tab.row(lead).locator(".lead-status")).to_contain_text("Opted out")
    await expect(tab.button).to_be_hidden()
    await expect(tab.composer.locator(".settled")).to_have_text("No SMS to this lead")
    await expect(tab.messages.first.locator(".body")).to_have_text("STOP")
    reply("START")
    await expect(tab.button).to_be_visible()
    await tab.button.click()

    await expect(tab.messages.first.locator(".body")).to_have_text("more news")


async def test_a_reload_in_flight_asks_what_became_of_it(
    tabs: Tabs, people: SmsDesk
) -> None:
    """The page goes while the answer is awaited: the next one asks with the key."""
    lead = people.take()
    tabs.forgiven.append(CUT)
    arrived = anyio.Event()

    async def swallow(route: Route) -> None:
        await route.fetch()
        arrived.set()

    await tabs.context.route(SEND, swallow, times=1)
    await tabs.context.route("**/events*", lambda _: None)
    tab = await open_leads(tabs, live=None)
    await tab.send("reloaded", lead)
    await arrived.wait()
    # Without a stream no event tells this page, or the next one, what became of it.
    await tab.page.reload(wait_until="commit")

    await expect(tab.composer).to_have_attribute("data-lead-id", lead)
    await expect(tab.messages.locator(".body")).to_have_text("reloaded")
    assert people.texts() == ["reloaded"]
    assert len(set(tabs.message_keys)) == 1
