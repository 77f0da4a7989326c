"""An engine in a server of threads: opened at once, swept, closed, across forks."""

from __future__ import annotations

import atexit
import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from syncpatterns import connect
from syncpatterns.adapters import flask
from syncpatterns.adapters._housekeeping import Housekeeping
from syncpatterns.clock import SystemClock
from syncpatterns.errors import ConfigurationError, DatabaseRefused, EngineClosed
from tests.unit.adapters.flask_kit import ask


class Turns(SystemClock):
    """A clock whose sleeps the test ends one by one."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.go = threading.Semaphore(0)

    def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.go.acquire()


class Engine:
    """An engine whose sweeps do what they are told."""

    def __init__(self, *sweeps: Exception | None) -> None:
        self.told: list[str] = []
        self.swept = threading.Semaphore(0)
        self._sweeps = list(sweeps)

    def open(self) -> None:
        self.told.append("open")

    def close(self) -> None:
        self.told.append("close")
        raise OSError("cannot close")

    def sweep(self) -> None:
        does = self._sweeps.pop(0)
        self.told.append("sweep")
        self.swept.release()
        if does is not None:
            raise does


@pytest.fixture(autouse=True)
def at_exit(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is registered for the end of the process is called by the test."""
    registered: list[Any] = []
    monkeypatch.setattr(atexit, "register", registered.append)
    return registered


def test_the_engine_is_opened_at_once_and_closed_at_the_end(
    at_exit: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Before the first request; an engine that cannot be closed is in the log."""
    engine = Engine()
    flask.install_engine(Flask("test"), engine)
    (end,) = at_exit

    with caplog.at_level(logging.ERROR, "syncpatterns"):
        end()

    assert engine.told == ["open", "close"]
    assert len(caplog.records) == 1


def test_a_database_that_cannot_be_used_stops_the_server(tmp_path: Path) -> None:
    """The sentence is in the terminal, not in the first customer's answer."""
    (tmp_path / "a.db").write_bytes(b"no database" * 1000)
    engine = connect(f"sqlite:///{tmp_path}/a.db")

    with pytest.raises(DatabaseRefused):
        flask.install_engine(Flask("test"), engine)


def test_the_first_request_starts_one_sweep(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It goes on after a failure, and ends with its engine."""
    app, clock = Flask("test"), Turns()
    engine = Engine(None, OSError("disk"), None, EngineClosed("closed"))
    flask.install_engine(app, engine, sweep_every=7.0, clock=clock)
    app.add_url_rule("/", view_func=lambda: "ok")
    assert clock.asked == []

    for _ in range(3):
        assert ask(app, "GET").status == 200
    with caplog.at_level(logging.ERROR, "syncpatterns"):
        for _ in range(4):
            clock.go.release()
            assert engine.swept.acquire(timeout=120)
    for thread in threading.enumerate():
        if thread.name == "syncpatterns-sweep":
            thread.join(120)

    assert engine.told == ["open", *["sweep"] * 4]
    assert clock.asked == [7.0] * 4
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_sweep_that_is_left_to_others_has_no_thread() -> None:
    """None says so; and an engine without one has nothing to be swept."""
    house = Housekeeping(Engine(), None, None)

    house.tend()

    names = [thread.name for thread in threading.enumerate()]
    assert "syncpatterns-sweep" not in names


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf")])
def test_an_impossible_pause_is_refused(every: float) -> None:
    """At start, with the argument's name."""
    with pytest.raises(ConfigurationError, match="sweep_every"):
        flask.install_engine(Flask("test"), Engine(), sweep_every=every)


def test_what_is_no_engine_is_refused() -> None:
    """Such as its address."""
    engine: Any = "sqlite:///app.db"

    with pytest.raises(ConfigurationError, match="connect"):
        flask.install_engine(Flask("test"), engine)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_workers_that_are_forked_have_connections_and_sweeps_of_their_own(
    tmp_path: Path,
) -> None:
    """As under ``gunicorn --preload``: opened in the master, used in the workers."""
    program = textwrap.dedent(
        """
        import os, sys, threading
        from flask import Flask
        from syncpatterns import Operation, SINGLE_TENANT, connect
        from syncpatterns.adapters.flask import install_engine
        engine = connect(sys.argv[1])
        engine.transact(lambda tx: tx.connection.execute("CREATE TABLE t (pid)"))
        insert = "INSERT INTO t VALUES (?)"
        note = Operation(
            "note", engine,
            effect=lambda tx, pid: tx.connection.execute(insert, (pid,)).rowcount,
        )
        app = Flask("test")
        install_engine(app, engine, sweep_every=3600)

        @app.get("/")
        def view():
            note.call(os.getpid(), key=str(os.getpid()), scope=SINGLE_TENANT)
            names = [each.name for each in threading.enumerate()]
            return str(names.count("syncpatterns-sweep"))

        assert app.test_client().get("/").text == "1"
        children = []
        for _ in range(2):
            child = os.fork()
            if not child:
                client = app.test_client()
                assert client.get("/").text == client.get("/").text == "1"
                sys.exit()
            children.append(child)
        codes = {os.waitpid(child, 0)[1] for child in children}
        assert codes == {0}, codes
        assert app.test_client().get("/").text == "1"
        """
    )
    database = tmp_path / "a.db"
    argv = [sys.executable, "-W", "ignore", "-c", program, f"sqlite:///{database}"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=200
    )

    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT count(DISTINCT pid) FROM t").fetchone()
    connection.close()
    assert rows == (3,)
