"""A database of an earlier release is brought up to date, and loses nothing."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.critical_buttons import schema
from examples.critical_buttons.settings import Settings, StartupError
from examples.critical_buttons.startup import open_database
from syncpatterns.engines.sqlite import SqliteEngine
from tests.app.driver import rows
from tests.app.status_driver import Office, key_for, one

OLD = Path(__file__).with_name("release_2.sql").read_text(encoding="utf-8")
THEN = "2025-11-30T09:00:00.000000Z"
LINE = (
    "INSERT INTO audit (tenant, at, actor_type, actor_id, source, entity_type, "
    "entity_id, action, from_state, to_state, reason, version_from, version_to, "
    "request_id, key_hash) VALUES ('acme', ?, 'user', 'demo', 'ui', 'booking', ?, "
    "'booking.confirm', 'held', 'confirmed', NULL, 1, 2, 'r-1', '0123abcd')"
)
LEAD = "INSERT INTO leads VALUES ('acme', ?, 'Ada', ?, NULL, ?, 3, ?, 'demo')"
CLOSED, STOPPED, STARTED = "+12025550141", "+12025550142", "+12025550143"


def old_database(folder: Path, *more: str) -> Path:
    """Make a file of the second release, with some rows; return it."""
    path = folder / "app.db"
    with SqliteEngine(path) as engine:  # the library's own tables and its mark
        engine.transact(lambda tx: tx.connection.execute("SELECT 1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(OLD)
        connection.executemany(LINE, [(THEN, f"b-{n}") for n in range(3)])
        phones = [CLOSED, STOPPED, STARTED]
        for number, phone in enumerate(phones):
            values = (f"l-{number}", phone, "do_not_contact", THEN)
            connection.execute(LEAD, values)
        connection.execute(LEAD, ("l-3", "+12025550144", "new", THEN))
        connection.executemany(
            "INSERT INTO opt_outs VALUES (?, ?, ?, 'webhook')",
            [(STOPPED, "opted_out", THEN), (STARTED, "open", THEN)],
        )
        connection.execute("PRAGMA user_version=2")
        for statement in more:
            connection.execute(statement)
    return path


def opened(folder: Path) -> None:
    """Open the database in *folder* as a start of the app does, and close it."""
    settings = Settings(db=f"sqlite:///{folder}/app.db")
    open_database(settings, lambda _: None).close()


def shape(path: Path) -> dict[str, Any]:
    """Return what each table, index and trigger is made of, apart from spelling."""
    names = rows(
        path,
        "SELECT type, name, tbl_name FROM sqlite_master "
        "WHERE name NOT LIKE 'syncpatterns%' AND name NOT LIKE 'sqlite%'",
    )
    return {
        f"{kind} {name}": rows(
            path,
            'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?) '
            "ORDER BY cid"
            if kind == "table"
            else "SELECT sql FROM sqlite_master WHERE name = ?",
            name,
        )
        for kind, name, _ in names
    }


def test_an_upgraded_database_is_as_a_new_one(tmp_path: Path) -> None:
    """Table by table, index by index, trigger by trigger."""
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
    old = old_database(tmp_path / "old")

    opened(tmp_path / "old")
    opened(tmp_path / "new")

    assert shape(old) == shape(tmp_path / "new" / "app.db")
    assert rows(old, "PRAGMA user_version") == [(schema.VERSION,)]
    assert rows(old, "PRAGMA integrity_check") == [("ok",)]


def test_the_lines_that_are_there_stay_as_they_were(tmp_path: Path) -> None:
    """What nobody wrote down then is not known now."""
    path = old_database(tmp_path)
    before = rows(path, "SELECT * FROM audit")

    opened(tmp_path)
    opened(tmp_path)  # a second start finds everything done

    assert rows(path, "SELECT * FROM audit") == [(*line, None, None) for line in before]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET bulk_id = 'x'", "DELETE FROM audit"]
)
def test_the_log_of_an_upgraded_database_is_append_only(
    tmp_path: Path, statement: str
) -> None:
    """The new columns too, from the first moment on."""
    path = old_database(tmp_path)
    opened(tmp_path)

    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def test_numbers_of_leads_not_to_be_contacted_are_closed(tmp_path: Path) -> None:
    """Unless the person has spoken: STOP stays STOP, and START stays START."""
    path = old_database(tmp_path)

    opened(tmp_path)

    assert rows(path, "SELECT phone, state, source FROM opt_outs ORDER BY phone") == [
        (CLOSED, "opted_out", "upgrade"),
        (STOPPED, "opted_out", "webhook"),
        (STARTED, "open", "webhook"),
    ]


async def test_an_upgraded_database_takes_the_new_lines(tmp_path: Path) -> None:
    """A change that was pressed offline, on a lead of the old release."""
    old_database(tmp_path)
    with closing(Office(tmp_path)) as office:
        command = one("l-3", "attempted", age=60.0)

        await office.desk.change(command, key=key_for(command, age=60.0))

        assert rows(
            office.database,
            "SELECT entity_id, source, client_at < at FROM audit ORDER BY id DESC "
            "LIMIT 1",
        ) == [("l-3", "offline_replay", 1)]


def test_two_processes_upgrade_one_database_once(tmp_path: Path) -> None:
    """The second waits for the write lock, and finds it done."""
    path = old_database(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(opened, [tmp_path] * 4))

    assert rows(path, "SELECT count(*) FROM audit") == [(3,)]
    assert rows(path, "PRAGMA user_version") == [(schema.VERSION,)]


def test_an_upgrade_that_fails_half_way_leaves_the_old_release(tmp_path: Path) -> None:
    """One transaction: the columns are there already, and vanish again."""
    path = old_database(
        tmp_path,
        "CREATE TRIGGER stop BEFORE INSERT ON opt_outs WHEN NEW.source = 'upgrade' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    before = shape(path)

    with pytest.raises(StartupError, match="does not work as this app's database"):
        opened(tmp_path)

    assert shape(path) == before
    assert rows(path, "PRAGMA user_version") == [(2,)]
    assert len(rows(path, "SELECT * FROM opt_outs")) == 2


def test_a_table_of_another_shape_is_somebody_elses(tmp_path: Path) -> None:
    """Neither this release's columns nor an earlier one's: it is not touched."""
    path = old_database(tmp_path, "ALTER TABLE audit ADD COLUMN mood TEXT")

    with pytest.raises(StartupError, match="belongs to another program"):
        opened(tmp_path)

    assert rows(path, "PRAGMA user_version") == [(2,)]


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    """The older app says which version the file has."""
    old_database(tmp_path, f"PRAGMA user_version={schema.VERSION + 1}")

    with pytest.raises(StartupError, match="newer release"):
        opened(tmp_path)
