"""A damaged file of ours is saved into a new one, as far as it can be read."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import Gap, SqliteEngine, salvage
from syncpatterns.offline_queue._core import Ack, Parent, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import FakeClock, sqlite_integrity
from tests.unit.engines.damaged import (
    damage,
    fill,
    item,
    pages_of,
    payloads,
    root_of,
    rows,
)


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
        "from tests.unit.engines.damaged import item\n"
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
