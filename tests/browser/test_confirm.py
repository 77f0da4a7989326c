"""The button: what it sends, what it says, and that the two agree."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from playwright.async_api import Route, expect

from tests.browser.desk import CONFIRM, CUT, REFUSED, Desk, Tab, Tabs
from tests.browser.page_clock import HALF, WAITS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

STORED = """() => new Promise((resolve) => {
  const request = indexedDB.open("syncpatterns");
  request.onsuccess = () => {
    const all = request.result.transaction("intents").objectStore("intents").getAll();
    all.onsuccess = () => { request.result.close(); resolve(all.result); };
  };
})"""
WATCH = """(element) => {
  window.seen = [];
  const button = element.querySelector("button");
  new MutationObserver((records) => {
    for (const { target, attributeName } of records) {
      window.seen.push(`${attributeName}=${target.getAttribute(attributeName)}`);
    }
  }).observe(button, { attributes: true });
}"""


class Held:
    """A confirm that waits on its way until the test lets it go."""

    def __init__(self) -> None:
        self.arrived = anyio.Event()
        self.go = anyio.Event()

    async def __call__(self, route: Route) -> None:
        self.arrived.set()
        await self.go.wait()
        await route.continue_()


async def lose_answer(route: Route) -> None:
    """Let the server commit, and cut the connection instead of its answer."""
    await route.fetch()
    await route.abort("connectionreset")


async def answer(route: Route, status: int, slug: str, **members: Any) -> None:
    """Answer a confirm in the place of the server, with a problem."""
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, **members}
    content_type = "application/problem+json"
    await route.fulfill(status=status, body=json.dumps(body), content_type=content_type)


async def without_stream(tabs: Tabs) -> Tab:
    """Open a page whose stream never comes up, so that only answers count."""
    tabs.forgiven.append(CUT)
    await tabs.context.route("**/events*", lambda _: None)
    tab = await tabs.open(live=None)
    await expect(tab.page.locator("tbody tr").first).to_be_attached()
    return tab


@pytest.mark.case("APP-01", part="browser")
async def test_a_click_confirms_once_and_every_tab_shows_it(
    tabs: Tabs, desk: Desk
) -> None:
    """One press: one request, one audit row, the row and the feed in both tabs."""
    booking = desk.take("requested")
    here = await tabs.open()
    there = await tabs.open(live="Live via another tab")

    await here.confirm(booking).click()

    await here.expect_state(booking, "done", "Confirmed")
    await expect(here.said).to_have_text(f"Booking {booking} confirmed.")
    for tab, origin in ((here, "This tab"), (there, "This browser")):
        await expect(tab.row(booking).locator(".chip")).to_have_text("Confirmed")
        newest = tab.feed.first
        await expect(newest.locator("b")).to_have_text(booking)
        await expect(newest.locator(".change")).to_have_text("Requested → Confirmed")
        await expect(newest.locator(".badge")).to_have_text(origin)
    assert desk.effects(booking) == 1
    assert len(tabs.sent) == 1


@pytest.mark.case("APP-02", part="browser")
async def test_pressing_again_in_flight_sends_nothing(tabs: Tabs, desk: Desk) -> None:
    """Double click, Enter and Space while under way: one request, focus stays."""
    booking = desk.take()
    held = Held()
    await tabs.context.route(CONFIRM, held)
    tab = await tabs.open()
    button = tab.confirm(booking)

    await button.dblclick()
    await held.arrived.wait()
    await button.press("Enter")
    await button.press("Space")
    await tab.expect_state(booking, "sending", "Sending…")
    await button.press("Enter")
    held.go.set()
    await tab.expect_state(booking, "done", "Confirmed")

    await expect(button).to_be_focused()
    assert len(tabs.sent) == 1
    assert desk.effects(booking) == 1


@pytest.mark.case("APP-03", part="browser")
async def test_a_quick_answer_shows_no_busy_state(tabs: Tabs, desk: Desk) -> None:
    """After 250 ms nothing has flashed; the button was never called disabled."""
    booking = desk.take()
    held = Held()
    await tabs.context.route(CONFIRM, held)
    tab = await tabs.open(frozen=True)
    await tab.element(booking).evaluate(WATCH)

    await tab.confirm(booking).click()
    await held.arrived.wait()
    await tab.page.clock.run_for(250)
    held.go.set()
    await tab.expect_state(booking, "done", "Confirmed")

    seen = await tab.page.evaluate("() => window.seen")
    assert [each for each in seen if each.startswith("aria-")] == []


@pytest.mark.case("APP-03", part="browser")
async def test_a_slow_answer_shows_busy_and_not_as_a_flash(
    tabs: Tabs, desk: Desk
) -> None:
    """After 300 ms busy is shown and said, and it stays for 400 ms."""
    booking = desk.take()
    held = Held()
    await tabs.context.route(CONFIRM, held)
    tab = await tabs.open(frozen=True)

    await tab.confirm(booking).click()
    await held.arrived.wait()
    await tab.page.clock.run_for(301)
    await tab.expect_state(booking, "sending", "Sending…")
    await expect(tab.confirm(booking)).to_have_attribute("aria-disabled", "true")
    await expect(tab.said).to_have_text(f"Confirming booking {booking}.")
    held.go.set()
    await expect(tab.row(booking).locator(".chip")).to_have_text("Confirmed")
    await tab.page.clock.run_for(300)
    still = await tab.element(booking).get_attribute("data-state")
    await tab.page.clock.run_for(100)
    await tab.expect_state(booking, "done", "Confirmed")

    assert still == "sending"
    assert await tab.confirm(booking).get_attribute("aria-disabled") is None


async def test_an_event_settles_a_press_whose_answer_was_lost(
    tabs: Tabs, desk: Desk
) -> None:
    """The event names the key's hash, so no second request is needed."""
    booking = desk.take()
    tabs.forgiven.append(CUT)
    await tabs.context.route(CONFIRM, lose_answer, times=1)
    tab = await tabs.open()

    await tab.confirm(booking).click()
    await tab.expect_state(booking, "done", "Confirmed")

    assert desk.effects(booking) == 1
    assert len(tabs.sent) == 1
    assert await tab.page.evaluate(STORED) == []


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    tabs: Tabs, desk: Desk
) -> None:
    """Without a stream the retry learns that it had already gone through."""
    booking = desk.take()
    await tabs.context.route(CONFIRM, lose_answer, times=1)
    tab = await without_stream(tabs)

    await tab.confirm(booking).click()
    await tab.expect_state(booking, "replayed", "Already confirmed")

    words = "This had already gone through. Nothing was sent twice."
    await expect(tab.said).to_have_text(words)
    assert desk.effects(booking) == 1
    assert len(tabs.sent) == 2
    assert len(set(tabs.keys)) == 1
    assert "idempotency-age" in tabs.sent[1].headers


