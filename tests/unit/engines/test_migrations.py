"""The library's tables in a file: made once, upgraded, beside anybody's own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, _migrations
from syncpatterns.idempotency import Record, State, StoredOutcome, Windows
from syncpatterns.idempotency._core import Resolution
from tests.at_once import at_once
from tests.unit.engines.conftest import on_disk

OpenEngine = Callable[..., SqliteEngine]

GOLDEN = Path(__file__).parents[2] / "golden"
APPLICATION_ID = 0x73795061
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
OURS = [
    "syncpatterns_meta",
    "syncpatterns_outbox",
    "syncpatterns_queue",
    "syncpatterns_queue_count",
    "syncpatterns_queue_edge",
    "syncpatterns_queue_item",
    "syncpatterns_queue_key",
    "syncpatterns_queue_outcome",
    "syncpatterns_queue_pause",
    "syncpatterns_queue_payload",
    "syncpatterns_queue_word",
    "syncpatterns_record",
    "syncpatterns_resolution",
]


def value(path: Path, sql: str) -> object:
    """Return the one value that *sql* gives."""
    return on_disk(path, sql)[0]


def test_a_fresh_file_gets_our_tables(open_engine: OpenEngine, path: Path) -> None:
    """And says in its header whose it is."""
    with open_engine() as engine:
        epoch = engine.epoch

    assert on_disk(path, TABLES) == OURS
    assert value(path, "PRAGMA application_id") == APPLICATION_ID
    assert len(epoch) == 8
    assert int(epoch, 16) >= 0


def test_an_empty_file_is_a_fresh_one(open_engine: OpenEngine, path: Path) -> None:
    """`touch app.db` beforehand is no crime."""
    path.touch()

    open_engine().open().close()

    assert on_disk(path, TABLES) == OURS


def test_opening_again_changes_nothing(open_engine: OpenEngine, path: Path) -> None:
    """The epoch stays, and so does every byte."""
    with open_engine() as engine:
        epoch = engine.epoch
    before = path.read_bytes()

    with open_engine() as engine:
        again = engine.epoch

    assert again == epoch
    assert path.read_bytes() == before


def test_a_business_database_is_adopted(open_engine: OpenEngine, path: Path) -> None:
    """Its tables, rows and user_version are its own."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE booking (id INTEGER PRIMARY KEY, name)")
        connection.execute("INSERT INTO booking VALUES (7, 'x')")
        connection.execute("PRAGMA user_version=41")

    open_engine().open().close()

    assert on_disk(path, TABLES) == ["booking", *OURS]
    assert on_disk(path, "SELECT id FROM booking") == [7]
    assert value(path, "PRAGMA user_version") == 41
    assert value(path, "PRAGMA application_id") == APPLICATION_ID


