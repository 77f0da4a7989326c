"""A damaged file of ours is saved into a new one; anybody else's is left alone."""

from __future__ import annotations

import itertools
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines import connect
from syncpatterns.engines.sqlite import Gap, SqliteEngine, salvage
from syncpatterns.errors import (
    ConfigurationError,
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseTooNew,
    EngineBusy,
)
from syncpatterns.events import Fact, StorageRecovered, Swept
from syncpatterns.offline_queue._core import NewItem, QueueRules
from syncpatterns.offline_queue._ports import EnqueueRequest
from syncpatterns.testing import FakeClock, sqlite_integrity
from tests.unit.engines.conftest import files

PAGE = 4096
OURS = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'syncp%'"


def item(number: int, size: int = 200, lane: str | None = None) -> NewItem:
    """Return the item that the test puts in under this number."""
    return NewItem(
        "leads.update",
        f"k{number}",
        "acme",
        b"f" * 32,
        b'{"n":%d,"x":"%s"}' % (number, b"x" * size),
        lane=lane,
    )


def fill(path: Path, items: Iterable[NewItem], queue: str = "field") -> None:
    """Put *items* into a queue of the database."""
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        store.configure(queue, QueueRules(max_items=1_000_000, max_bytes=1 << 40))
        store.enqueue(EnqueueRequest(queue, list(items)))


def rows(path: Path) -> dict[str, list[Any]]:
    """Return every row of every table of the library."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute(OURS)]
        return {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
        }


def damage(path: Path, pages: Iterable[int], seed: int = 1) -> None:
    """Overwrite these pages with noise."""
    rng = random.Random(seed)
    with path.open("rb+") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(rng.randbytes(PAGE))


def root_of(path: Path, name: str) -> int:
    """Return the first page of a table or index."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        )
        return int(found.fetchone()[0])


def pages_of(path: Path) -> int:
    """Return how many pages the file has."""
    return path.stat().st_size // PAGE


def payloads(path: Path, queue: str = "field") -> dict[int, bytes]:
    """Return what an engine finds in the queue: number and payload of each item."""
    found: dict[int, bytes] = {}
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        after = 0
        while batch := store.items(queue, after=after, limit=1000):
            found |= {each.seq: each.payload for each in batch}
            after = batch[-1].seq
    return found


@pytest.mark.case("QUE-43", part="salvage")
@pytest.mark.parametrize("seed", range(3))
def test_three_bad_pages_cost_less_than_one_row_in_a_hundred(
    path: Path, seed: int
) -> None:
    """What is kept is as it was, the rest is listed, and it is written again."""
    fill(path, (item(n, size=(n % 7) * 150) for n in range(1, 5001)))
    before = payloads(path)
    rng = random.Random(seed)
    damage(path, rng.sample(range(2, pages_of(path) + 1), 3), seed)

    report = salvage(path, clock=FakeClock(1_700_000_000.0))

    after = payloads(path)
    lost = before.keys() - after.keys()
    listed = {
        number
        for gap in report.lost
        if gap.what == "queue field"
        for number in range(gap.first, gap.last + 1)
    }
    assert after.items() <= before.items()
    assert len(after) >= 0.99 * len(before)
    assert lost == listed & before.keys()
    assert report.path == path.with_name("app.db.corrupt-20231114T221320Z")
    assert report.path.exists()
    assert sqlite_integrity(path) == "ok"
    assert payloads_after_one_more(path) == len(after) + 1


def payloads_after_one_more(path: Path) -> int:
    """Put another item in, and return how many there are."""
    fill(path, [item(10**6)])
    return len(payloads(path))


@pytest.mark.parametrize(
    "name",
    [
        "syncpatterns_queue_item",
        "syncpatterns_queue_item_order",
        "syncpatterns_queue_key",
        "syncpatterns_queue_count",
        "syncpatterns_queue_word",
        "syncpatterns_queue",
        "sqlite_autoindex_syncpatterns_queue_word_1",
        "syncpatterns_meta",
    ],
)
def test_the_first_page_of_one_table_costs_no_item(path: Path, name: str) -> None:
    """Rows below it are found all the same; the rest is made from other tables."""
    fill(path, (item(n) for n in range(1, 3001)))
    before = payloads(path)
    damage(path, [root_of(path, name)])

    salvage(path)

    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        stats = store.stats("field")
        store.configure("field", QueueRules(max_items=1_000_000))
        again = store.enqueue(EnqueueRequest("field", [item(7)]))
        new = store.enqueue(EnqueueRequest("field", [item(9999)]))
        assert store.queues() == ["field"]
        assert store.check("field") == []
        assert stats.live == 3000
        assert [each.duplicate for each in again] == [True]
        assert new[0].seq > 3000
        assert {each.operation for each in store.items("field")} == {"leads.update"}
    assert payloads(path).items() >= before.items()


def test_long_payloads_come_back_whole_or_not_at_all(path: Path) -> None:
    """A page of noise inside one is noticed, and its item is listed as lost."""
    fill(path, (item(n, size=20_000) for n in range(1, 101)))
    before = payloads(path)
    damage(path, range(20, pages_of(path), 40))

    report = salvage(path)

    after = payloads(path)
    assert after.items() <= before.items()
    assert 50 < len(after) < 100
    assert {
        number
        for gap in report.lost
        if gap.what == "queue field"
        for number in range(gap.first, gap.last + 1)
    } == before.keys() - after.keys()