async def test_a_reload_in_flight_keeps_the_key(tabs: Tabs, desk: Desk) -> None:
    """The page comes back, asks under the same key, and nothing happens twice."""
    booking = desk.take()
    tabs.forgiven.append(CUT)
    committed = anyio.Event()

    async def never_answer(route: Route) -> None:
        await route.fetch()
        committed.set()

    await tabs.context.route(CONFIRM, never_answer, times=1)
    tab = await without_stream(tabs)
    # What the reloaded page sees is the list of before: the state it can be in
    # when its read overtakes the commit of the write.
    stale = desk.api.client.get("/api/bookings").text
    await tab.confirm(booking).click()
    await committed.wait()
    await tabs.context.route(
        "**/api/bookings",
        lambda route: route.fulfill(body=stale, content_type="application/json"),
    )
    await tab.page.reload()
    await tab.expect_state(booking, "replayed", "Already confirmed")

    assert desk.effects(booking) == 1
    assert len(set(tabs.keys)) == 1


@pytest.mark.case("APP-05", part="browser, without the queue")
async def test_offline_nothing_is_sent_and_the_button_says_so(
    tabs: Tabs, desk: Desk
) -> None:
    """Offline: no request, an honest word; online again the same key confirms."""
    booking = desk.take()
    tabs.forgiven.append(CUT)
    tab = await tabs.open()
    await tabs.context.set_offline(True)
    await expect(tab.chip).to_have_text("Offline")

    await tab.confirm(booking).click()
    await tab.expect_state(booking, "offline", "Offline - Retry")
    title = "You are offline. Nothing was sent."
    await expect(tab.card(booking)).to_contain_text(title)
    await expect(tab.alarm).to_have_text(f"Booking {booking}: {title}")
    (stored,) = await tab.page.evaluate(STORED)
    assert tabs.sent == []
    assert stored["firstSentAt"] is None

    await tabs.context.set_offline(False)
    await tab.expect_live()
    await tab.confirm(booking).click()
    await tab.expect_state(booking, "done", "Confirmed")

    assert tabs.keys == [stored["key"]]
    assert desk.effects(booking) == 1
    assert await tab.page.evaluate(STORED) == []


