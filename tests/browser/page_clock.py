"""The page's frozen clock, moved on as far as something needs it."""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

import anyio
from playwright.async_api import Locator, Page, Request

#: Real seconds. What takes as long has stopped.
PATIENCE = 120.0
#: For a page: its jitter is a half, always.
HALF = "Math.random = () => 0.5"
#: Milliseconds between five tries then. A test goes no further than that at a time:
#: an answer that comes while the clock is run on to 4100 starts the next wait, and
#: the rest of those seconds would end it before anybody has seen it.
WAITS = (500, 1000, 2000, 2000)


class _UnderWay:
    """What a page has asked for and was not told yet; its live stream never ends."""

    def __init__(self) -> None:
        self._asked: set[Request] = set()
        self._changed = anyio.Event()

    def ask(self, request: Request) -> None:
        """Note that *request* left the page."""
        if "/events" not in request.url:
            self._asked.add(request)

    def end(self, request: Request) -> None:
        """Note that *request* was answered, or failed."""
        self._asked.discard(request)
        self._changed.set()
        self._changed = anyio.Event()

    async def wait(self, seconds: float) -> None:
        """Return when all were answered, after *seconds* at the latest."""
        with anyio.move_on_after(seconds):
            while self._asked:
                await self._changed.wait()


_under_way: WeakKeyDictionary[Page, _UnderWay] = WeakKeyDictionary()


def watch(page: Page) -> None:
    """Keep in mind what *page* waits for, so that its clock can wait too."""
    asked = _under_way[page] = _UnderWay()
    page.on("request", asked.ask)
    page.on("requestfinished", asked.end)
    page.on("requestfailed", asked.end)


async def run_until_state(element: Locator, state: str, *, step: int = 200) -> None:
    """Move the clock of *element*'s page on until its ``data-state`` is *state*.

    The answers come in real time, and what the page's clock does before an
    answer is there brings nothing nearer: on a slow machine forty steps can go
    by while five answers are on their way. So the limit is in real time. And
    while an answer is on its way, the page's clock goes no faster than the real
    one: otherwise the page would give up after thirty of its seconds on what
    took one of ours.

    Args:
        element: What carries the state.
        state: The one that is waited for.
        step: Milliseconds of the page's clock between two looks: shorter than
            the state lasts.
    """
    page = element.page
    giving_up = time.monotonic() + PATIENCE
    while time.monotonic() < giving_up:
        await _under_way[page].wait(step / 1000)
        await page.clock.run_for(step)
        if await element.get_attribute("data-state") == state:
            return
    seen = await element.get_attribute("data-state")
    raise AssertionError(f"still {seen!r} after {PATIENCE:.0f} s, not {state!r}")