def test_what_is_still_in_the_log_is_saved_too(path: Path, tmp_path: Path) -> None:
    """A killed process leaves it; the file alone is older."""
    fill(path, (item(n) for n in range(1, 501)))
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.unit.engines.test_salvage import item\n"
        "from syncpatterns.engines.sqlite import SqliteEngine\n"
        "from syncpatterns.offline_queue._ports import EnqueueRequest\n"
        "engine = SqliteEngine(sys.argv[1])\n"
        "for n in range(501, 601):\n"
        "    engine.queue_store().enqueue(EnqueueRequest('field', [item(n)]))\n"
        "os._exit(9)\n"
    )
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=root, check=False)
    log = Path(f"{path}-wal")
    assert log.stat().st_size > 0
    damage(path, [root_of_copy(path, tmp_path, "syncpatterns_queue_outcome_forget")])

    report = salvage(path)

    assert payloads(path).keys() == set(range(1, 601))
    assert Path(f"{report.path}-wal").exists()
    assert not log.exists() or log.stat().st_size == 0


def root_of_copy(path: Path, folder: Path, name: str) -> int:
    """Look into a copy: a look at the original would empty its log."""
    copy = folder / "look.db"
    copy.write_bytes(path.read_bytes())
    return root_of(copy, name)


def test_rows_of_the_other_patterns_are_kept(path: Path) -> None:
    """Records guard against doing things twice; the outbox gets a new identity."""
    with SqliteEngine(path) as engine:
        engine.transact(
            lambda tx: tx.connection.executemany(
                "INSERT INTO syncpatterns_outbox (channel, offset, event_id, type, "
                "body, created) VALUES ('c', ?, ?, 't', x'7b7d', 1.5)",
                [(n, f"e{n}") for n in range(1, 2001)],
            )
        )
        engine.transact(
            lambda tx: tx.connection.executemany(
                "INSERT INTO syncpatterns_record (key, operation, fingerprint, state, "
                "token, nonce, attempts, created, lease_until, replay_until, "
                "dedupe_until) "
                "VALUES (?, 'op', x'00', 'completed', 1, '', 1, 1.0, 0.0, 0.0, 9e9)",
                [(random.Random(n).randbytes(32),) for n in range(2000)],
            )
        )
        epoch = engine.epoch
    before = rows(path)
    damage(path, [root_of(path, "syncpatterns_record")])

    report = salvage(path)

    after = rows(path)
    assert after["syncpatterns_outbox"] == before["syncpatterns_outbox"]
    assert set(after["syncpatterns_record"]) <= set(before["syncpatterns_record"])
    assert len(after["syncpatterns_record"]) > 1900
    assert report.kept["syncpatterns_outbox"] == 2000
    assert Gap("syncpatterns_record", 0, 0) in report.lost
    with SqliteEngine(path) as engine:
        assert engine.epoch != epoch


def test_what_was_done_is_not_brought_back(path: Path) -> None:
    """Old rows stand on free pages, and beside an outcome: neither is live."""
    from syncpatterns.offline_queue._core import Ack
    from syncpatterns.offline_queue._ports import ClaimRequest

    fill(path, (item(n, size=300) for n in range(1, 2001)))
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        held = store.claim(ClaimRequest("field", 1500, 30.0))
        store.settle("field", [Ack(each.hold) for each in held])
    live = payloads(path).keys()
    damage(path, [root_of(path, "syncpatterns_queue_item")])

    salvage(path)

    assert payloads(path).keys() <= live
    assert len(live) == 500


def test_lanes_go_on_where_a_member_is_lost(path: Path) -> None:
    """Nobody waits for ever behind an item that is not there any more."""
    fill(path, (item(n, size=3000, lane=f"lane {n % 5}") for n in range(1, 201)))
    damage(path, range(40, pages_of(path), 9))

    salvage(path)

    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        left = store.items("field", limit=1000)
        assert store.check("field") == []
        ready = {each.lane for each in left if each.state == "ready"}
        assert ready == {each.lane for each in left}


def test_a_child_of_a_lost_parent_waits_for_a_person(path: Path) -> None:
    """Nobody knows whether the parent was done."""
    from syncpatterns.offline_queue._core import Parent

    fill(path, (item(n, size=900) for n in range(1, 101)))
    children = [
        item(1000 + n, size=900)._replace(parents=(Parent(n),)) for n in range(1, 101)
    ]
    fill(path, children)
    before = payloads(path)
    with closing(sqlite3.connect(path)) as connection:
        leaf = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'syncpatterns_queue_item' AND "
            "pagetype = 'leaf' ORDER BY path LIMIT 1"
        ).fetchone()[0]
    damage(path, [leaf])

    salvage(path)

    lost = sorted(before.keys() - payloads(path).keys())
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        parked = [each for each in store.items("field", limit=1000) if each.reason]
        assert store.check("field") == []
    assert [each.key for each in parked] == [f"k{1000 + number}" for number in lost]
    assert {(each.state, each.reason) for each in parked} == {("parked", "parent-lost")}


GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize(
    "script", sorted(GOLDEN.glob("sqlite_schema_*.sql")), ids=lambda script: script.stem
)
def test_a_file_of_an_older_release_is_salvaged_as_what_it_is(
    path: Path, script: Path
) -> None:
    """And upgraded when it is opened, like any other; every row is kept."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script.read_text(encoding="utf-8"))
    before = rows(path)
    damage(path, [root_of(path, "syncpatterns_outbox_channel")])

    report = salvage(path)

    after = rows(path)
    with SqliteEngine(path) as engine:
        assert engine.epoch != "0badcafe"
    assert report.lost == ()
    for name in ("syncpatterns_outbox", "syncpatterns_record"):
        columns = len(before[name][0])
        assert [row[:columns] for row in after[name]] == before[name]


# ------------------------------------------------------------------ refusals


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


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of *folder*, byte by byte; the log's index is nobody's."""
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if not each.name.endswith("-shm")
    }


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
