"""A database with a queue in it, and the command that looks after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from syncpatterns.cli._app import app
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import (
    Fail,
    Item,
    NewItem,
    Park,
    QueueRules,
    Release,
    Settlement,
)
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, QueueStore

DB = "sqlite:///app.db"
CANARY = "+12025550147"
#: Everything that a terminal or a format could stumble over.
HOSTILE = "\x1b[2J [red] \n\r\t\u202e \u2028 \U0001f600 \\ \" ' , é"


def item(key: str, operation: str = "leads.update", **more: Any) -> NewItem:
    """Return something to do; what it says is personal."""
    values: dict[str, Any] = {"payload": b'{"phone": "%s"}' % CANARY.encode()} | more
    return NewItem(operation, key, "acme", b"f" * 32, **values)


class Field:
    """The queue ``field`` of the database in the current folder."""

    def __init__(self, name: str = "field", path: str = "app.db") -> None:
        self.name = name
        self.path = Path(path)

    def within(self, work: Callable[[QueueStore], Any]) -> Any:
        """Do *work* with the store."""
        with SqliteEngine(self.path) as engine:
            return work(engine.queue_store())

    def make(self, rules: QueueRules | None = None) -> None:
        """Make the queue."""
        self.within(lambda store: store.configure(self.name, rules or QueueRules()))

    def put(self, *items: NewItem) -> list[int]:
        """Put *items* in, and return their numbers."""

        def work(store: QueueStore) -> list[int]:
            store.configure(self.name, QueueRules(max_items=10_000))
            stored = store.enqueue(EnqueueRequest(self.name, items))
            return [each.seq for each in stored]

        numbers: list[int] = self.within(work)
        return numbers

    def end(self, new: NewItem, how: Callable[[Any], Settlement]) -> int:
        """Put an item in, claim it, and settle it; return its number."""

        def work(store: QueueStore) -> int:
            store.configure(self.name, QueueRules(max_items=10_000))
            (stored,) = store.enqueue(EnqueueRequest(self.name, [new], lease=30.0))
            assert stored.claimed is not None
            (settled,) = store.settle(self.name, [how(stored.claimed.hold)])
            assert settled.accepted
            return stored.seq

        number: int = self.within(work)
        return number

    def dead(self, key: str, error: str = "said no", **more: Any) -> int:
        """Put an item in that is DEAD."""
        return self.end(item(key, **more), lambda hold: Fail(hold, "rejected", error))

    def parked(self, key: str, **more: Any) -> int:
        """Put an item in that is PARKED."""
        return self.end(item(key, **more), lambda hold: Park(hold, "sign-in"))

    def sent(self, key: str, **more: Any) -> int:
        """Put an item in that may have reached somebody."""
        return self.end(item(key, **more), Release)

    def claim(self, count: int = 1) -> list[Item]:
        """Claim some."""
        request = ClaimRequest(self.name, count, 30.0)
        claimed: list[Item] = self.within(lambda store: store.claim(request))
        return claimed

    def items(self) -> list[Item]:
        """Return all there are."""
        found: list[Item] = self.within(
            lambda store: store.items(self.name, limit=10_000)
        )
        return found

    def states(self) -> dict[str, str]:
        """Return the state of each by its key."""
        return {each.key: each.state.value for each in self.items()}


def run(*args: str | int, stdin: str | bytes = "", **env: str) -> Result:
    """Run ``syncpatterns queue`` in this process."""
    result = CliRunner().invoke(
        app,
        ["queue", *map(str, args)],
        input=stdin,
        env=env,
        prog_name="syncpatterns",
    )
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def masked(lines: str | Iterable[str]) -> list[str]:
    """Return lines with one space where there are several, and without days."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    for pattern, mark in (
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "DATE"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "MOMENT"),
        (r"\b\d+ (s|min)\b", "AGE"),
        (r"\b\d+\.\d+\b", "SECONDS"),
        (r"\b[0-9a-f]{8}\b", "HASH"),
    ):
        text = re.sub(pattern, mark, text)
    return [" ".join(line.split()) for line in text.splitlines()]
