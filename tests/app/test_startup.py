"""What can be wrong at the start: one sentence, exit code 2, nothing changed."""

from __future__ import annotations

import logging
import socket
import sqlite3
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from examples.critical_buttons import cli, options
from examples.critical_buttons.data.csv_rows import COLUMNS
from examples.critical_buttons.schema import VERSION
from examples.critical_buttons.settings import Settings, StartupError
from examples.critical_buttons.startup import open_database
from tests.app.conftest import StartApp
from tests.app.driver import Api, rows

HEADER = ",".join(COLUMNS)
ROW = "b-1,Room,2026-06-01T10:00,2026-06-01T11:00,Ada,UTC,confirmed,,acme"


def opened(tmp_path: Path, **choices: object) -> list[str]:
    """Open the database in *tmp_path*, close it, return what was said."""
    said: list[str] = []
    settings = Settings(db=f"sqlite:///{tmp_path}/app.db", **choices)  # type: ignore[arg-type]  # any setting
    open_database(settings, said.append).close()
    return said


def refused(tmp_path: Path, **choices: object) -> str:
    """Return why the start was refused."""
    with pytest.raises(StartupError) as caught:
        opened(tmp_path, **choices)
    return str(caught.value)


def bookings(tmp_path: Path) -> int:
    """Count the bookings in the database."""
    ((count,),) = rows(tmp_path / "app.db", "SELECT count(*) FROM bookings")
    return int(count)


# ---------------------------------------------------------------- the samples


def test_the_samples_are_added_once(tmp_path: Path) -> None:
    """120 of two tenants; a second start adds nothing and changes nothing."""
    first = opened(tmp_path)
    second = opened(tmp_path)

    tenants = rows(
        tmp_path / "app.db",
        "SELECT tenant, count(*), count(DISTINCT time_zone) FROM bookings GROUP BY 1",
    )
    assert tenants == [("acme", 90, 6), ("globex", 30, 3)]
    assert len(first) == 1
    assert second == []


def test_fresh_starts_over(tmp_path: Path) -> None:
    """Bookings, audit log, records and events are new."""
    opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "app.db")) as connection:
        connection.execute("UPDATE bookings SET version = 7")
        connection.commit()
    epoch = _epoch(tmp_path)

    opened(tmp_path, fresh=True)

    versions = rows(tmp_path / "app.db", "SELECT DISTINCT version FROM bookings")
    assert versions == [(1,)]
    assert epoch != _epoch(tmp_path)


def test_fresh_needs_nothing_to_be_there(tmp_path: Path) -> None:
    """A first start may say --fresh."""
    opened(tmp_path, fresh=True)

    assert bookings(tmp_path) == 120


@pytest.mark.parametrize("mode", ["reads", "writes"])
def test_fresh_leaves_a_file_alone_that_others_use(tmp_path: Path, mode: str) -> None:
    """A shell with the file open would go on with a file that is gone."""
    opened(tmp_path)
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN" if mode == "reads" else "BEGIN IMMEDIATE")
        other.execute("SELECT count(*) FROM bookings").fetchall()

        reason = refused(tmp_path, fresh=True)

    assert "another program has it open" in reason
    assert bookings(tmp_path) == 120


def _epoch(tmp_path: Path) -> object:
    return rows(
        tmp_path / "app.db", "SELECT value FROM syncpatterns_meta WHERE name = 'epoch'"
    )


# ------------------------------------------------------------------- the file


def test_a_csv_file_replaces_the_samples(tmp_path: Path) -> None:
    """Good rows stay, bad rows are listed with line and reason."""
    file = tmp_path / "b.csv"
    file.write_text(f"{HEADER}\n{ROW}\n{ROW.replace('b-1', 'b-2')}\nx\n")

    said = opened(tmp_path, bookings=file)

    assert bookings(tmp_path) == 1
    assert said == [
        f"{file} line 3: its slot is taken by line 2",
        f"{file} line 4: 1 cells, but the header names 9",
        f"{file}: 1 bookings added, 0 were there already, 2 rows left out.",
        f"Added 500 sample leads to {tmp_path / 'app.db'}.",
    ]


