"""What somebody finds, and can do, who has the database file and no key."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns import Transaction, connect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ItemFailed, KeyReused
from syncpatterns.offline_queue import ItemParked, OfflineQueue
from syncpatterns.sealing import NotSealed, SealBroken
from syncpatterns.testing import FakeClock
from tests.unit.offline_queue.sealed import CANARY, OLD, OP, WRONG, field, raw
from tests.unit.offline_queue.surface import Crm, Facts, Update, World

LONG = 3000  # bytes: such a payload lies in a table of its own


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "field.db"


@pytest.fixture
def open_engine(path: Path, clock: FakeClock) -> Iterator[Callable[[], SqliteEngine]]:
    """Opens the database, as often as it is asked."""
    opened: list[SqliteEngine] = []

    def open_it() -> SqliteEngine:
        opened.append(connect(f"sqlite:///{path}", clock=clock))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


def change(path: Path, *statements: str) -> None:
    """Write to the file as anybody could."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for each in statements:
            connection.execute(each)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read the file as anybody could."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def shout(text: str) -> str:
    """A handler that answers with what it was told."""
    return text.upper()


def test_nothing_that_was_said_is_in_the_files(
    open_engine: Callable[[], SqliteEngine],
    path: Path,
    crm: Crm,
    world: World,
    facts: Facts,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in database or log, waiting, failing, dead, done, or kept for a receipt."""
    engine = open_engine()
    caplog.set_level(logging.DEBUG)
    queue = field(engine, crm, sealer=OLD, hooks=[facts], max_attempts=1)
    crm.script = [ValueError(CANARY)]
    queue.handler("say", lane=lambda text: text, entity=lambda text: text)(shout)
    dead = world(queue, "enqueue", OP, Update(7, CANARY), headers={"h": CANARY})
    world(queue, "enqueue", OP, Update(8, CANARY + "x" * LONG))
    world(queue, "enqueue", "say", CANARY)
    world(queue, "enqueue_many", [(OP, Update(9, CANARY))])

    def work(tx: Transaction) -> None:
        tx.enqueue(queue, OP, Update(10, CANARY))

    engine.transact(work)
    waiting = [each.read_bytes() for each in path.parent.iterdir()]
    report = world.flush(queue)
    with pytest.raises(ItemFailed) as failed:
        world(dead, "wait", 0)
    files = [each.read_bytes() for each in path.parent.iterdir()]

    assert (report.sent, report.dead) == (4, 1)
    assert any(each.name.endswith("-wal") for each in path.parent.iterdir())
    for data in (*waiting, *files):
        assert CANARY.encode() not in data
        assert CANARY.upper().encode() not in data
    shown = raw(queue).items("field")  # what somebody without the key may print
    told = f"{facts.heard}{caplog.text}{failed.value!r}{shown}"
    assert CANARY not in told
    assert CANARY.upper() not in told


@pytest.mark.case("QUE-52", part="swapped")
@pytest.mark.parametrize("length", [3, LONG])
def test_swapped_rows_are_found_out(
    open_engine: Callable[[], SqliteEngine],
    path: Path,
    crm: Crm,
    world: World,
    facts: Facts,
    caplog: pytest.LogCaptureFixture,
    length: int,
) -> None:
    """Neither is delivered; both are kept, and somebody has to look."""
    with open_engine() as engine:
        queue = field(engine, crm, sealer=OLD)
        for lead in (7, 8, 9):
            queue.enqueue(OP, Update(lead, "x" * length))
    table = "syncpatterns_queue_" + ("payload" if length == LONG else "item")
    change(
        path,
        f"CREATE TEMP TABLE old AS SELECT id, payload FROM {table} ORDER BY id LIMIT 2",
        f"UPDATE {table} SET payload = "
        f"(SELECT payload FROM old WHERE old.id <> {table}.id) "
        "WHERE id IN (SELECT id FROM old)",
    )
    queue = field(open_engine(), crm, sealer=OLD, hooks=[facts])
    with caplog.at_level(logging.WARNING, "syncpatterns"):
        report = world.flush(queue)
    parked = world(queue.parked, "list")

    assert (report.sent, report.parked) == (1, 2)
    assert [payload.lead for payload, _ in crm.calls] == [9]
    assert [(each.reason, each.error) for each in parked] == [
        ("tampered", "SealBroken: old")
    ] * 2
    assert [fact.reason for fact in facts.of(ItemParked)] == ["tampered"] * 2
    assert caplog.text.count("is parked (tampered)") == 2


def test_no_byte_of_a_sealed_payload_can_be_changed(
    open_engine: Callable[[], SqliteEngine], path: Path, crm: Crm
) -> None:
    """Each byte is changed in an item of its own; none is delivered, none is lost."""
    with open_engine() as engine:
        queue = field(engine, crm, sealer=OLD)
        queue.enqueue(OP, Update(1001, "won"))
        ((size,),) = rows(path, "SELECT length(payload) FROM syncpatterns_queue_item")
        for lead in range(2, size + 1):
            queue.enqueue(OP, Update(1000 + lead, "won"))
    with closing(sqlite3.connect(path)) as connection, connection:
        found = connection.execute(
            "SELECT id, payload FROM syncpatterns_queue_item ORDER BY id"
        ).fetchall()
        for at, (number, payload) in enumerate(found):
            changed = bytearray(payload)
            changed[at % len(changed)] ^= 1 << at % 8
            connection.execute(
                "UPDATE syncpatterns_queue_item SET payload = ? WHERE id = ?",
                (bytes(changed), number),
            )
    queue = field(open_engine(), crm, sealer=OLD)
    report = queue.flush()
    reasons = {each.reason for each in queue.parked.list(limit=1000)}

    assert crm.calls == []
    assert report.parked == size
    assert reasons == {"key", "tampered"}


@pytest.mark.parametrize(
    "damage",
    [
        "payload = substr(payload, 1, 20)",
        "payload = substr(payload, 1, 4)",
        "payload = x'005331'",
        "payload = x''",
        "payload = CAST(payload || x'00' AS BLOB)",
        "payload = x'7b7d'",
        "headers = '{\"$sealed\":1'",
        "version = 1, key = key || 'x'",
        "scope = 'acme'",
    ],
)
def test_a_damaged_row_is_parked_and_the_others_flow(
    open_engine: Callable[[], SqliteEngine], path: Path, crm: Crm, damage: str
) -> None:
    """Cut off, lengthened, replaced: the next item is delivered all the same."""
    with open_engine() as engine:
        queue = field(engine, crm, sealer=OLD)
        for lead in (7, 8):
            queue.enqueue(OP, Update(lead, "won"))
    first = "(SELECT min(id) FROM syncpatterns_queue_item)"
    change(path, f"UPDATE syncpatterns_queue_item SET {damage} WHERE id = {first}")
    queue = field(open_engine(), crm, sealer=OLD)
    report = queue.flush()
    done = [payload.lead for payload, _ in crm.calls]

    if damage.startswith("headers"):  # which are sealed with the payload
        assert done == [7, 8]
    else:
        assert (done, report.parked) == ([8], 1)
        assert [each.reason for each in queue.parked.list()] == ["tampered"]


def test_a_forged_result_is_not_believed(
    open_engine: Callable[[], SqliteEngine], path: Path, crm: Crm
) -> None:
    """Swapped, or put there in the clear where all is sealed."""
    with open_engine() as engine:
        queue = field(engine, crm, sealer=OLD)
        ids = [queue.enqueue(OP, Update(lead, "won")).id for lead in (7, 8, 9)]
        queue.flush()
    ((base, last),) = rows(
        path, "SELECT min(id), max(id) FROM syncpatterns_queue_outcome"
    )
    change(
        path,
        "UPDATE syncpatterns_queue_outcome SET result = (SELECT result FROM "
        f"syncpatterns_queue_outcome WHERE id = {base + 1}) WHERE id = {base}",
        "UPDATE syncpatterns_queue_outcome SET result = "
        f'CAST(\'{{"id":9,"status":"forged"}}\' AS BLOB) WHERE id = {last}',
    )
    strict = field(open_engine(), crm, sealer=OLD, require_sealed=True)

    with pytest.raises(SealBroken, match="changed, or sealed for another place"):
        strict.receipt(ids[0]).wait(0)
    assert strict.receipt(ids[1]).wait(0).value.id == 8
    with pytest.raises(NotSealed, match="only what is sealed"):
        strict.receipt(ids[2]).wait(0)


def test_a_result_that_was_taken_away_is_missed(
    open_engine: Callable[[], SqliteEngine], path: Path, crm: Crm
) -> None:
    """Where all is sealed, nothing is no result: None would be a lie."""
    with open_engine() as engine:
        queue = field(engine, crm, sealer=OLD, require_sealed=True)
        lost, none = (queue.enqueue(op, p).id for op, p in taken_away(queue))
        queue.flush()
    ((base,),) = rows(path, "SELECT min(id) FROM syncpatterns_queue_outcome")
    change(
        path, f"UPDATE syncpatterns_queue_outcome SET result = x'' WHERE id = {base}"
    )
    engine = open_engine()
    strict = field(engine, crm, sealer=OLD, require_sealed=True)
    taken_away(strict)

    with pytest.raises(NotSealed, match="only what is sealed"):
        strict.receipt(lost).wait(0)
    assert strict.receipt(none).wait(0).value is None


def taken_away(queue: OfflineQueue) -> list[tuple[Any, Any]]:
    """Return something with a result and something without one."""

    @queue.handler("quiet")
    def quiet(payload: Update) -> None:
        """Answer nothing."""

    return [(OP, Update(7, "won")), (quiet, Update(8, "won"))]


def test_what_is_deleted_does_not_stay_in_the_file(
    open_engine: Callable[[], SqliteEngine],
) -> None:
    """What waited in the clear before a queue was sealed is overwritten."""
    engine = open_engine()

    def asked(tx: Any) -> int:
        ((found,),) = tx.connection.execute("PRAGMA secure_delete").fetchall()
        return int(found)

    assert engine.transact(asked) == 1


def test_without_any_key_everything_is_kept(
    open_engine: Callable[[], SqliteEngine], crm: Crm
) -> None:
    """Parked, requeued, parked again: not one byte of it is changed by that."""
    engine = open_engine()
    receipt = field(engine, crm, sealer=OLD).enqueue(OP, Update(7, "won"))
    store = engine.queue_store()
    before = store.get("field", receipt.id)
    for sealer in (WRONG, None, WRONG):
        queue = field(engine, crm, sealer=sealer)
        queue.flush()
        assert queue.parked.requeue([receipt]) == 1
    after = store.get("field", receipt.id)

    assert before is not None
    assert after is not None
    assert (after.payload, after.headers) == (before.payload, before.headers)
    assert field(engine, crm, sealer=OLD).flush().sent == 1


def test_an_item_of_a_transaction_keeps_its_place_behind_open_ones(
    open_engine: Callable[[], SqliteEngine], crm: Crm, path: Path
) -> None:
    """Looking at the lane inside of an effect neither waits for itself nor raises."""
    engine = open_engine()
    plain = field(engine, crm).enqueue(OP, Update(7, "first"))
    queue = field(engine, crm, sealer=OLD)
    receipts: list[Any] = []

    def work(tx: Transaction) -> None:
        receipts.append(tx.enqueue(queue, OP, Update(7, "second")))
        receipts.append(queue.enqueue_tx(tx, OP, Update(7, "third"), key="k"))
        receipts.append(queue.enqueue_tx(tx, OP, Update(7, "third"), key="k"))

    engine.transact(work)
    queue.flush()

    assert receipts[1].id == receipts[2].id
    assert crm.keys == [plain.key, receipts[0].key, "k"]


def test_in_a_transaction_too_an_item_of_before_is_known_by_its_key(
    open_engine: Callable[[], SqliteEngine], crm: Crm
) -> None:
    """Its plain fingerprint is compared, and the transaction goes on."""
    engine = open_engine()
    engine.transact(lambda tx: tx.connection.execute("CREATE TABLE row(n INT)"))
    plain = field(engine, crm).enqueue(OP, Update(7, "won"), key="k")
    queue = field(engine, crm, sealer=OLD)
    found: list[int] = []

    def work(tx: Transaction) -> None:
        found.append(tx.enqueue(queue, OP, Update(7, "won"), key="k").id)
        with pytest.raises(KeyReused):
            tx.enqueue(queue, OP, Update(7, "lost"), key="k")
        tx.connection.execute("INSERT INTO row VALUES (1)")

    engine.transact(work)

    assert found == [plain.id]
    rows_there = engine.read(lambda c: c.execute("SELECT n FROM row").fetchall())
    assert rows_there == [(1,)]
    assert queue.stats().live == 1