def test_a_migration_that_fails_half_way_leaves_the_file_as_it_was(
    open_engine: OpenEngine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All migrations are one transaction; the next release mends the mistake."""
    known = _migrations.scripts()
    broken = (*known, (99, "CREATE TABLE half (a);\nCREATE TABLE half (a);\n"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE booking (id)")
    monkeypatch.setattr(_migrations, "scripts", lambda: broken)

    with pytest.raises(sqlite3.OperationalError, match="half already exists"):
        open_engine().open()

    assert on_disk(path, TABLES) == ["booking"]
    assert value(path, "PRAGMA application_id") == 0
    monkeypatch.setattr(_migrations, "scripts", lambda: known)
    open_engine().open().close()
    assert on_disk(path, TABLES) == ["booking", *OURS]


def test_a_process_killed_in_a_migration_leaves_the_file_as_it_was(
    open_engine: OpenEngine, path: Path
) -> None:
    """Killed after each statement in turn, the next one starts from the front."""
    count = sum(len(_migrations.statements(sql)) for _, sql in _migrations.scripts())
    code = """
import os, sqlite3, sys
from syncpatterns.engines.sqlite import SqliteEngine, _migrations
real = _migrations.statements
def killed_after(left):
    def statements(script):
        nonlocal left
        for statement in real(script):
            yield statement
            left -= 1
            if not left:
                os.kill(os.getpid(), 9)
    _migrations.statements = statements
    SqliteEngine(sys.argv[1]).open()
for n in range(1, int(sys.argv[2]) + 1):
    child = os.fork()
    if not child:
        killed_after(n)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    with sqlite3.connect(sys.argv[1]) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    print(os.waitstatus_to_exitcode(status), *tables)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(count)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["-9 0"] * count

    open_engine().open().close()
    assert on_disk(path, TABLES) == OURS


def test_two_processes_that_start_together(path: Path) -> None:
    """One migrates, the others wait; all agree on the epoch."""
    code = """
import sys
from syncpatterns.engines.sqlite import SqliteEngine
print("ready", flush=True)
sys.stdin.readline()
with SqliteEngine(sys.argv[1]) as engine:
    print(engine.epoch)
"""
    epochs = at_once([["-c", code, str(path)]] * 4)

    assert len(set(epochs)) == 1


def test_a_migration_without_its_last_semicolon_is_refused() -> None:
    """SQLite would be given every statement but that one."""
    script = "CREATE TABLE a (x); -- one\nCREATE TABLE b (x)\n-- the end\n"

    with pytest.raises(ValueError, match="in the middle of a statement"):
        _migrations.statements(script)

    assert _migrations.statements("-- nothing\n") == []


def test_the_database_of_the_first_release_is_read(
    open_engine: OpenEngine, path: Path
) -> None:
    """Golden rows of every schema ever released open, replay and go on."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "sqlite_schema_2.sql").read_text("utf-8"))

    with open_engine() as engine:
        store = engine.idempotency_store()
        epoch = engine.epoch
        done = store.inspect("ab" * 32)
        unknown = store.unresolved()
        events = engine.outbox().after(0, 10)

    assert epoch == "0badcafe"
    assert done == Record(
        key="ab" * 32,
        operation="bookings.confirm",
        fingerprint=b"\x01" * 32,
        state=State.COMPLETED,
        token=1_700_000_000_000_000,
        nonce="0123456789abcdef-0",
        attempts=2,
        created=1_700_000_000.25,
        lease_until=1_700_000_001.5,
        replay_until=1_700_000_061.5,
        dedupe_until=1_700_086_401.5,
        completed=1_700_000_001.5,
        outcome=StoredOutcome(
            "value", b'{"id":"b1"}', 201, (("ETag", '"1"'), ("Location", "/b1"))
        ),
    )
    assert [record.key for record in unknown] == ["cd" * 32]
    assert [(event.channel, event.offset) for event in events] == [
        ("tenant.acme.bookings", 4),
        ("tenant.acme.bookings", 5),
    ]


def test_the_database_with_notes_and_resolutions_is_read(
    open_engine: OpenEngine, path: Path
) -> None:
    """Schema 3: what a claim keeps, whose owner died, and who settled what."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "sqlite_schema_3.sql").read_text("utf-8"))

    with open_engine() as engine:
        store = engine.idempotency_store()
        (unknown,) = store.unresolved()
        (lapsed,) = store.lapsed()
        resolutions = engine.resolutions()
        done = store.inspect("ab" * 32)

    assert unknown.key == "cd" * 32
    assert dict(unknown.notes) == {
        "command": b'{"to":"caf\xc3\xa9"}',
        "receipt": b'{"number":7}',
        "step:reserve": b"1",
    }
    assert (lapsed.key, lapsed.attempts) == ("ef" * 32, 2)
    assert lapsed.notes == (("command", b'{"to":"b"}'),)
    assert done is not None
    assert (done.state, done.notes) == (State.COMPLETED, ())
    assert resolutions == [
        Resolution("34" * 32, "sms.send", False, "bob", "", 1_700_000_060.0),
        Resolution(
            "12" * 32, "sms.send", True, "ann", "seen in their log", 1_700_000_050.5
        ),
    ]


def test_the_database_with_front_doors_is_read(
    open_engine: OpenEngine, path: Path
) -> None:
    """Schema 5: a record with the fingerprint of its command and the door it used."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "sqlite_schema_5.sql").read_text("utf-8"))

    with open_engine() as engine:
        done = engine.idempotency_store().inspect("f0" * 32)
        before = engine.idempotency_store().inspect("ab" * 32)

    assert done is not None
    assert (done.fingerprint, done.command, done.door) == (
        b"\x04" * 32,
        b"\x05" * 32,
        b"\x06" * 16,
    )
    assert before is not None
    assert (before.command, before.door) == (b"", b"")


@pytest.mark.parametrize("schema", [2, 3, 4, 5, 6, 7])
def test_an_upgraded_file_has_the_schema_of_a_fresh_one(
    open_engine: OpenEngine, path: Path, schema: int, tmp_path: Path
) -> None:
    """Whatever release wrote it first."""
    with closing(sqlite3.connect(path)) as connection:
        script = GOLDEN / f"sqlite_schema_{schema}.sql"
        connection.executescript(script.read_text("utf-8"))
    fresh = tmp_path / "fresh.db"
    open_engine().open().close()
    SqliteEngine(fresh).open().close()
    columns = (
        "SELECT m.name || '.' || c.name || ' ' || c.type FROM sqlite_master AS m, "
        "pragma_table_info(m.name) AS c WHERE m.name LIKE 'syncpatterns%' ORDER BY 1"
    )

    assert on_disk(path, columns) == on_disk(fresh, columns)


def test_an_outcome_of_schema_2_can_be_settled(
    open_engine: OpenEngine, path: Path
) -> None:
    """An unknown outcome of an older release can be settled by this one."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "sqlite_schema_2.sql").read_text("utf-8"))

    with open_engine() as engine:
        store = engine.idempotency_store()
        (unknown,) = store.unresolved()
        settled = store.resolve(
            unknown.key, None, Windows(), by="ann", reason="not there"
        )
        (resolution,) = engine.resolutions()

    assert (unknown.notes, settled) == ((), True)
    assert (resolution.by, resolution.happened) == ("ann", False)