def test_the_same_file_again_adds_nothing(tmp_path: Path) -> None:
    """Bookings that went on since then stay as they are."""
    file = tmp_path / "b.csv"
    file.write_text(f"{HEADER}\n{ROW}\n")
    opened(tmp_path, bookings=file)

    said = opened(tmp_path, bookings=file)

    assert said == [f"{file}: 0 bookings added, 1 were there already, 0 rows left out."]


@pytest.mark.parametrize("bad", ["x", ROW, ROW.replace("b-1", "b-2")])
def test_strict_refuses_the_whole_file(tmp_path: Path, bad: str) -> None:
    """A bad row, a doubled id or a doubled slot: nothing is written."""
    file = tmp_path / "b.csv"
    file.write_text(f"{HEADER}\n{ROW}\n{bad}\n")

    reason = refused(tmp_path, bookings=file, strict=True)

    written = (tmp_path / "app.db").exists() and bookings(tmp_path)
    assert "1 bad rows" in reason
    assert not written


def test_a_long_list_of_bad_rows_is_cut(tmp_path: Path) -> None:
    """And says how many more there are."""
    file = tmp_path / "b.csv"
    file.write_text("\n".join([HEADER, ROW, *["x"] * 30]))

    said = opened(tmp_path, bookings=file)

    told = [line for line in said if line.startswith(str(file))]
    assert f"{file}: and 10 more bad rows" in told
    assert len(told) == 22


# -------------------------------------------------------------- the database


def _text(path: Path) -> None:
    path.write_text("This is no database, but somebody's letter. " * 200)


def _other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE moz_places (id)")


def _other_bookings(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookings (id, guest)")


def _newer(path: Path) -> None:
    open_database(Settings(db=f"sqlite:///{path}"), lambda _: None).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")


def _newer_library(path: Path) -> None:
    open_database(Settings(db=f"sqlite:///{path}"), lambda _: None).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE syncpatterns_meta SET value=99 WHERE name='schema'")
        connection.commit()


def _damaged(path: Path) -> None:
    open_database(Settings(db=f"sqlite:///{path}"), lambda _: None).close()
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xa5" * 8192
    path.write_bytes(data)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_text, "not a SQLite database"),
        (_other_program, "belongs to another program"),
        (_other_bookings, "belongs to another program"),
        (_newer, "newer release of this app"),
        (_newer_library, "newer release"),
        (_damaged, "damaged"),
        (_folder, "is a folder"),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_database_that_is_not_ours_is_left_alone(
    tmp_path: Path, make: Callable[[Path], None], message: str, fresh: bool
) -> None:
    """Each refusal says what it is and what to do; --fresh deletes only ours.

    Ours may be newer or damaged: that is a reason to start over.
    """
    path = tmp_path / "app.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    if fresh and make in {_newer, _newer_library, _damaged}:
        opened(tmp_path, fresh=True)
        assert bookings(tmp_path) == 120
        return

    reason = refused(tmp_path, fresh=fresh)

    assert message in reason or (fresh and "leaves" in reason)
    assert before is None or before == path.read_bytes()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://", "needs a database"),
        ("postgresql://localhost/x", "no engine for postgresql"),
        ("mysql://localhost/x", "No engine is known for mysql"),
        ("", "without a scheme"),
        ("sqlite://", "names a file"),
        ("sqlite:///:memory:", "names a file"),
        ("sqlite:///x.db?cache=shared", "Unknown option"),
        ("sqlite:////no/such/folder/x.db", "does not exist"),
        ("sqlite:////proc/x.db", "cannot be written"),
    ],
)
def test_a_bad_url_says_what_would_be_right(url: str, message: str) -> None:
    """Nothing is opened."""
    with pytest.raises(StartupError, match=message):
        open_database(Settings(db=url), lambda _: None)


