"""The reference app as a fixture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.driver import Api, AppProcess
from tests.app.simulated import Simulator
from tests.app.sms_driver import SmsApi
from tests.app.status_driver import StatusApi

StartApp = Callable[..., AppProcess]
#: Where no SMS provider is.
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[StartApp]:
    """Start apps on a database in *tmp_path*; all are stopped at the end."""
    with _starter(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """One app for all tests of a module that do not depend on a fresh one."""
    with _starter(tmp_path_factory.mktemp("app")) as start:
        app = start()
        assert app.serving, app.ending()
        yield app


@contextmanager
def _starter(folder: Path) -> Generator[StartApp]:
    started: list[AppProcess] = []

    def start(
        *arguments: str,
        db: str | None = "app.db",
        port: int = 0,
        provider: Simulator | None = None,
        simulate: bool = False,
    ) -> AppProcess:
        options = ["--port", str(port), *arguments]
        if db is not None:
            options += ["--db", db if "://" in db else f"sqlite:///{db}"]
        environment: dict[str, str] = {}
        if not simulate:
            # A simulator of its own for each app would double what a test run
            # costs; where nobody sends, nobody has to be there.
            url = provider.url if provider else NOBODY
            account = provider.account if provider else f"AC{'0' * 32}"
            options += ["--sms-url", url, "--sms-account", account]
            options += ["--sms-rate", "1000"]
            environment["CRITICAL_BUTTONS_SMS_TOKEN"] = (
                provider.token if provider else "nobody"
            )
        if provider is not None:
            options += ["--sms-admin-url", provider.admin_url or provider.url]
        app = AppProcess(*options, cwd=folder, environment=environment)
        started.append(app)
        return app

    try:
        yield start
    finally:
        for app in started:
            app.kill()


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    """An SMS provider for all tests of a module; its clock is moved by hand."""
    with Simulator("--seed", "7") as simulator:
        yield simulator


@pytest.fixture
def sim(provider: Simulator) -> Simulator:
    """The module's provider without faults and messages."""
    provider.reset()
    return provider


@pytest.fixture(scope="module")
def sms_app(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AppProcess]:
    """One app in front of the module's provider, with its switches."""
    with _starter(tmp_path_factory.mktemp("sms")) as start:
        app = start(
            *("--chaos", "--breaker-recovery", "1", "--sms-timeout", "3"),
            provider=provider,
        )
        assert app.serving, app.ending()
        yield app


@pytest.fixture
def sms(provider: Simulator, sms_app: AppProcess) -> Iterator[SmsApi]:
    """A client of the module's app, whose provider is healthy and has forgotten."""
    with sms_app.client() as client:
        api = SmsApi(client, provider)
        api.heal()
        yield api
        api.heal()


@pytest.fixture
def api(app: AppProcess) -> Iterator[Api]:
    """A client of the module's app."""
    with app.client() as client:
        yield Api(client)


@pytest.fixture
def desk(app: AppProcess) -> Iterator[StatusApi]:
    """A client of the module's app."""
    with app.client() as client:
        yield StatusApi(client)
