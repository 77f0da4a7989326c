"""From a URL to an engine, or to a sentence that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Swept
from syncpatterns.testing import FakeClock
from tests.unit.engines.conftest import files


def test_three_slashes_are_a_relative_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path counts from the working directory at the time of the call."""
    monkeypatch.chdir(tmp_path)

    engine = connect("sqlite:///var/app.db")

    assert isinstance(engine, SqliteEngine)
    assert engine.path == tmp_path / "var" / "app.db"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/app.db", "/srv/app.db"),
        ("SQLite:////srv/app.db", "/srv/app.db"),
        ("sqlite:////srv/a%20b%23c%3Fd%25.db", "/srv/a b#c?d%.db"),
        ("sqlite:////srv/büro.db", "/srv/büro.db"),
        ("sqlite:////srv/b%C3%BCro.db", "/srv/büro.db"),
    ],
)
def test_four_slashes_are_an_absolute_file(url: str, path: str) -> None:
    """Percent signs quote what a URL cannot say."""
    assert connect(url).path == Path(path)


def test_the_engine_s_url_leads_to_the_same_file() -> None:
    """Also if the name holds characters that a URL must quote."""
    engine = connect("sqlite:////srv/a%20b%23c%3Fd%25.db")

    assert connect(engine.url).path == engine.path


def test_the_busy_time_out_is_an_option() -> None:
    """In seconds; five if it is not given."""
    assert connect("sqlite:////srv/app.db?busy_timeout=0.25").busy_timeout == 0.25
    assert connect("sqlite:////srv/app.db").busy_timeout == 5.0


def test_connecting_does_no_input_or_output(tmp_path: Path) -> None:
    """Nothing is made, and a folder that is missing is not looked for yet."""
    connect(f"sqlite:///{tmp_path}/app.db")
    connect(f"sqlite:///{tmp_path}/no/such/folder/app.db")

    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "without a scheme"),
        ("app.db", "without a scheme"),
        ("mysql://db/app", "memory:// and sqlite:///"),
        ("postgresql://db/app", "no engine for postgresql:// yet"),
        ("postgresql+psycopg://db/app", "no engine for postgresql+psycopg://"),
        ("redis://db", "no engine for redis:// yet"),
        ("sqlite:", "names a file"),
        ("sqlite://", "names a file"),
        ("sqlite:///", "names a file"),
        ("sqlite:app.db", "names a file"),
        ("sqlite://app.db", "names a file"),
        ("sqlite://host/app.db", "names a file"),
        ("sqlite:///:memory:", "names a file"),
        ("sqlite:///folder/", "names a file"),
        ("sqlite:///a%00b.db", "names a file"),
        ("sqlite:///a%FFb.db", "names a file"),
        ("sqlite:///a#1.db", "%23 for #"),
        ("sqlite:///app.db?timeout=5", "Unknown option in the database URL: timeout"),
        ("sqlite:///app.db?busy_timeout", "cannot be read"),
        ("sqlite:///app.db?busy_timeout=1&busy_timeout=2", "stands twice"),
        ("sqlite:///app.db?busy_timeout=soon", "0 to 3600"),
        ("sqlite:///app.db?busy_timeout=-1", "0 to 3600"),
        ("sqlite:///app.db?busy_timeout=nan", "0 to 3600"),
        ("sqlite:///app.db?busy_timeout=inf", "0 to 3600"),
        ("sqlite:///app.db?busy_timeout=3601", "0 to 3600"),
        ("memory://somewhere", "names nothing"),
        ("memory:///somewhere", "names nothing"),
        ("memory://?max_items=0", "max_items"),
        ("memory://?max_items=1e3", "max_items"),
        ("memory://?size=1", "Unknown option"),
        ("http://[::1/app", "cannot be read"),
    ],
)
def test_a_url_that_names_no_engine_is_refused(url: str, hint: str) -> None:
    """With a sentence that says what is wrong or known."""
    with pytest.raises(ConfigurationError) as caught:
        connect(url)

    assert hint in str(caught.value)


@pytest.mark.parametrize("url", ["memory://", "sqlite:///app.db"])
def test_hooks_and_clock_reach_every_engine(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that dropped one in silence would be hard to find out."""
    monkeypatch.chdir(tmp_path)
    clock = FakeClock()
    told: list[object] = []

    engine = connect(url, clock=clock, hooks=[told.append])
    engine._hooks.emit(Swept(engine.name))

    assert engine.clock is clock
    assert told == [Swept(engine.name)]


@pytest.mark.parametrize("seconds", [-1, 3601, float("nan"), float("inf")])
def test_a_time_out_that_cannot_be_meant_is_refused(seconds: float) -> None:
    """Also without a URL."""
    with pytest.raises(ConfigurationError, match="0 to 3600"):
        SqliteEngine("app.db", busy_timeout=seconds)


def test_the_memory_engine_s_size_is_an_option() -> None:
    """In records."""
    assert connect("memory://?max_items=12").max_items == 12


@pytest.mark.parametrize("url", [None, b"sqlite:///app.db", Path("app.db"), 5])
def test_a_url_is_text(url: Any) -> None:
    """A setting that was left out is told from a wrong one."""
    with pytest.raises(ConfigurationError, match="must be text"):
        connect(url)


def test_a_password_never_shows() -> None:
    """Neither in the message nor in a cause that a traceback would print."""
    with pytest.raises(ConfigurationError) as caught:
        connect("http://me:hunter2@exa℀mple/app")

    error = caught.value
    assert "hunter2" not in f"{error} {error.__cause__}"
    assert error.__suppress_context__
