"""Headless Chromium on the real app."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.app.driver import AppProcess
from tests.browser.desk import Desk, Tabs

# Playwright's driver needs no network and no download: the browser is the
# system's own. The names differ between distributions.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",  # a quarter less time a page
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Return the path of a browser to drive, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Playwright speaks asyncio only, and a module's browser needs one loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    """One Chromium for a module; every test has its own profile in it.

    Not for the session: its loop would stay the current one of the worker, and
    a later test of another directory would run on it whatever it asked for.
    """
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium here: install it, or name it in CHROMIUM")
    expect.set_options(timeout=60_000)
    async with async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        await running.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One app, with fresh bookings, for a module's tests that do not stop it."""
    folder = tmp_path_factory.mktemp("browser")
    with AppProcess("--port", "0", "--db", "sqlite:///app.db", cwd=folder) as running:
        assert running.serving, running.said
        yield running


@pytest.fixture(scope="module")
def desk(app: AppProcess) -> Iterator[Desk]:
    """Somebody else, who works with the API, and hands out unused bookings."""
    with Desk(app.url) as somebody:
        yield somebody


@pytest.fixture
async def tabs(browser: Browser, app: AppProcess) -> AsyncIterator[Tabs]:
    """The tabs of one person's browser; a fault on a page fails the test."""
    async with Tabs.of(browser, app.url) as opened:
        yield opened