@pytest.mark.case("APP-11", part="browser, without the queue")
async def test_five_failures_end_in_a_retry_with_the_same_key(
    tabs: Tabs, desk: Desk
) -> None:
    """Retrying n/5 counts; then Failed - Retry, and the next press reuses the key."""
    booking = desk.take()
    tabs.forgiven.append("Failed to load resource: the server responded")
    await tabs.context.add_init_script(HALF)
    tab = await tabs.open(frozen=True)

    async def fail(route: Route) -> None:
        await route.fulfill(status=500, body="")

    await tabs.context.route(CONFIRM, fail)
    await tab.confirm(booking).click()
    for tries, wait in enumerate(WAITS, 2):
        retrying = tab.confirm(booking).get_by_text(f"Retrying {tries}/5 in")
        await expect(retrying).to_be_visible()
        await tab.page.clock.run_for(wait)
    await tab.expect_state(booking, "failed", "Failed - Retry")
    await tabs.context.unroute(CONFIRM)
    await tab.confirm(booking).click()
    await tab.expect_state(booking, "done", "Confirmed")

    assert len(tabs.sent) == 6
    assert len(set(tabs.keys)) == 1


@pytest.mark.case("APP-12", part="browser, without the queue")
async def test_retry_after_is_a_floor(tabs: Tabs, desk: Desk) -> None:
    """429 with Retry-After 3: nothing leaves for three seconds."""
    booking = desk.take()
    tabs.forgiven.append(REFUSED)
    tab = await tabs.open(frozen=True)

    async def slow_down(route: Route) -> None:
        await route.fulfill(status=429, body="", headers={"Retry-After": "3"})

    await tabs.context.route(CONFIRM, slow_down, times=1)
    await tab.confirm(booking).click()
    await expect(tab.confirm(booking).get_by_text("Retrying 2/5 in")).to_be_visible()
    await tab.page.clock.run_for(2900)
    before = len(tabs.sent)
    await tab.page.clock.run_for(1200)
    await tab.expect_state(booking, "done", "Confirmed")

    assert before == 1
    assert len(tabs.sent) == 2


@pytest.mark.case("APP-16", part="browser")
async def test_a_refusal_gives_the_reason_and_what_is_possible(
    tabs: Tabs, desk: Desk
) -> None:
    """Not possible, with the allowed steps; not retried; Esc returns the focus."""
    booking = desk.take()
    tabs.forgiven.append(REFUSED)
    tab = await tabs.open()

    async def refuse(route: Route) -> None:
        allowed = ["checked_in", "cancelled"]
        facts = {"from": "completed", "to": "confirmed", "allowed": allowed}
        await answer(route, 409, "transition-not-allowed", **facts)

    await tabs.context.route(CONFIRM, refuse, times=1)
    await tab.confirm(booking).click()
    await tab.expect_state(booking, "refused", "Not possible")
    card = tab.card(booking)
    await expect(card).to_contain_text(
        "A booking that is completed cannot be confirmed."
    )
    await expect(card.locator("dd")).to_have_text(["Check in", "Cancel"])
    await card.get_by_role("button", name="Close").focus()
    await tab.page.keyboard.press("Escape")
    await expect(card).to_be_hidden()
    await expect(tab.confirm(booking)).to_be_focused()
    await tab.page.keyboard.press("Enter")
    await expect(card).to_be_visible()

    assert len(tabs.sent) == 1
    assert desk.api.audit(booking) == []


