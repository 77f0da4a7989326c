"""Files that are not ours to write are refused, and left as they are."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import (
    DatabaseCorrupt,
    DatabaseForeign,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseTooNew,
)
from syncpatterns.testing import FakeClock
from tests.unit.engines.conftest import create, insert, names

OpenEngine = Callable[..., SqliteEngine]

NOBODY = 65534


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of *folder*, byte by byte."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def refusal(engine: SqliteEngine) -> DatabaseRefused:
    """Open *engine*, which must refuse and leave its folder as it was."""
    folder = engine.path.parent
    before = contents(folder) if folder.is_dir() else None

    with pytest.raises(DatabaseRefused) as caught:
        engine.open()

    assert before is None or contents(folder) == before
    return caught.value


def test_a_folder_that_is_not_there(open_engine: OpenEngine, tmp_path: Path) -> None:
    """It is not made: the path is more likely a mistake."""
    engine = open_engine(tmp_path / "no" / "app.db")

    error = refusal(engine)

    assert f"the folder {tmp_path / 'no'} does not exist" in str(error)
    assert not (tmp_path / "no").exists()


def test_a_file_where_the_folder_should_be(
    open_engine: OpenEngine, tmp_path: Path
) -> None:
    """A path through a file leads nowhere."""
    (tmp_path / "file").write_text("x")

    error = refusal(open_engine(tmp_path / "file" / "app.db"))

    assert "does not exist" in str(error)


def test_a_folder_in_place_of_the_file(open_engine: OpenEngine, path: Path) -> None:
    """A folder is no database."""
    path.mkdir()
    engine = open_engine()

    with pytest.raises(DatabaseRefused, match="is a folder"):
        engine.open()

    assert list(path.iterdir()) == []


def test_a_pipe_in_place_of_the_file(open_engine: OpenEngine, path: Path) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(path)

    with pytest.raises(DatabaseRefused, match="no regular file"):
        open_engine().open()


def test_a_name_that_is_too_long(open_engine: OpenEngine, tmp_path: Path) -> None:
    """What the system says becomes part of the sentence."""
    with pytest.raises(DatabaseRefused, match="File name too long"):
        open_engine(tmp_path / ("x" * 300)).open()


@pytest.mark.parametrize(
    "data",
    [b"x", b"hello, world", b"\x00" * 4096, b"SQLite format 3\x00", b"\x89PNG" * 999],
    ids=["one byte", "text", "zeros", "only the first words", "picture"],
)
def test_a_file_that_is_no_database(
    open_engine: OpenEngine, path: Path, data: bytes
) -> None:
    """SQLite itself would take anything short for an empty database."""
    path.write_bytes(data)

    error = refusal(open_engine())

    assert isinstance(error, DatabaseForeign)
    assert "is not a SQLite database" in str(error)
    assert "was not touched" in str(error)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_another_program_s_database(
    open_engine: OpenEngine, path: Path, journal: str
) -> None:
    """Whoever set an application_id has claimed the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("PRAGMA application_id=252006675")
        connection.execute("CREATE TABLE theirs (a)")

    error = refusal(open_engine())

    assert isinstance(error, DatabaseForeign)
    assert "another program (application_id 0xf055113)" in str(error)


def test_another_program_s_database_that_is_open(
    open_engine: OpenEngine, path: Path
) -> None:
    """Neither its file nor its log is touched."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA application_id=77")
        connection.execute("CREATE TABLE theirs (a)")
        data = {p.name: p.read_bytes() for p in path.parent.glob("app.db*")}

        with pytest.raises(DatabaseForeign):
            open_engine().open()

        connection.execute("INSERT INTO theirs VALUES (1)")
        assert data["app.db"] == path.read_bytes()


def test_a_database_of_a_newer_release(open_engine: OpenEngine, path: Path) -> None:
    """An old release would not understand what it finds."""
    open_engine().open().close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE syncpatterns_meta SET value=99 WHERE name='schema'")

    error = refusal(open_engine())

    assert isinstance(error, DatabaseTooNew)
    assert "schema 99" in str(error)
    assert "Upgrade syncpatterns" in str(error)


def test_notes_of_ours_that_make_no_sense(open_engine: OpenEngine, path: Path) -> None:
    """Guessing the schema would run migrations over live tables."""
    open_engine().open().close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE syncpatterns_meta SET value='x' WHERE name='schema'")

    assert isinstance(refusal(open_engine()), DatabaseCorrupt)


def test_a_table_of_our_name_that_is_not_ours(
    open_engine: OpenEngine, path: Path
) -> None:
    """Nothing of it is changed."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE syncpatterns_meta (theirs)")

    assert "does not hold what" in str(refusal(open_engine()))


@pytest.fixture
def used(open_engine: OpenEngine, path: Path) -> Path:
    """Name a database of ours with many rows, closed well."""
    with open_engine() as engine:
        engine.transact(create)
        engine.transact(
            lambda tx: tx.connection.executemany(
                "INSERT INTO item VALUES (?)", [(f"{n:0200}",) for n in range(300)]
            )
        )
    return path


