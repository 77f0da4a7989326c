"""The page's frozen clock, moved on as far as something needs it."""

from __future__ import annotations

import time

from playwright.async_api import Locator

#: Real seconds. What takes as long has stopped.
PATIENCE = 60.0


async def run_until_state(element: Locator, state: str, *, step: int = 200) -> None:
    """Move the clock of *element*'s page on until its ``data-state`` is *state*.

    The answers come in real time, and what the page's clock does before an
    answer is there brings nothing nearer: on a slow machine forty steps can go
    by while five answers are on their way. So the limit is in real time.

    Args:
        element: What carries the state.
        state: The one that is waited for.
        step: Milliseconds of the page's clock between two looks: shorter than
            the state lasts.
    """
    giving_up = time.monotonic() + PATIENCE
    while time.monotonic() < giving_up:
        await element.page.clock.run_for(step)
        if await element.get_attribute("data-state") == state:
            return
    seen = await element.get_attribute("data-state")
    raise AssertionError(f"still {seen!r} after {PATIENCE:.0f} s, not {state!r}")
