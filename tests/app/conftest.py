"""The reference app as a fixture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.driver import Api, AppProcess

StartApp = Callable[..., AppProcess]


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

    def start(*arguments: str, db: str | None = "app.db", port: int = 0) -> AppProcess:
        options = ["--port", str(port), *arguments]
        if db is not None:
            options += ["--db", db if "://" in db else f"sqlite:///{db}"]
        app = AppProcess(*options, cwd=folder)
        started.append(app)
        return app

    try:
        yield start
    finally:
        for app in started:
            app.kill()


@pytest.fixture
def api(app: AppProcess) -> Iterator[Api]:
    """A client of the module's app."""
    with app.client() as client:
        yield Api(client)
