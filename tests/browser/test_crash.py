"""The whole browser dies while a request is on its way."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from playwright.async_api import (
    BrowserContext,
    Error,
    Request,
    Route,
    async_playwright,
    expect,
)

from tests.app.driver import AppProcess
from tests.browser.conftest import ARGUMENTS, find_chromium
from tests.browser.desk import CONFIRM, Desk, Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def kill_browser(profile: Path) -> int:
    """Kill every process of the browser with this profile; return their number."""
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if f"--user-data-dir={profile}".encode() in words:
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
    return killed


@pytest.mark.case("APP-08", part="without the queue")
async def test_a_killed_browser_asks_under_the_same_key(
    app: AppProcess, desk: Desk, tmp_path: Path
) -> None:
    """Killed in flight, opened again: the same key, and one effect."""
    chromium = find_chromium()
    if chromium is None or sys.platform != "linux":
        pytest.skip("no Chromium here, or no /proc to find its processes in")
    booking = desk.take()
    left = anyio.Event()
    keys: list[str] = []

    async def never_arrives(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        left.set()

    def note(request: Request) -> None:
        if request.url.endswith("/confirm"):
            keys.append(request.headers["idempotency-key"])

    async with async_playwright() as driver:

        async def launch() -> BrowserContext:
            return await driver.chromium.launch_persistent_context(
                tmp_path / "profile", executable_path=chromium, args=ARGUMENTS
            )

        first = await launch()
        tab = Tab(first.pages[0])
        await first.route(CONFIRM, never_arrives)
        await tab.page.goto(app.url)
        await tab.expect_live()
        await tab.confirm(booking).click()
        await left.wait()
        killed = kill_browser(tmp_path / "profile")
        with suppress(Error):
            await first.close()

        second = await launch()
        second.on("request", note)
        again = Tab(second.pages[0])
        await again.page.goto(app.url)
        await expect(again.row(booking).locator(".chip")).to_have_text("Confirmed")
        await second.close()

    assert killed > 0
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert desk.effects(booking) == 1