async def test_the_servers_own_refusals_are_told_in_plain_words(
    tabs: Tabs, desk: Desk
) -> None:
    """A lapsed hold and a slot that is taken, as the real server refuses them."""
    lapsed, doubled = desk.lapsed(), desk.doubled()
    tabs.forgiven.append(REFUSED)
    tab = await tabs.open()

    await expect(tab.row(lapsed)).to_contain_text("hold ran out")
    await tab.confirm(lapsed).click()
    await tab.expect_state(lapsed, "refused", "Not possible")
    await expect(tab.card(lapsed)).to_contain_text("hold on this slot has run out")
    await tab.confirm(doubled).click()
    await tab.expect_state(doubled, "refused", "Not possible")
    await expect(tab.card(doubled)).to_contain_text("Another booking has this slot.")
    await expect(tab.card(doubled).locator("dd").first).to_be_visible()

    assert await tab.page.evaluate(STORED) == []


@pytest.mark.case("APP-17", part="browser")
async def test_a_conflict_lets_the_person_decide(tabs: Tabs, desk: Desk) -> None:
    """Yours and theirs; Keep theirs refreshes; Use mine has a new key and version."""
    booking = desk.take()
    tabs.forgiven.append(REFUSED)
    tab = await tabs.open()

    async def conflict(route: Route) -> None:
        current = {
            "version": 7,
            "status": "held",
            "by": "ben",
            "at": "2026-11-22T10:00:00Z",
        }
        await answer(route, 412, "version-conflict", current=current)

    await tabs.context.route(CONFIRM, conflict, times=2)
    await tab.confirm(booking).click()
    await tab.expect_state(booking, "conflict", "Changed meanwhile")
    await expect(tab.card(booking)).to_contain_text("by ben")
    await tab.card(booking).get_by_role("button", name="Keep theirs").click()
    await tab.expect_state(booking, "idle", "")
    await expect(tab.confirm(booking)).to_be_focused()
    await tab.confirm(booking).click()
    await tab.card(booking).get_by_role("button", name="Use mine").click()
    # The server has version 1: the tag of version 7 does not match for real.
    await expect(tab.card(booking)).to_be_visible()

    tags = [each.headers["if-match"] for each in tabs.sent]
    assert tags == [f'"booking-{booking}.{n}"' for n in (1, 1, 7)]
    assert len(set(tabs.keys)) == 3


async def test_who_wanted_the_same_has_no_conflict(tabs: Tabs, desk: Desk) -> None:
    """Somebody else confirmed it a moment ago: "Already confirmed", no card."""
    booking = desk.take()
    tabs.forgiven.append(REFUSED)
    tab = await without_stream(tabs)
    desk.confirm(booking)

    await tab.confirm(booking).click()
    await tab.expect_state(booking, "unchanged", "Already confirmed")

    await expect(tab.card(booking)).to_have_count(0)
    assert desk.effects(booking) == 1


async def test_every_other_answer_has_its_own_word(tabs: Tabs, desk: Desk) -> None:
    """The problem type decides, not the status; unanswered keys are kept."""
    answers = [
        (409, "outcome-unknown", "unknown", "Needs a look"),
        (409, "key-expired", "too-old", "Too old - Review"),
        (409, "outcome-gone", "replayed", "Already confirmed"),
        (422, "key-reused", "not-accepted", "Not accepted"),
        (401, "signed-out", "signed-out", "Sign in to send"),
        (403, "tenant-unknown", "forbidden", "Not allowed"),
    ]
    tabs.forgiven.append(REFUSED)
    waiting = [
        each["id"] for each in desk.api.bookings() if each["status"] == "requested"
    ]
    of_booking = dict(zip(waiting, answers, strict=False))

    async def say(route: Route) -> None:
        asked = json.loads(route.request.post_data or "")
        status, slug, *_ = of_booking[asked["booking_id"]]
        await answer(route, status, slug)

    await tabs.context.route(CONFIRM, say)
    tab = await tabs.open()
    for booking in of_booking:
        await tab.confirm(booking).click()
    for booking, (_, _, state, label) in of_booking.items():
        await tab.expect_state(booking, state, label)

    kept = [stored["body"] for stored in await tab.page.evaluate(STORED)]
    undecided = {"unknown", "too-old", "signed-out", "forbidden"}
    assert len(kept) == len(undecided)
    assert len(tabs.sent) == len(answers)