def test_a_disk_without_room_is_said_so(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk's."""
    with _files_up_to(60_000):
        reason = refused(tmp_path)

    opened(tmp_path)
    assert "has no room" in reason
    assert bookings(tmp_path) == 120


@contextmanager
def _files_up_to(size: int) -> Generator[None]:
    resource = pytest.importorskip("resource", reason="needs POSIX limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_database_that_stays_locked_is_said_so(tmp_path: Path) -> None:
    """It names what to stop; nothing is waited for but the time-out of the URL."""
    opened(tmp_path)
    settings = Settings(db=f"sqlite:///{tmp_path}/app.db?busy_timeout=0")
    with closing(sqlite3.connect(tmp_path / "app.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StartupError, match="locked by another program"):
            open_database(settings, lambda _: None)


# ----------------------------------------------------------- the command line


@pytest.fixture
def logging_as_it_was() -> Generator[None]:
    """The program logs to this test's stderr, which is closed when it is over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("logging_as_it_was")
def test_a_port_in_use_is_refused_before_anything_is_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the port and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        code = cli.main(["--port", port, "--db", f"sqlite:///{tmp_path}/app.db"])

    captured = capsys.readouterr()
    assert code == 2
    assert f"Port {port} on 127.0.0.1" in captured.err
    assert "--port 0" in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("logging_as_it_was")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "--allow-host"),
        (["--host", "no.such.host.invalid"], "--allow-host"),
        (["--host", "192.0.2.1", "--allow-host", "x"], "cannot be used"),
        (["--db", "nonsense"], "--db"),
        (["--bookings", "missing.csv"], "does not exist"),
    ],
)
def test_a_refused_start_exits_with_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line on stderr, none on stdout."""
    monkeypatch.chdir(tmp_path)

    code = cli.main(["--port", "0", *arguments])

    captured = capsys.readouterr()
    assert code == 2
    assert message in captured.err
    assert (captured.out, captured.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    "arguments",
    [["--port", "x"], ["--port", "65536"], ["--port", "-1"], ["--strict"], ["--what"]],
)
def test_a_wrong_option_exits_with_2(arguments: list[str]) -> None:
    """As every command line does."""
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)

    assert ended.value.code == 2


def test_a_start_without_a_db_makes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's data lives in var/."""
    monkeypatch.chdir(tmp_path)

    open_database(Settings(), lambda _: None).close()

    assert (tmp_path / "var" / "critical_buttons.db").is_file()


def test_var_that_cannot_be_made_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in its place stands for any folder that cannot be made."""
    (tmp_path / "var").write_text("in the way")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(StartupError, match="var cannot be made"):
        open_database(Settings(), lambda _: None)


# --------------------------------------------------------- several processes


def test_a_second_demo_shares_the_file_and_says_so(start_app: StartApp) -> None:
    """What one confirms, the other replays."""
    one = start_app()
    two = start_app()

    with one.client() as first, two.client() as second:
        booking = next(
            b["id"] for b in Api(first).bookings() if b["status"] == "requested"
        )
        done = Api(first).confirm(booking, "shared")
        again = Api(second).confirm(booking, "shared")

    assert two.stop() == 0
    assert done.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert any(f"Process {one.pid} already serves" in line for line in two.said)
    assert not any("already serves" in line for line in one.said)


def test_fresh_is_refused_while_a_demo_serves_the_file(start_app: StartApp) -> None:
    """It names the process to stop; once that has ended, it works."""
    one = start_app()

    late = start_app("--fresh")
    code = late.wait()
    one.stop()
    again = start_app("--fresh")

    assert (late.serving, code) == (False, 2)
    assert f"process {one.pid} serves" in late.said[-1]
    assert again.serving


def test_two_that_start_at_once_on_a_new_file_both_serve(start_app: StartApp) -> None:
    """The tables and the samples are made once."""
    with ThreadPoolExecutor(3) as pool:
        apps = list(pool.map(lambda _: start_app(), range(3)))

    ((count,),) = rows(apps[0].database, "SELECT count(*) FROM bookings")
    assert [app.serving for app in apps] == [True] * 3
    assert count == 120
    assert sum(any("Added 120" in line for line in app.said) for app in apps) == 1
