"""What a supervisor and a stranger are told of the app's state."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from examples.critical_buttons.health import Health
from examples.critical_buttons.settings import Settings
from examples.critical_buttons.startup import open_database
from syncpatterns.realtime import Hub, Relay
from tests.app.conftest import StartApp
from tests.app.driver import Api
from tests.app.status_driver import StatusApi

#: Waits only for a moment, so that a locked database is noticed at once.
IMPATIENT = "sqlite:///app.db?busy_timeout=0.05"


def test_health_names_each_action_and_what_it_promises(start_app: StartApp) -> None:
    """The three of them, how each works, where; and no more of anything."""
    app = start_app()
    with app.client() as client:
        told = client.get("/api/health").json()

    assert set(told) == {
        *("status", "database", "operations", "relay", "breakers", "chaos")
    }
    single = {"guarantee": "exactly_once", "mode": "single", "engine": "sqlite"}
    fenced = {"guarantee": "at_most_once", "mode": "fenced", "engine": "sqlite"}
    assert told["operations"] == {
        "bookings.confirm": single,
        "leads.update-status": single,
        "sms.send": fenced,
    }


def test_health_names_no_path_and_nobody(start_app: StartApp) -> None:
    """Well and ill: neither where the file is, nor a customer, a lead, a number."""
    app = start_app(db=IMPATIENT)
    with app.client() as client:
        people = [each["customer"] for each in Api(client).bookings()]
        for lead in StatusApi(client).leads():
            people += [lead["name"], lead["phone"]]
        with closing(sqlite3.connect(app.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            ill = client.get("/api/health").text
            other.execute("ROLLBACK")
        well = client.get("/api/health").text
    app.stop()

    assert [json.loads(each)["status"] for each in (ill, well)] == ["unavailable", "ok"]
    for text in (ill, well):
        assert str(app.database.parent) not in text
        assert "app.db" not in text
        assert [each for each in people if each and each in text] == []
    assert "The server's log says why." in ill
    assert any("cannot be written" in line for line in app.said)


async def test_an_ill_database_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However often a supervisor looks; and once more when it is well again."""
    database = tmp_path / "app.db"
    settings = Settings(db=f"sqlite:///{database}?busy_timeout=0.05")
    opened = open_database(settings, lambda _: None)
    try:
        health = Health(opened.engine, Relay(opened.engine, Hub(opened.engine)), [], [])
        with caplog.at_level(logging.WARNING, "critical_buttons"):
            with closing(sqlite3.connect(database, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                for _ in range(3):
                    await health.report()
                other.execute("ROLLBACK")
            for _ in range(3):
                await health.report()
    finally:
        opened.close()

    lines = [
        record.levelname
        for record in caplog.records
        if record.name == "critical_buttons"
    ]
    assert lines == ["ERROR", "WARNING"]