def test_a_damaged_database(open_engine: OpenEngine, used: Path) -> None:
    """Found before anything is written to it."""
    data = bytearray(used.read_bytes())
    data[4096 * 8 : 4096 * 12] = b"\xaa" * (4096 * 4)
    used.write_bytes(data)

    error = refusal(open_engine())

    assert isinstance(error, DatabaseCorrupt)
    assert "restore a backup" in str(error)


def test_a_database_cut_short(open_engine: OpenEngine, used: Path) -> None:
    """A copy that was interrupted looks like this."""
    used.write_bytes(used.read_bytes()[: 4096 * 9])

    assert isinstance(refusal(open_engine()), DatabaseCorrupt)


def test_a_log_left_by_a_crash_is_read(open_engine: OpenEngine, path: Path) -> None:
    """What was committed and not yet copied is in the log beside the file."""
    code = """
import os, sys
from syncpatterns.engines.sqlite import SqliteEngine
engine = SqliteEngine(sys.argv[1])
engine.transact(lambda tx: tx.connection.execute("CREATE TABLE item (name)"))
engine.transact(lambda tx: tx.connection.execute("INSERT INTO item VALUES ('x')"))
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)

    assert path.with_name("app.db-wal").stat().st_size > 0
    assert names(open_engine()) == ["x"]


def test_a_journal_left_by_a_crash_is_rolled_back(
    open_engine: OpenEngine, path: Path
) -> None:
    """A business database may have crashed before it was handed to us."""
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("CREATE TABLE item (name)")
connection.execute("INSERT INTO item VALUES ('kept')")
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN")
for n in range(999):
    connection.execute("INSERT INTO item VALUES (hex(randomblob(400)))")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)

    assert path.with_name("app.db-journal").stat().st_size > 0
    assert names(open_engine()) == ["kept"]


def test_a_link_leads_to_the_file(open_engine: OpenEngine, path: Path) -> None:
    """Two names of one file are one database."""
    with open_engine() as engine:
        engine.transact(create)
    link = path.with_name("link.db")
    link.symlink_to(path)

    linked = open_engine(link)
    linked.transact(insert("x"))
    linked.close()

    assert names(open_engine()) == ["x"]


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Make a folder that another user may enter."""
    with tempfile.TemporaryDirectory(prefix="sqlite-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_nobody(path: Path) -> str:
    """Open the engine as a user without rights, and return what it says."""
    code = f"""
import os, sys
if os.geteuid() == 0:
    os.setgid({NOBODY}); os.setuid({NOBODY})
from syncpatterns.engines.sqlite import SqliteEngine
try:
    SqliteEngine({str(path)!r}).open()
except Exception as error:
    print(type(error).__name__, error)
"""
    # Imported as the first user: the second may not be able to read the sources.
    preload = "import syncpatterns.engines.sqlite._engine, sqlalchemy\n"
    done = subprocess.run(
        [sys.executable, "-c", preload + code],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("locked", ["file", "folder", "hidden folder"])
def test_a_file_that_may_not_be_written(
    open_engine: OpenEngine, public_folder: Path, locked: str
) -> None:
    """SQLite needs to make files beside it, so the folder counts as well."""
    path = public_folder / "app.db"
    open_engine(path).open().close()
    before = path.read_bytes()
    public_folder.chmod(0o777 if locked == "file" else 0o555)
    path.chmod(0o666 if locked == "folder" else 0o444)
    if locked == "hidden folder":
        public_folder.chmod(0o000)

    said = as_nobody(path)
    public_folder.chmod(stat.S_IRWXU)

    assert said.startswith(f"{DatabaseReadOnly.__name__} sqlite: {path} may not be")
    assert "Give this user write permission" in said
    assert before == path.read_bytes()


def test_the_file_deleted_under_the_engine(
    open_engine: OpenEngine, clock: FakeClock, path: Path
) -> None:
    """SQLite would go on writing to a file that nobody can open any more."""
    engine = open_engine(clock=clock)
    engine.transact(create)
    engine.transact(insert("kept"))
    moved = path.with_name("moved.db")
    path.rename(moved)
    clock.advance(0.01)

    with pytest.raises(DatabaseRefused, match="moved, deleted or replaced"):
        engine.transact(insert("lost"))

    moved.rename(path)
    engine.transact(insert("back"))
    assert names(engine) == ["back", "kept"]


def test_the_file_replaced_under_the_engine(
    open_engine: OpenEngine, clock: FakeClock, path: Path
) -> None:
    """A backup copied over a running service is another database."""
    engine = open_engine(clock=clock).open()
    with open_engine(path.with_name("other.db")) as other:
        other.transact(create)
    path.with_name("other.db").replace(path)
    clock.advance(0.01)

    with pytest.raises(DatabaseRefused, match="restart the service"):
        engine.transact(insert("lost"))
