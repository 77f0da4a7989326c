"""Values that change, sort differently or answer for somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syncpatterns import SINGLE_TENANT, Idempotency, Operation, Result, connect
from syncpatterns._http import problem_document
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    DatabaseCorrupt,
    InProgress,
    Refusal,
    RefusalGone,
    StoreUnavailable,
)
from syncpatterns.operation import Transaction
from syncpatterns.testing import FakeClock

ROOT = Path(__file__).resolve().parents[3]

_PROGRAM = """
import sys
from dataclasses import dataclass
from syncpatterns import Operation, connect
from syncpatterns.operation import Transaction
from syncpatterns.testing import FakeClock

@dataclass
class Tag:
    names: set[str]

def tag(tx: Transaction, command: Tag) -> int:
    return len(command.names)

with connect(sys.argv[1]) as engine:
    answer = Operation("tags.set", engine, effect=tag).call(
        Tag({"red", "green", "blue", "black", "white"}), key="k", scope="acme"
    )
    print(answer.replayed)
"""


def test_a_header_changed_after_it_was_checked_is_not_stored() -> None:
    """What was checked is what is kept."""
    headers = {"etag": '"1"'}
    result = Result("done", headers=headers)
    headers["x\r\nset-cookie: a=1"] = "b"

    assert dict(result.headers) == {"etag": '"1"'}


@pytest.mark.case("OPR-02", part="sets")
def test_a_set_is_the_same_command_in_every_process(engine: SqliteEngine) -> None:
    """Each process walks a set of strings in an order of its own."""
    said = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, engine.url],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    ]

    assert said == ["False", "True", "True"]


def test_a_key_that_a_guard_holds_is_in_progress(engine: SqliteEngine) -> None:
    """The operation runs nothing beside it, and says when to ask again."""

    def effect(tx: Transaction, command: str) -> str:
        return command

    operation = Operation("shared.name", engine, effect=effect)
    guard = Idempotency(engine)
    where: Any = {"scope": SINGLE_TENANT, "operation": "shared.name", "payload": "x"}
    told: list[float | None] = []

    def inside(_: object) -> None:
        with pytest.raises(InProgress) as caught:
            operation.call("x", key="k", scope=SINGLE_TENANT)
        told.append(caught.value.retry_after)
        with pytest.raises(InProgress) as caught:
            guard.execute("k", inside, **where)
        told.append(caught.value.retry_after)

    guard.execute("k", inside, **where)

    assert told == [5.0, 5.0]  # not the 30 s of the lease: most calls end before


def test_a_path_of_the_server_is_not_told_to_callers() -> None:
    """The operator's sentence stays in the log; the caller's says what to do."""
    for error in (
        DatabaseCorrupt("sqlite: /srv/acme/app.db is damaged"),
        StoreUnavailable("sqlite: the disk refused /srv/acme/app.db"),
    ):
        status, _, members = problem_document(error)

        assert status == 503
        assert "/srv" not in str(members)
        assert members["detail"]


def test_a_refusal_of_any_status_keeps_its_sentence() -> None:
    """It was written for the person who pressed the button."""

    class Paused(Refusal):
        status, problem = 503, "paused"

    assert problem_document(Paused("Back at noon."))[2]["detail"] == "Back at noon."


@pytest.mark.case("IDM-49", part="refusals")
def test_a_refusal_that_is_no_longer_kept_was_not_done(tmp_path: Path) -> None:
    """Told that it was done, a page would show a refused click as a success."""
    clock = FakeClock()

    class Taken(Refusal):
        pass

    def refuse(tx: Transaction, command: str) -> str:
        raise Taken("The slot is taken.")

    with connect(f"sqlite:///{tmp_path}/app.db", clock=clock) as engine:
        operation = Operation("a", engine, effect=refuse, refusals=(Taken,))
        with pytest.raises(Taken):
            operation.call("x", key="k", scope="acme")
        clock.advance(61)

        with pytest.raises(RefusalGone, match="nothing was done"):
            operation.call("x", key="k", scope="acme")


def test_without_an_annotation_everybody_gets_what_json_says(
    engine: SqliteEngine,
) -> None:
    """The first caller gets what a replay gives."""

    def effect(tx, command):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - the point
        return (1, {"a": (2,)})

    operation: Operation[object, object] = Operation("a", engine, effect=effect)
    first = operation.call("x", key="k", scope="acme")
    again = operation.call("x", key="k", scope="acme")

    assert first.value == again.value == [1, {"a": [2]}]
