"""What is not ours to salvage stays as it is; and nobody salvages unasked."""

from __future__ import annotations

import itertools
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines import connect
from syncpatterns.engines.sqlite import SqliteEngine, salvage
from syncpatterns.errors import (
    ConfigurationError,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseTooNew,
    EngineBusy,
)
from syncpatterns.events import Fact, StorageRecovered, Swept
from syncpatterns.testing import FakeClock
from tests.unit.engines.conftest import files
from tests.unit.engines.damaged import (
    PAGE,
    contents,
    damage,
    fill,
    item,
    pages_of,
    payloads,
    root_of,
)

NEWER = {
    "schema": "UPDATE syncpatterns_meta SET value = 99 WHERE name = 'schema'",
    "table": "CREATE TABLE syncpatterns_later (id INTEGER PRIMARY KEY, x TEXT)",
    "column": "ALTER TABLE syncpatterns_record ADD COLUMN later TEXT",
}


@pytest.mark.parametrize("change", NEWER.values(), ids=NEWER)
def test_a_file_of_a_newer_release_is_left_as_it_is(spoilt: Path, change: str) -> None:
    """This one does not know what it would lose."""
    with closing(sqlite3.connect(spoilt)) as connection:
        connection.executescript(change)
    before = contents(spoilt.parent)

    with pytest.raises(DatabaseTooNew, match="with the release that wrote it"):
        salvage(spoilt)

    assert contents(spoilt.parent) == before


def test_a_chain_of_pages_without_end_is_damage(path: Path) -> None:
    """Made by hand: each page leads to the next, hundreds deep."""
    fill(path, (item(n, size=2000) for n in range(1, 801)))
    first = root_of(path, "syncpatterns_queue_item")
    others = [n for n in range(30, pages_of(path)) if n != first]
    with path.open("rb+") as file:
        for page, following in itertools.pairwise([first, *others]):
            file.seek((page - 1) * PAGE)
            file.write(struct.pack(">BHHHBI", 5, 0, 0, 0, 0, following))

    salvage(path)

    assert len(payloads(path)) < 800


@pytest.fixture
def spoilt(path: Path) -> Path:
    """Leave a damaged file that is the library's alone."""
    fill(path, (item(n) for n in range(1, 501)))
    damage(path, [root_of(path, "syncpatterns_queue_item_order")])
    return path


def test_a_file_with_business_tables_is_left_as_it_is(path: Path) -> None:
    """Nobody here can judge what its rows mean to each other."""
    with SqliteEngine(path) as engine:
        engine.transact(lambda tx: tx.connection.execute("CREATE TABLE booking (id)"))
    damage(path, [root_of(path, "syncpatterns_queue_item")])
    before = contents(path.parent)

    with pytest.raises(DatabaseForeign, match=r"tables of your own \(booking\)") as no:
        salvage(path)

    assert "syncpatterns queue backup" in str(no.value)
    assert contents(path.parent) == before


def test_a_file_of_another_program_is_left_as_it_is(path: Path) -> None:
    """It is not marked as ours."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE syncpatterns_meta (name, value)")
        connection.execute("CREATE INDEX i ON syncpatterns_meta (name)")
    damage(path, [3])
    before = contents(path.parent)

    with pytest.raises(DatabaseForeign, match="not marked as this library's"):
        salvage(path)

    assert contents(path.parent) == before


def test_without_its_first_page_nobody_can_tell_whose_it_is(spoilt: Path) -> None:
    """Then nothing is moved."""
    damage(spoilt, [1])
    before = contents(spoilt.parent)

    with pytest.raises(DatabaseCorrupt, match="nobody can tell whose"):
        salvage(spoilt)

    assert contents(spoilt.parent) == before


def test_a_damaged_list_of_tables_hides_whose_they_are(spoilt: Path) -> None:
    """A table of somebody else's could be on the page that is gone."""
    with closing(sqlite3.connect(spoilt)) as connection:
        leaf = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'sqlite_schema' AND pageno > 1"
        ).fetchone()[0]
    damage(spoilt, [leaf])
    before = contents(spoilt.parent)

    with pytest.raises(DatabaseCorrupt, match="list of tables"):
        salvage(spoilt)

    assert contents(spoilt.parent) == before


