"""A shop whose SMS got lost on the way, and the command that looks after it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from syncpatterns import Operation
from syncpatterns.cli._app import app
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import OutcomeUnknown
from syncpatterns.idempotency import Record

CANARY = "+12025550147"
DB = "sqlite:///app.db"

#: What an application looks like to ``--app``.
SHOP = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
from syncpatterns import Operation, connect

print("the shop says hello")  # must not end up in a JSON document


@dataclass(frozen=True)
class Sms:
    to: str
    body: str


@dataclass(frozen=True)
class Receipt:
    sid: str


engine = connect("sqlite:///app.db")


def send(command: Sms, ctx) -> Receipt:
    raise TimeoutError(command.to)


def find(command: Sms, ctx) -> Receipt | None:
    says = Path("provider.txt").read_text().strip()
    if says == "down":
        raise ConnectionError(command.to)
    return Receipt(says) if says else None


def record(tx, command: Sms, receipt: Receipt) -> str:
    if receipt.sid == "SMbug":
        raise LookupError(command.to)
    tx.connection.execute("INSERT INTO sent VALUES (?, ?)", (command.to, receipt.sid))
    return receipt.sid


send_sms = Operation("sms.send", engine, call=send, commit=record)
looking = Operation(
    "sms.send", engine, call=send, commit=record, lookup=find, look_pause=0,
    lookup_retry=None,
)
other = Operation("mail.send", engine, call=send, commit=record)
"""


class Shop:
    """The shop's folder, and what it did before anybody looked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "app.db"
        (folder / "shop.py").write_text(SHOP)
        with SqliteEngine(self.path) as engine:
            engine.transact(
                lambda tx: tx.connection.execute("CREATE TABLE sent (phone, sid)")
            )

    def lose(
        self,
        key: str = "k1",
        *,
        operation: str = "sms.send",
        note: str | None = None,
        fails_after: bool = False,
    ) -> str:
        """Send one whose answer nobody saw; return its storage key."""

        def send(command: dict[str, str], ctx: Any) -> dict[str, str]:
            if note is not None:
                ctx.step(note, lambda: command["to"])
            if not fails_after:
                raise TimeoutError(command["to"])
            return {"sid": "SMkept"}

        def fail(tx: Any, command: dict[str, str], receipt: dict[str, str]) -> str:
            raise ValueError(command["to"])

        with SqliteEngine(self.path) as engine:
            lost = Operation(operation, engine, call=send, commit=fail)
            with suppress(OutcomeUnknown):
                lost.call({"to": CANARY, "body": "Hi"}, key=key, scope="acme")
            return lost.storage_key(key, scope="acme")

    def provider(self, says: str) -> None:
        """Let the provider's list hold *says*; ``down``: it cannot be asked."""
        (self.folder / "provider.txt").write_text(says)

    def rows(self, sql: str = "SELECT phone, sid FROM sent") -> list[tuple[Any, ...]]:
        """Read the database as anybody could."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        """Put the database into a state that takes long to get into."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql)

    def orphan(self) -> None:
        """Let every owner have died with its lease run out."""
        self.change(
            "UPDATE syncpatterns_record "
            "SET state = 'in_progress', lease_until = created"
        )

    def trail(self) -> list[tuple[Any, ...]]:
        """Return the audit trail, oldest first."""
        return self.rows(
            "SELECT lower(hex(key)), operation, happened, actor, reason "
            "FROM syncpatterns_resolution ORDER BY number"
        )

    def record(self, key: str) -> Record:
        """Return what is stored under *key*."""
        with SqliteEngine(self.path) as engine:
            record = engine.idempotency_store().inspect(key)
        assert record is not None
        return record


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Go to an empty shop; what was imported there is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("COLUMNS", raising=False)  # of whoever runs the tests
    monkeypatch.delenv("SYNCPATTERNS_DB", raising=False)
    monkeypatch.delenv("SYNCPATTERNS_APP", raising=False)
    before = set(sys.modules)
    yield Shop(tmp_path)
    for name in set(sys.modules) - before:
        engine = getattr(sys.modules[name], "engine", None)
        if isinstance(engine, SqliteEngine):
            engine.close()
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


Run = Callable[..., Result]


@pytest.fixture
def run(shop: Shop) -> Run:
    """Run ``syncpatterns unresolved`` in this process."""

    def run(*args: str, stdin: str = "", **env: str) -> Result:
        result = CliRunner().invoke(
            app, ["unresolved", *args], input=stdin, env=env, prog_name="syncpatterns"
        )
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result

    return run


def document(result: Result) -> Any:
    """Return the one JSON document on stdout."""
    assert result.exit_code in (0, 1), result.output
    return json.loads(result.stdout)


COMMAND = [sys.executable, "-W", "error", "-m", "syncpatterns.cli", "unresolved"]


def start(
    *args: str, stdin: int = subprocess.DEVNULL, **env: str
) -> subprocess.Popen[str]:
    """Start ``syncpatterns unresolved`` as a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *args],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for its end; return exit code, stdout and stderr."""
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err
