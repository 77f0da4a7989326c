"""What the send button says to every answer; the answers are chosen by the test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Route, expect

from tests.browser.desk import CUT, REFUSED, Tabs
from tests.browser.page_clock import HALF, WAITS
from tests.browser.sms_routes import (
    ADA,
    Answer,
    SmsRoutes,
    SmsTab,
    message,
    open_leads,
    says,
    soon,
)
from tests.browser.test_confirm import STORED, WATCH, Held

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

BROKEN = "Failed to load resource: the server responded"
LONG = "x" * 161


@pytest.fixture
async def sms(tabs: Tabs) -> AsyncIterator[SmsRoutes]:
    """Everything about leads, answered by the test."""
    tabs.forgiven += [REFUSED, BROKEN]
    routes = SmsRoutes()
    await routes.play(tabs.context)
    yield routes
    await tabs.context.unroute_all(behavior="ignoreErrors")


async def test_several_segments_are_confirmed_first(tabs: Tabs, sms: SmsRoutes) -> None:
    """161 characters: nothing leaves before Send; Keep and Esc give the focus back."""
    tab = await open_leads(tabs, frozen=True)
    await tab.write(LONG)
    keyboard = tab.page.keyboard

    await tab.button.dblclick()
    await tab.expect_state("confirming", "Send 2 segments?")
    await tab.choice("Keep").click()
    await tab.button.click()
    await tab.expect_state("confirming", "Send 2 segments?")
    await expect(tab.card).to_be_focused()
    await expect(tab.card).to_contain_text("Send 2 segments to Ada Lovelace?")
    await keyboard.press("Enter")
    await keyboard.press("Escape")
    await expect(tab.button).to_be_focused()
    await tab.expect_state("idle", "")
    await tab.button.click()
    await tab.choice("Keep").click()
    await expect(tab.button).to_be_focused()
    before = len(sms.sent)
    await tab.button.click()
    await keyboard.press("Tab")
    await expect(tab.choice("Send")).to_be_focused()
    await keyboard.press("Enter")
    await tab.run_until("done", "Sent")

    await expect(tab.button).to_be_focused()
    assert (before, len(sms.sent)) == (0, 1)


@pytest.mark.parametrize("text", ["", "   ", "\n\u200b\u00a0", "\u2800\u3164\ufe0f"])
async def test_nothing_to_read_is_not_sent(
    tabs: Tabs, sms: SmsRoutes, text: str
) -> None:
    """Said aloud, and the cursor goes where the text belongs."""
    tab = await open_leads(tabs)
    await tab.write(text)

    await tab.button.click()
    await expect(tab.tab.alarm).to_have_text("Write a message first.")
    await expect(tab.text).to_be_focused()

    assert sms.sent == []


async def test_a_text_that_is_too_long_is_not_sent(tabs: Tabs, sms: SmsRoutes) -> None:
    """1601 characters are refused here; 1600 emoji are not too long."""
    tab = await open_leads(tabs, frozen=True)
    await tab.write("x" * 1601)

    await tab.button.click()
    await expect(tab.tab.alarm).to_contain_text("too long")
    await expect(tab.text).to_have_attribute("aria-invalid", "true")
    await tab.text.fill("😀" * 1600)
    await tab.button.click()
    await tab.choice("Send").click()
    await tab.run_until("done", "Sent")

    assert len(sms.sent) == 1


REFUSALS = [
    (says(409, "opted-out", under_review=False), "wants no more messages"),
    (says(409, "opted-out", under_review=True), "has to be read first"),
    (says(422, "phone-invalid"), "This number cannot get messages."),
    (
        says(502, "provider-rejected", provider_code=21614),
        "The number is not a mobile phone.",
    ),
    (says(502, "provider-rejected", provider_code=20999), "the reason 20999"),
    (says(404, "lead-not-found"), "does not exist any more"),
]


async def test_refusals_are_told_in_plain_words_and_not_repeated(
    tabs: Tabs, sms: SmsRoutes
) -> None:
    """Not possible, why, and that nothing was sent; one request each, also for 502."""
    tab = await open_leads(tabs)
    await tab.choose()

    for number, (refusal, words) in enumerate(REFUSALS):
        sms.script = [refusal]
        await tab.text.fill(f"refused {number}")
        await tab.button.click()
        await tab.expect_state("refused", "Not possible")
        await expect(tab.card).to_contain_text(words)
        await expect(tab.card).to_contain_text("Nothing was sent.")
        await expect(tab.tab.alarm).to_contain_text("SMS to Ada Lovelace:")
        await expect(tab.text).to_be_editable()

    assert len(sms.sent) == len(REFUSALS)
    assert await tab.page.evaluate(STORED) == []


async def test_quiet_hours_and_limits_say_when(tabs: Tabs, sms: SmsRoutes) -> None:
    """Not now: with the time from which to press again, and then the same key."""
    tab = await open_leads(tabs, frozen=True)
    later = says(409, "quiet-hours", wait=7200, retry_at=soon(7200))
    sms.script = [later, says(429, "rate-limited", wait=3000)]

    await tab.send("not at night")
    await expect(tab.element).to_have_attribute("data-state", "quiet-hours")
    await expect(tab.button.locator(".state")).to_contain_text("Quiet hours - ")
    await expect(tab.card).to_contain_text("It is night where Ada Lovelace is.")
    await tab.button.click()
    await expect(tab.element).to_have_attribute("data-state", "rate-limited")
    await expect(tab.card).to_contain_text("Too many messages in a short time.")
    await tab.button.click()
    await tab.run_until("done", "Sent")

    assert len(sms.sent) == 3
    assert len(set(sms.keys)) == 1


async def test_a_changed_text_is_another_wish(tabs: Tabs, sms: SmsRoutes) -> None:
    """After "not now" the text is changed: another key, and the old one is dropped."""
    tab = await open_leads(tabs, frozen=True)
    sms.script = [says(429, "rate-limited", wait=3000)]

    await tab.send("first words")
    await expect(tab.element).to_have_attribute("data-state", "rate-limited")
    await tab.text.fill("other words")
    await tab.expect_state("idle", "")
    await tab.button.click()
    await tab.run_until("done", "Sent")

    assert len(set(sms.keys)) == 2
    assert await tab.page.evaluate(STORED) == []


async def test_what_may_have_been_sent_keeps_its_text(
    tabs: Tabs, sms: SmsRoutes
) -> None:
    """Five answers of 500: the text is locked, Retry has the key; or it is given up."""
    await tabs.context.add_init_script(HALF)
    tab = await open_leads(tabs, frozen=True)
    sms.script = [says(500, "internal") for _ in range(10)]
    await tab.write("stays")

    for _ in range(2):
        await tab.button.click()
        for tries, wait in enumerate(WAITS, 2):
            waiting = tab.button.get_by_text(f"Retrying {tries}/5 in")
            await expect(waiting).to_be_visible()
            await tab.page.clock.run_for(wait)
        await tab.expect_state("failed", "Failed - Retry")
        await expect(tab.text).not_to_be_editable()
    await tab.choice("Stop trying (it may already have happened)").click()
    await expect(tab.text).to_be_editable()

    await expect(tab.text).to_have_value("stays")
    assert len(sms.sent) == 10
    assert len(set(sms.keys)) == 1
    assert await tab.page.evaluate(STORED) == []


async def test_offline_says_that_nothing_was_sent(tabs: Tabs, sms: SmsRoutes) -> None:
    """No network: not a byte leaves, the text may change; online it goes."""
    tabs.forgiven.append(CUT)
    tab = await open_leads(tabs)
    await tab.write("later")
    await tabs.context.set_offline(True)
    await expect(tab.tab.chip).to_have_text("Offline")
    await tabs.context.route("**/api/health/live", lambda each: each.abort())

    await tab.button.click()
    await tab.expect_state("offline", "Offline - Retry")
    await expect(tab.card).to_contain_text("You are offline. Nothing was sent.")
    await expect(tab.text).to_be_editable()
    before = len(sms.sent)
    await tabs.context.set_offline(False)
    await tab.tab.expect_live()
    await tab.button.click()
    await tab.expect_state("done", "Sent")

    assert (before, len(sms.sent)) == (0, 1)


async def test_a_replay_and_one_in_progress(tabs: Tabs, sms: SmsRoutes) -> None:
    """Somebody sends it already: waited for; its answer is "Already sent"."""

    async def replay(route: Route) -> None:
        headers = {"Idempotent-Replayed": "true"}
        await sms.accept(route, **headers)

    tab = await open_leads(tabs)
    sms.script = [says(409, "in-progress", wait=1), replay]

    await tab.send("twice")
    await tab.expect_state("in-progress", "Already being sent")
    await tab.expect_state("replayed", "Already sent")
    said = "This had already gone through. Nothing was sent twice."
    await expect(tab.tab.said).to_have_text(said)

    assert len(set(sms.keys)) == 1


async def test_mark_sent_settles_what_nobody_can_tell(
    tabs: Tabs, sms: SmsRoutes
) -> None:
    """The hash of the key leads to the question; the answer closes it for good."""
    tab = await open_leads(tabs, frozen=True)
    sms.script = [says(409, "outcome-unknown")]
    sms.verdicts["sent"] = {"outcome": "sent", "message": message(1, ADA, "open")}

    await tab.send("open")
    await tab.expect_state("unknown", "Needs a look")
    full = await hash_of_key(tab)
    sms.unresolved = [
        {"key_hash": "0" * 8, "operation": "sms.send"},
        {"key_hash": full[:8], "operation": "sms.send"},
    ]
    async with tab.page.expect_request("**/resolve") as asked:
        await tab.choice("Mark sent").click()
    await tab.run_until("done", "Sent")

    assert full[:8] in (await asked.value).url
    assert sms.resolved == ["sent"]
    assert await tab.page.evaluate(STORED) == []


async def hash_of_key(tab: SmsTab) -> str:
    """Return what the server calls the only key that is stored."""
    (stored,) = await tab.page.evaluate(STORED)
    full: str = await tab.page.evaluate(
        """async (key) => (await import("/syncpatterns/storage-key.js"))
          .storageKey({ scope: "acme", operation: "sms.send", key })""",
        stored["key"],
    )
    return full


async def test_what_somebody_else_has_settled_is_looked_up(
    tabs: Tabs, sms: SmsRoutes
) -> None:
    """Nothing is open under this key any more: the messages tell, nothing is sent."""
    tab = await open_leads(tabs, frozen=True)
    sms.script = [says(409, "outcome-unknown")] * 2

    await tab.send("settled as sent")
    await tab.expect_state("unknown", "Needs a look")
    named = (await hash_of_key(tab))[:8]
    sms.history[ADA] = [message(1, ADA, "settled as sent", op_key_hash=named)]
    await tab.choice("Check").click()
    await tab.run_until("done", "Sent")
    await tab.text.fill("settled as not sent")
    await tab.button.click()
    await tab.expect_state("unknown", "Needs a look")
    await tab.choice("Check").click()
    await tab.expect_state("not-sent", "Not sent - Send")
    before = len(sms.sent)
    await tab.button.click()
    await tab.run_until("done", "Sent")

    assert sms.resolved == []
    assert before == 2
    assert sms.keys[1] == sms.keys[2]


async def test_drafts_and_states_stay_with_their_lead(
    tabs: Tabs, sms: SmsRoutes
) -> None:
    """Another lead is chosen meanwhile: nothing moves over, nothing is lost."""
    tab = await open_leads(tabs)
    sms.script = [says(409, "outcome-unknown")]

    await tab.send("for Ada")
    await tab.expect_state("unknown", "Needs a look")
    await tab.write("for Ben", "lead-002")
    await tab.expect_state("idle", "")
    await tab.tab.page.get_by_role("searchbox").fill("")
    await tab.row(ADA).locator("button.choose").click()
    await expect(tab.text).to_have_value("for Ada")
    await tab.expect_state("unknown", "Needs a look")
    await tab.row("lead-002").locator("button.choose").click()

    await expect(tab.text).to_have_value("for Ben")


@pytest.mark.case("APP-03", part="browser, SMS")
async def test_a_quick_answer_shows_no_busy_state(tabs: Tabs, sms: SmsRoutes) -> None:
    """After 250 ms nothing has flashed; after 800 ms busy is shown."""
    held = Held()
    slow = Held()
    sms.script = [await_then(held, sms), await_then(slow, sms)]
    tab = await open_leads(tabs, frozen=True)
    await tab.write("quick")
    await tab.element.evaluate(WATCH)

    await tab.button.click()
    await held.arrived.wait()
    await tab.page.clock.run_for(250)
    held.go.set()
    await tab.expect_state("done", "Sent")  # at 250 ms still: the clock stands
    seen = await tab.page.evaluate("() => window.seen")
    await tab.page.clock.run_for(5000)
    await tab.text.fill("slow")
    await tab.button.click()
    await slow.arrived.wait()
    await tab.page.clock.run_for(800)
    await tab.expect_state("sending", "Sending…")
    busy = await tab.button.get_attribute("aria-busy")
    slow.go.set()
    await tab.run_until("done", "Sent")

    assert [each for each in seen if each.startswith("aria-")] == []
    assert busy == "true"


def await_then(held: Held, sms: SmsRoutes) -> Answer:
    """Return an answer that is held back until the test lets it go."""

    async def answer(route: Route) -> None:
        held.arrived.set()
        await held.go.wait()
        await sms.accept(route)

    return answer


async def test_five_hundred_leads_have_fifteen_rows(tabs: Tabs, sms: SmsRoutes) -> None:
    """Only a page of them is painted; search and status reach all of them."""
    sms.leads = [
        {**sms.leads[0], "id": f"l-{n:03}", "name": f"Name {n:03}", "version": 1}
        for n in range(500)
    ]
    sms.leads[490]["status"] = "won"
    tab = await open_leads(tabs)
    rows = tab.page.locator(".leads tbody tr")
    pages = tab.page.get_by_role("navigation", name="Pages of leads")

    await expect(rows).to_have_count(15)
    await expect(pages).to_contain_text("1\u201315 of 500")
    await pages.get_by_role("button", name="Next").click()
    await expect(rows.first).to_contain_text("Name 015")
    await expect(pages).to_contain_text("16\u201330 of 500")
    await tab.page.get_by_role("combobox", name="Status of leads").select_option("won")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("Name 490")
    await tab.page.get_by_role("searchbox").fill("nobody")

    await expect(tab.page.locator(".leads .note:visible").first).to_contain_text(
        "No lead fits"
    )


async def test_names_are_text_whatever_they_hold(tabs: Tabs, sms: SmsRoutes) -> None:
    """A lead and a message like markup are shown as written."""
    evil = "<img src=x onerror=alert(1)>"
    sms.leads = [{**sms.leads[0], "name": evil}]
    sms.history[ADA] = [message(1, ADA, evil, by=evil)]
    tab = await open_leads(tabs, frozen=True)

    await tab.send(f"hello {evil}")
    await tab.run_until("done", "Sent")

    await expect(tab.composer.locator("h3")).to_have_text(evil)
    assert await tab.page.locator("img").count() == 0
    assert json.loads(sms.sent[0].post_data or "")["body"] == f"hello {evil}"


async def test_the_list_that_fails_can_be_asked_for_again(
    tabs: Tabs, sms: SmsRoutes
) -> None:
    """500 for the leads: said so, and Try again fetches them."""

    async def fail(route: Route) -> None:
        await route.fulfill(status=500, body="")

    await tabs.context.route("**/api/leads*", fail)
    tab = await tabs.open("/#leads")
    note = tab.page.locator(".leads .note:visible").first
    await expect(note).to_contain_text("The leads could not be loaded.")
    await tabs.context.unroute("**/api/leads*", fail)
    await note.get_by_role("button", name="Try again").click()

    await expect(tab.page.locator(".leads tbody tr")).to_have_count(len(sms.leads))
