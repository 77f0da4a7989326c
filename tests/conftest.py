"""What every test shares: the async backends, Hypothesis profiles, the seed."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Generator

import hypothesis
import pytest

CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SEED = os.environ.get("SYNCPATTERNS_SEED")
MUST_RUN = ("browser", "engine")

# A CI run is the same run every time; a developer's run looks for new examples.
# No deadline: two shared cores make the time of one example a matter of luck.
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Let SYNCPATTERNS_SEED repeat a run, and Ctrl-C be heard in any.

    What a shell runs in the background ignores it, and so do all its children: the
    programs that a test interrupts would never end. Off the main thread, where some
    editors run it, no signal can be set.
    """
    heard = threading.current_thread() is threading.main_thread()
    if heard and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if SEED is not None and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> str:
    """Say what is needed to run the same tests again."""
    profile = "ci" if CI else "dev"
    return f"syncpatterns: hypothesis profile {profile}, seed {SEED or 'not set'}"


@pytest.fixture(scope="session")
def seed() -> int:
    """Where a test's own randomness starts; SYNCPATTERNS_SEED replaces it."""
    return int(SEED) if SEED else 20_260_101


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Every async test runs on both backends."""
    return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test whose identity has the address of an object in it.

    It is another one in each process, and two workers that found different tests
    run none at all.
    """
    named = [item.nodeid for item in items if re.search("0x[0-9a-f]{6}", item.nodeid)]
    if named:
        raise pytest.UsageError(f"give the parameters ids of their own: {named}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI is set, a skip of an engine or of the browser is a failure.

    A missing browser would otherwise look like a green run.
    """
    report = yield
    marker = next((name for name in MUST_RUN if item.get_closest_marker(name)), None)
    if CI and marker and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        report.outcome = "failed"
        report.longrepr = f"CI must run every test marked {marker}: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Where CI is set, no file skips itself: its marks are not known then."""
    report = yield
    if CI and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        report.outcome = "failed"
        report.longrepr = f"CI must collect {collector.nodeid}: {reason}"
    return report
