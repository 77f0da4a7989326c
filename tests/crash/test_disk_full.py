"""An operation on a disk without room: told, undone, and done once there is some."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import DiskFull
from syncpatterns.testing import Ack, EffectsLedger
from tests.crash import bookings
from tests.crash.bookings import DATABASE, SCOPE, Confirm, Confirmation
from tests.crash.judge import complaints, look


def pages(engine: SqliteEngine) -> int:
    """Return how many pages the database has."""
    return int(engine.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0]))


def limit(engine: SqliteEngine, count: int) -> None:
    """Have SQLite find the disk full at so many pages; an effect may not say so."""
    writer = engine._opened().session.connection
    writer.execute(f"PRAGMA max_page_count={count}")


def told(operation: Confirmation, key: str) -> Ack:
    """Confirm *key* and return what its caller was told."""
    answer = operation.call(Confirm(key), key=key, scope=SCOPE)
    return Ack(key, answer.body, "test")


def filled_again_and_again(variant: str, folder: Path) -> tuple[int, list[str]]:
    """Give room page by page; retry what was refused once there is one more.

    The disk so gets full now in one table, now in another.

    Returns:
        How often it was full, and what is wrong in the end.
    """
    acks: list[Ack] = []
    full = 0
    with bookings.engine_for(variant, folder) as engine:
        engine.transact(bookings.create)
        operation = bookings.confirmation(engine)
        room = pages(engine)
        for key in (f"k{number}" for number in range(100)):
            while True:
                limit(engine, room)
                try:
                    acks.append(told(operation, key))
                    break
                except DiskFull:
                    full += 1
                    room += 1
        acks += [told(operation, ack.key) for ack in acks]
    return full, complaints(look(folder / DATABASE), acks)


@pytest.mark.case("OPR-06", part="full disk")
def test_full_at_any_page_it_is_all_or_nothing(tmp_path: Path) -> None:
    """A refused call left nothing, and its key works as soon as there is room."""
    full, wrong = filled_again_and_again("one-commit", tmp_path)

    assert wrong == []
    assert full > 5


@pytest.mark.case("OPR-06", part="planted")
def test_a_record_that_finds_no_room_after_its_effect_is_caught(
    tmp_path: Path,
) -> None:
    """The same judge sees that the retry was a second effect."""
    full, wrong = filled_again_and_again("two-commits", tmp_path)

    assert full > 5
    assert any("happened 2 times" in text for text in wrong)


@pytest.mark.skipif(sys.platform == "win32", reason="has no file-size limits")
@pytest.mark.case("OPR-06", part="full disk")
def test_a_quota_keeps_what_was_told_and_refuses_the_rest(tmp_path: Path) -> None:
    """Nothing of a refused call is there; without the quota each runs once."""
    count = 40
    program = ["-m", "tests.crash.programs.confirm_until_full"]
    done = subprocess.run(
        [sys.executable, *program, str(tmp_path), str(count), "400000"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert done.returncode == 0, done.stderr
    refusals = json.loads(done.stdout)
    acks = EffectsLedger(tmp_path / "ledger").acks()
    found = look(tmp_path / DATABASE)
    assert set(refusals) == {"StoreUnavailable"}
    assert len(acks) == count - len(refusals) > 0
    assert found.records.keys() == {ack.key for ack in acks}
    assert complaints(found, acks) == []

    keys = [f"k{number}" for number in range(count)]
    with bookings.engine_for("one-commit", tmp_path) as engine:
        operation = bookings.confirmation(engine)
        acks += [told(operation, key) for key in keys]
    found = look(tmp_path / DATABASE)

    assert complaints(found, acks) == []
    assert found.changes == dict.fromkeys(keys, 1)