def test_a_sound_file_is_not_salvaged(path: Path) -> None:
    """There is nothing to be saved from."""
    fill(path, [item(1)])

    with pytest.raises(ConfigurationError, match="is in order"):
        salvage(path)

    assert files(path.parent) == ["app.db", "app.db.reserve"]


def test_a_file_that_is_not_there_is_not_made(path: Path) -> None:
    """The path is more likely a mistake."""
    with pytest.raises(ConfigurationError, match="not there"):
        salvage(path)

    assert files(path.parent) == []


def test_one_that_another_process_has_open_is_refused(spoilt: Path) -> None:
    """It would go on writing to the file that was moved away."""
    before = contents(spoilt.parent)
    program = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1])\n"
        "c.execute('SELECT count(*) FROM syncpatterns_meta').fetchone()\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(spoilt)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(EngineBusy, match="another process"):
            salvage(spoilt)
        other.communicate()

    assert contents(spoilt.parent).items() >= before.items()


def test_one_that_this_process_has_open_is_refused(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its locks are of no use against itself."""
    monkeypatch.setattr("syncpatterns.engines.sqlite._connection._CHECK_BELOW", 0)
    with (
        SqliteEngine(spoilt),
        pytest.raises(ConfigurationError, match="Close it first"),
    ):
        salvage(spoilt)


# ------------------------------------------------------------------- engines


def test_opening_never_salvages_unasked(spoilt: Path) -> None:
    """The file stays, and the error names both ways out."""
    before = contents(spoilt.parent)

    with pytest.raises(DatabaseCorrupt, match="syncpatterns queue salvage") as no:
        SqliteEngine(spoilt).open()

    assert "syncpatterns queue backup" in str(no.value)
    assert contents(spoilt.parent) == before


def test_opening_salvages_where_that_was_asked_for(spoilt: Path) -> None:
    """Once; who listens is told."""
    told: list[Fact | Swept] = []

    engine: SqliteEngine = connect(f"sqlite:///{spoilt}?salvage=1", hooks=[told.append])
    with engine:
        live = engine.queue_store().stats("field").live
    with connect(f"sqlite:///{spoilt}?salvage=1"):
        pass

    (fact,) = told
    assert live == 500
    assert isinstance(fact, StorageRecovered)
    assert (fact.path, fact.lost) == (str(spoilt), 0)
    assert fact.kept >= 500
    assert len([name for name in files(spoilt.parent) if "corrupt" in name]) == 1


def test_who_hears_of_it_may_use_the_engine(spoilt: Path) -> None:
    """It is told when everything is open."""
    seen: list[int] = []

    def hook(fact: Fact | Swept) -> None:
        seen.append(engine.queue_store().stats("field").live)

    engine = SqliteEngine(spoilt, hooks=[hook], salvage=True)
    engine.open()
    engine.close()

    assert seen == [500]


def test_the_option_takes_0_or_1() -> None:
    """Anything else is a mistake that is told at once."""
    with pytest.raises(ConfigurationError, match="salvage must be 0 or 1"):
        connect("sqlite:///app.db?salvage=yes")


def test_owner_and_permissions_stay(spoilt: Path) -> None:
    """A file that root has salvaged must be open to the service again."""
    spoilt.chmod(0o640)

    salvage(spoilt)

    assert spoilt.stat().st_mode & 0o777 == 0o640


def test_each_damaged_file_is_kept(spoilt: Path) -> None:
    """A second one in the same second does not replace the first."""
    clock = FakeClock(1_700_000_000.0)
    salvage(spoilt, clock=clock)
    damage(spoilt, [root_of(spoilt, "syncpatterns_queue_item_order")])
    salvage(spoilt, clock=clock)

    assert [name for name in files(spoilt.parent) if "corrupt" in name] == [
        "app.db.corrupt-20231114T221320Z",
        "app.db.corrupt-20231114T221320Z-2",
    ]
