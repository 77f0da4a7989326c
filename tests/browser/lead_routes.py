"""The changing of leads, played by the test: every answer is chosen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, Locator, Page, Request, Route, expect

from examples.critical_buttons.domain.lead_status import EXPLAINED, TRANSITIONS
from tests.browser.desk import Tab, Tabs
from tests.browser.page_clock import run_until_state
from tests.browser.sms_routes import Answer, SmsRoutes, open_leads

UPDATE = "**/api/leads/update-status"

#: A page that holds the stream's lock: the others hear what the test says.
LEAD = """() => new Promise((held) => {
  const name = "syncpatterns.live:/events?tenant=acme";
  const channel = new BroadcastChannel(name);
  const state = { state: "live", via: "own", attempt: 0, until: 0, status: null };
  let n = 0;
  const beat = () => channel.postMessage(
    { kind: "beat", leader: "test", n, payload: { state, cursor: "" } });
  channel.onmessage = ({ data }) => { if (data.kind === "hello") beat(); };
  window.tell = (event) => {
    n += 1;
    const said = { id: `said-${n}`, channel: "test", missed: false, ...event };
    channel.postMessage(
      { kind: "say", leader: "test", n, payload: { event: said, cursor: "" } });
  };
  window.turn = (name) => { state.state = name; beat(); };
  setInterval(beat, 1000);
  navigator.locks.request(name, () => new Promise(() => { held(); }));
})"""


def body_of(request: Request) -> dict[str, Any]:
    """Return what a request asked for."""
    found: dict[str, Any] = json.loads(request.post_data or "")
    return found


@dataclass
class LeadRoutes(SmsRoutes):
    """Answers for everything about leads, in the place of the server.

    Args:
        answers: What the next changes are answered with; then they are made.
        updates: Every change that left, in order.
        trails: What happened to leads, by id.
    """

    answers: list[Answer] = field(default_factory=list)
    updates: list[Request] = field(default_factory=list)
    trails: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def play(self, context: BrowserContext) -> None:
        """Answer for the server from now on."""
        await super().play(context)
        await context.route("**/api/leads/transitions", self._transitions)
        await context.route("**/api/leads/*/audit*", self._audit)
        await context.route(UPDATE, self._update)

    @property
    def update_keys(self) -> list[str]:
        """The idempotency keys of the changes."""
        return [each.headers["idempotency-key"] for each in self.updates]

    @property
    def wishes(self) -> list[dict[str, Any]]:
        """What the changes asked for."""
        return [body_of(each) for each in self.updates]

    async def _transitions(self, route: Route) -> None:
        following = {
            state.value: [each.value for each in after]
            for state, after in TRANSITIONS.items()
        }
        explained = [state.value for state in EXPLAINED]
        reason = {"to": explained, "from": explained}
        await route.fulfill(json={"transitions": following, "reason": reason})

    async def _audit(self, route: Route) -> None:
        lead_id = route.request.url.split("?")[0].split("/")[-2]
        await route.fulfill(json=self.trails.get(lead_id, []))

    async def _update(self, route: Route) -> None:
        self.updates.append(route.request)
        if self.answers:
            await self.answers.pop(0)(route)
            return
        await self.move(route)

    async def move(self, route: Route, **headers: str) -> None:
        """Answer that everything asked for was done."""
        asked = body_of(route.request)
        if "lead_id" in asked:
            lead = self.moved(asked)
            await route.fulfill(json={"lead": lead, "changed": True}, headers=headers)
            return
        results = [
            {
                "index": index,
                "lead_id": each["lead_id"],
                "outcome": "changed",
                "lead": self.moved(each),
                "problem": None,
            }
            for index, each in enumerate(asked["updates"])
        ]
        await route.fulfill(json=bulk(asked, results), headers=headers)

    def moved(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Give a lead the state that is wished, and return it."""
        for index, each in enumerate(self.leads):
            if each["id"] == wish["lead_id"]:
                version = each["version"] + 1
                self.leads[index] = {**each, "status": wish["to"], "version": version}
                return self.leads[index]
        raise AssertionError(wish)


