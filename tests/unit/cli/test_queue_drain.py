"""``queue drain`` and ``work``: the application's handlers, run from a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.unit.cli.conftest import Shop, document
from tests.unit.cli.queues import CANARY, Field, run

Start: TypeAlias = Callable[..., subprocess.Popen[str]]

#: What an application looks like to ``--app``.
FIELD = """
from __future__ import annotations
from pathlib import Path
from syncpatterns import connect
from syncpatterns.errors import NotPermitted
from syncpatterns.offline_queue import OfflineQueue

print("the field says hello")  # must not end up in a JSON document

engine = connect("sqlite:///app.db")
queue = OfflineQueue("field", engine)


@queue.handler("leads.update")
def update(payload: dict, ctx) -> dict:
    print(f"delivering {payload['n']}\\n", end="")  # one write: two threads do it
    if payload["n"] in (3, 4):
        raise NotPermitted(payload["phone"])
    with Path("delivered.txt").open("a") as out:
        out.write(f"{payload['n']}\\n")
    return {"done": payload["n"]}


def put(count):
    for n in range(1, count + 1):
        queue.enqueue(
            "leads.update", {"n": n, "phone": "+12025550147"}, key=f"k{n}",
            scope="acme",
        )


def made():
    return queue


not_a_queue = 7
"""


@pytest.fixture
def field(shop: Shop) -> Field:
    """Go to an application with a queue and its handler."""
    Path("field.py").write_text(FIELD)
    return Field()


def fill(count: int) -> None:
    """Let the application, in a process of its own, enqueue some."""
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"import field; field.put({count}); field.engine.close()",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def delivered() -> list[str]:
    """Return what the handler wrote down, in order."""
    return Path("delivered.txt").read_text().split()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command as a process of its own; none is left when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def begin(*args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-m", "syncpatterns.cli", "queue"]
        process = subprocess.Popen(
            [*command, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def until_delivered(worker: subprocess.Popen[str], count: int) -> None:
    """Wait until the handler has written down *count* effects.

    Not for what it prints: of two threads that print at once a line may be lost
    or joined. The effect is there for certain, or the worker has ended.
    """
    effects = Path("delivered.txt")
    for _ in range(10_000):
        if effects.exists() and len(delivered()) >= count:
            return
        with suppress(subprocess.TimeoutExpired):
            worker.wait(0.02)
            pytest.fail("the worker ended by itself")
    pytest.fail("nothing was delivered for 200 s")


def test_what_can_be_delivered_is_delivered(field: Field) -> None:
    """By the application's handler; the report is on standard output."""
    fill(2)

    result = run("drain", "--app", "field:queue")

    assert (result.exit_code, result.stdout) == (0, "2 items delivered.\n")
    assert sorted(delivered()) == ["1", "2"]
    assert field.items() == []


def test_what_is_left_is_said_and_ends_with_1(field: Field) -> None:
    """Forbidden items are parked: somebody has to look."""
    fill(4)

    result = run("drain", "--app", "field:made")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "2 items delivered.",
        "2 parked: somebody has to look, see `dead ls`.",
        "2 left.",
    ]
    assert CANARY not in result.output


def test_json_is_one_document_whatever_the_handler_prints(field: Field) -> None:
    """What the application prints is on standard error."""
    fill(1)

    result = run("drain", "--app", "field:queue", "--json")

    assert document(result) == {
        "sent": 1,
        "failed": 0,
        "parked": 0,
        "released": 0,
        "dead": 0,
        "left": 0,
        "offline": [],
    }
    assert "the field says hello" in result.stderr
    assert "delivering 1" in result.stderr


def test_progress_is_said_where_nobody_watches(field: Field) -> None:
    """Plain lines on standard error; the last says that all is done."""
    fill(2)

    lines = run("drain", "--app", "field:queue").stderr.splitlines()

    assert "Delivered 2 of 2 (100 %)" in lines


def test_an_empty_queue_is_drained_at_once(field: Field) -> None:
    """It is made if it was not there, as by the application itself."""
    result = run("drain", SYNCPATTERNS_QUEUE_APP="field:queue")

    assert (result.exit_code, result.stdout) == (0, "0 items delivered.\n")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ([], "name its OfflineQueue with --app"),
        (["--app", "field"], "takes module:attribute"),
        (["--app", "field:nothing"], "has no attribute nothing"),
        (["--app", "nowhere:queue"], "there is no module nowhere"),
        (["--app", "field:not_a_queue"], "is of type int, not an OfflineQueue"),
        (["--app", "field:put"], "needs arguments"),
        (["--app", "field:queue", "--concurrency", "0"], "--concurrency"),
    ],
)
@pytest.mark.parametrize("command", ["drain", "work"])
def test_what_is_named_wrongly_is_said(
    field: Field, command: str, args: list[str], sentence: str
) -> None:
    """Before anything is delivered."""
    result = run(command, *args)

    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_in_order_when_it_is_told_to(
    field: Field, start: Start, number: signal.Signals
) -> None:
    """It delivers what is there, waits for more, and says what it did."""
    fill(2)
    worker = start("work", "--app", "field:queue")
    until_delivered(worker, 2)
    worker.send_signal(number)
    out, _ = worker.communicate(timeout=200)

    assert worker.returncode == 0
    assert out.splitlines() == [
        "Working on field; SIGTERM or Ctrl-C ends it.",
        "2 items delivered.",
    ]
    assert sorted(delivered()) == ["1", "2"]
