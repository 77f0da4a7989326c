"""``queue doctor``, ``backup`` and ``salvage``: looking after the file."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.testing import sqlite_integrity
from tests.unit.cli.conftest import Shop, document
from tests.unit.cli.queues import DB, Field, item, run


@pytest.fixture
def field(shop: Shop) -> Field:
    """Leave a database that is the library's alone, with some items."""
    shop.change("DROP TABLE sent")
    field = Field()
    field.put(*(item(f"k{n}", payload=b'"%s"' % (b"x" * 300)) for n in range(300)))
    return field


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be wrong with the machine."""
    from syncpatterns.engines.sqlite._care._doctor import Machine

    sound = Machine((3, 51, 3), (), "", "")
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: sound))


def damage(name: str) -> None:
    """Overwrite the first page of a table or index."""
    with closing(sqlite3.connect("app.db")) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
    with Path("app.db").open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(random.Random(1).randbytes(4096))


def test_nothing_wrong_is_said_in_words(field: Field, quiet: None) -> None:
    """Good news."""
    result = run("doctor", "--db", DB)

    assert (result.exit_code, result.output) == (0, "Nothing is wrong.\n")


def test_each_finding_says_what_to_do(field: Field, shop: Shop, quiet: None) -> None:
    """And the exit code is 1 until it is repaired."""
    shop.change("UPDATE syncpatterns_queue_count SET items = 7 WHERE state = -1")

    found = run("doctor", "--db", DB)
    listed = document(run("doctor", "--db", DB, "--json"))
    repaired = run("doctor", "--db", DB, "--repair")
    after = run("doctor", "--db", DB)

    assert found.exit_code == 1
    assert found.stdout.startswith("counters: 7 live items")
    assert [each["what"] for each in listed["findings"]] == ["counters"]
    assert repaired.exit_code == 0
    assert repaired.stdout.endswith(" Repaired.\n")
    assert after.stdout == "Nothing is wrong.\n"


def test_a_backup_is_made_and_checked(field: Field) -> None:
    """The sentence says where it is."""
    result = run("backup", "copy.db", "--db", DB)

    size = Path("copy.db").stat().st_size
    copy = Path("copy.db").resolve()
    assert result.stdout == f"Backed up to {copy}, {size} bytes, checked.\n"
    assert sqlite_integrity("copy.db") == "ok"
    assert len(Field(path="copy.db").items()) == 300


@pytest.mark.case("QUE-46", part="command line")
def test_a_backup_overwrites_nothing(field: Field) -> None:
    """Not even an older one."""
    Path("copy.db").write_text("precious")

    result = run("backup", "copy.db", "--db", DB)

    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert Path("copy.db").read_text() == "precious"


@pytest.mark.case("QUE-43", part="command line")
def test_a_damaged_file_is_salvaged(field: Field) -> None:
    """The sentences say where it lies now, and that nothing was lost."""
    damage("syncpatterns_queue_item_order")

    refused = run("ls", "--db", DB)
    result = run("salvage", "--db", DB, "--yes")

    assert refused.exit_code == 2
    assert "syncpatterns queue salvage" in refused.stderr
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert " rows saved. The damaged file is " in first
    assert "app.db.corrupt-" in first
    assert second == "Nothing was lost."
    assert len(field.items()) == 300


def test_what_was_lost_is_listed(field: Field) -> None:
    """Numbers of the queue's items, so that they can be looked for elsewhere."""
    with closing(sqlite3.connect("app.db")) as connection:
        (page,) = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'syncpatterns_queue_item' AND "
            "pagetype = 'leaf' ORDER BY path LIMIT 1"
        ).fetchone()
    with Path("app.db").open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)

    report = document(run("salvage", "--db", DB, "--yes", "--json"))

    (gap,) = report["lost"]
    assert (gap["what"], gap["first"]) == ("queue field", 1)
    assert len(field.items()) == 300 - gap["last"]
    assert report["kept"]["syncpatterns_queue_item"] == 300 - gap["last"]


def test_salvaging_is_asked_for(field: Field) -> None:
    """Nobody there to ask: nothing is touched."""
    damage("syncpatterns_queue_item_order")
    before = Path("app.db").read_bytes()

    result = run("salvage", "--db", DB)

    assert result.exit_code == 2
    assert "say --yes" in result.stderr
    assert Path("app.db").read_bytes() == before


@pytest.mark.parametrize(
    ("db", "sentence"),
    [
        (DB, "is in order"),
        ("sqlite:///no.db", "is not there"),
        ("memory://", "Only a SQLite database"),
        (None, "Name the database"),
    ],
)
def test_what_cannot_be_salvaged_is_said(
    field: Field, db: str | None, sentence: str
) -> None:
    """In one sentence, with exit code 2."""
    result = run("salvage", "--yes", *(["--db", db] if db else []))

    assert result.exit_code == 2
    assert sentence in result.stderr