def bulk(asked: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer of a bulk with these results."""

    def count(outcome: str) -> int:
        return sum(each["outcome"] == outcome for each in results)

    return {
        "bulk_id": "b-1",
        "mode": asked["mode"],
        "dry_run": False,
        "total": len(results),
        "changed": count("changed"),
        "unchanged": count("unchanged"),
        "refused": count("refused"),
        "results": results,
    }


def refusing(guilty: str, slug: str, **facts: Any) -> Answer:
    """Return the answer that one lead of a bulk could not be moved."""

    async def answer(route: Route) -> None:
        asked = body_of(route.request)
        atomic = asked["mode"] == "atomic"
        problem = {"type": f"/problems/{slug}", "title": slug, "status": 409, **facts}
        results = [
            {
                "index": index,
                "lead_id": each["lead_id"],
                "outcome": "refused"
                if each["lead_id"] == guilty
                else "not_applied"
                if atomic
                else "changed",
                "lead": None,
                "problem": problem if each["lead_id"] == guilty else None,
            }
            for index, each in enumerate(asked["updates"])
        ]
        body = bulk(asked, results)
        if not atomic:
            await route.fulfill(status=207, json=body)
            return
        body |= {"type": "/problems/batch-failed", "title": "", "status": 409}
        kind = "application/problem+json"
        await route.fulfill(status=409, body=json.dumps(body), content_type=kind)

    return answer


@dataclass
class LeadTab:
    """The table of leads in one tab.

    Args:
        tab: The tab.
    """

    tab: Tab

    @property
    def page(self) -> Page:
        """Playwright's page."""
        return self.tab.page

    def row(self, lead_id: str) -> Locator:
        """Return a lead's row."""
        return self.page.locator(f'.leads tr[data-lead-id="{lead_id}"]')

    def element(self, lead_id: str) -> Locator:
        """Return the custom element around the button of a lead."""
        return self.row(lead_id).locator("lead-status-button")

    def button(self, lead_id: str) -> Locator:
        """Return the button of a lead."""
        return self.element(lead_id).locator("button.confirm")

    def card(self, lead_id: str) -> Locator:
        """Return the form, or the reasons and choices, of a lead."""
        return self.row(lead_id).locator(".outcome")

    def choice(self, lead_id: str, name: str) -> Locator:
        """Return a button of a lead's card."""
        return self.card(lead_id).get_by_role("button", name=name, exact=True)

    def chip(self, lead_id: str) -> Locator:
        """Return what the row says of the status."""
        return self.row(lead_id).locator(".lead-status .chip").first

    async def open_form(self, lead_id: str) -> None:
        """Press the button, so that the next status can be chosen."""
        await self.button(lead_id).click()
        await expect(self.card(lead_id).get_by_label("Move to")).to_be_focused()

    async def offered(self, lead_id: str) -> list[str]:
        """Return the statuses that the open form offers."""
        values: list[str] = (
            await self.card(lead_id)
            .get_by_label("Move to")
            .evaluate(
                "(each) => [...each.options].map((one) => one.value).filter(Boolean)"
            )
        )
        return values

    async def move(self, lead_id: str, to: str, reason: str = "") -> None:
        """Choose the next status, and press."""
        await self.open_form(lead_id)
        await self.card(lead_id).get_by_label("Move to").select_option(to)
        if reason:
            await self.card(lead_id).get_by_label("Reason").fill(reason)
        await self.choice(lead_id, "Move").click()

    async def expect_state(self, lead_id: str, state: str, text: str) -> None:
        """Wait until the button is in *state* and shows *text*."""
        await expect(self.element(lead_id)).to_have_attribute("data-state", state)
        await expect(self.button(lead_id).locator(".state")).to_have_text(text)

    async def run_until(self, lead_id: str, state: str, text: str) -> None:
        """Let the page's clock go on until the button is in *state*."""
        await run_until_state(self.element(lead_id), state)
        await self.expect_state(lead_id, state, text)

    @property
    def bar(self) -> Locator:
        """What is done with the selected leads."""
        return self.page.locator(".bulk-bar")

    @property
    def bulk(self) -> Locator:
        """The custom element around the button of many leads."""
        return self.bar.locator("lead-status-bulk-button")

    @property
    def bulk_button(self) -> Locator:
        """The button of many leads."""
        return self.bulk.locator("button.confirm")

    @property
    def bulk_card(self) -> Locator:
        """The question or the results of many leads."""
        return self.bar.locator(".outcome")

    def bulk_choice(self, name: str) -> Locator:
        """Return a button of that card."""
        return self.bulk_card.get_by_role("button", name=name, exact=True)

    async def select_all(self) -> None:
        """Select the leads of all pages."""
        await self.page.get_by_label("Select all shown").check()
        everything = self.bar.get_by_role("button", name="Select all")
        if await everything.is_visible():
            await everything.click()

    async def select(self, *lead_ids: str) -> None:
        """Select leads that are shown."""
        for lead_id in lead_ids:
            await self.row(lead_id).get_by_role("checkbox").check()

    async def ask_to_move(
        self, to: str, mode: str = "atomic", reason: str = ""
    ) -> None:
        """Choose where the selected leads go, and press; the question comes."""
        await self.bar.get_by_label("Move to").select_option(to)
        await self.bar.get_by_label("If one can't go").select_option(mode)
        if reason:
            await self.bar.get_by_label("Reason").fill(reason)
        await self.bulk_button.click()
        await expect(self.bulk_card).to_be_focused()

    async def move_all(self, to: str, mode: str = "atomic", reason: str = "") -> None:
        """Move the selected leads, and say yes to the question."""
        await self.ask_to_move(to, mode, reason)
        await self.bulk_choice("Move").click()

    async def expect_bulk(self, state: str, text: str) -> None:
        """Wait until the button of many leads is in *state* and shows *text*."""
        await expect(self.bulk).to_have_attribute("data-state", state)
        await expect(self.bulk_button.locator(".state")).to_have_text(text)

    async def run_bulk_until(self, state: str, text: str) -> None:
        """Let the page's clock go on until that button is in *state*."""
        await run_until_state(self.bulk, state, step=500)
        await self.expect_bulk(state, text)


async def leading_page(tabs: Tabs) -> Page:
    """Return a page through which the test says what the stream says."""
    page = await tabs.context.new_page()
    await page.goto(f"{tabs.url}/static/favicon.svg")
    await page.evaluate(LEAD)
    return page


async def lead_table(tabs: Tabs, **options: Any) -> LeadTab:
    """Open the page with its leads."""
    return LeadTab((await open_leads(tabs, **options)).tab)
