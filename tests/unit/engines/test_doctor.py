"""The doctor finds each thing that can go wrong with the file, and says what to do."""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.engines.sqlite._care import _doctor
from syncpatterns.engines.sqlite._care._doctor import Machine
from syncpatterns.engines.sqlite._writing._reserve import reserve_of
from syncpatterns.offline_queue._core import Finding, NewItem, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import FakeClock
from tests.unit.engines.conftest import create, insert

MOUNTS = """\
22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /srv rw shared:2 - nfs4 server:/srv rw
41 40 0:36 / /srv/local rw - xfs /dev/sdb1 rw
42 22 0:37 / /net/with\\040space rw - cifs //server/net rw
"""
SOUND = Machine((3, 51, 3), ("sqlite3", "json"), "", "")


def item(key: str, payload: bytes = b"{}") -> NewItem:
    """Return something to do."""
    return NewItem("op", key, "acme", b"f", payload)


def words(found: list[Finding]) -> list[str]:
    """Return what was found, without the sentences."""
    return [each.what for each in found]


def examined(engine: SqliteEngine) -> list[Finding]:
    """Look at the file, on a machine on which nothing is wrong."""
    return _doctor.examine(engine, machine=SOUND)


def test_nothing_wrong_is_an_empty_list(engine: SqliteEngine) -> None:
    """Good news needs no words."""
    assert examined(engine) == []


def test_the_machine_itself_is_looked_at(engine: SqliteEngine) -> None:
    """Nothing that a test says: this very process."""
    here = Machine.here()

    assert here.version == sqlite3.sqlite_version_info
    assert {"sqlite3", "pytest"} <= set(here.modules)
    assert set(words(engine.doctor())) <= {"sqlite-version", "second-sqlite"}


@pytest.mark.parametrize(
    ("version", "bad"),
    [((3, 40, 1), True), ((3, 51, 2), True), ((3, 44, 6), False), ((3, 51, 3), False)],
)
def test_a_sqlite_that_can_damage_a_shared_file(
    version: tuple[int, int, int], bad: bool, path: Path
) -> None:
    """Two writers may reset the log under a commit."""
    found = list(_doctor.version(SOUND._replace(version=version), path, shared=True))

    assert words(found) == ["sqlite-version"] * bad
    assert all("Upgrade to 3.51.3" in each.detail for each in found)
    assert all("another process does" in each.detail for each in found)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/var/app.db", "ext4"),
        ("/srv/app.db", "nfs4"),
        ("/srv/local/app.db", "xfs"),
        ("/srvlocal/app.db", "ext4"),
        ("/net/with space/app.db", "cifs"),
    ],
)
def test_the_innermost_mount_counts(file: str, kind: str) -> None:
    """A disk mounted below a network folder is a disk."""
    found = list(_doctor.file_system(SOUND._replace(mounts=MOUNTS), Path(file)))

    assert _doctor.kind_of_mount(MOUNTS, Path(file)) == kind
    assert bool(found) == (kind in {"nfs4", "cifs"})


def test_a_mount_that_nobody_describes_is_no_finding(path: Path) -> None:
    """Not every system says what it has mounted."""
    assert list(_doctor.file_system(SOUND._replace(mounts="rubbish\n"), path)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")
def test_this_machine_says_what_it_has_mounted(path: Path) -> None:
    """The real list is read the same way."""
    assert _doctor.kind_of_mount(Machine.here().mounts, path.resolve()) != ""


@pytest.mark.case("QUE-48")
def test_a_second_sqlite_in_the_process_is_found(engine: SqliteEngine) -> None:
    """One that is loaded for real: it would drop this one's locks."""
    importlib.import_module("apsw")

    (found,) = [each for each in engine.doctor() if each.what == "second-sqlite"]

    assert "(apsw" in found.detail
    assert "commits can get lost" in found.detail


def test_two_shared_libraries_are_two_copies(path: Path) -> None:
    """Whoever loaded them."""
    one = "7f00-7f01 r-xp 0 08:01 1 /usr/lib/libsqlite3.so.0.8.6\n"
    other = "7f02-7f03 r-xp 0 08:01 2 /opt/lib/libsqlite3.so.3\n"

    alone = list(_doctor.second_library(SOUND._replace(maps=one + one), path))
    both = list(_doctor.second_library(SOUND._replace(maps=one + other), path))

    assert alone == []
    assert words(both) == ["second-sqlite"]


def test_a_damaged_file_is_told_with_both_ways_out(engine: SqliteEngine) -> None:
    """Backup and salvage."""
    engine.transact(
        lambda tx: tx.connection.executemany(
            "INSERT INTO item VALUES (?)", [(f"{n} {'x' * 500}",) for n in range(500)]
        )
    )
    engine.close()
    with closing(sqlite3.connect(engine.path)) as connection:
        (page,) = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'item' AND pagetype = 'leaf'"
        ).fetchone()
    with engine.path.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("syncpatterns.engines.sqlite._connection._CHECK_BELOW", 0)
        with SqliteEngine(engine.path) as damaged:
            found = examined(damaged)

    assert words(found) == ["damaged"]
    assert "syncpatterns queue salvage" in found[0].detail


def test_a_file_that_cannot_be_opened_is_a_finding(path: Path) -> None:
    """Not an exception: the report is the point."""
    path.write_text("not a database " * 100)

    found = examined(SqliteEngine(path))

    assert set(words(found)) == {"not-writable", "unusable"}
    assert "not a SQLite database" in found[0].detail


def test_leases_that_ended_are_told(path: Path) -> None:
    """Somebody claimed and died, and nobody claims."""
    clock = FakeClock()
    with SqliteEngine(path, clock=clock) as engine:
        store = engine.queue_store()
        store.enqueue(EnqueueRequest("field", [item("a"), item("b")]))
        store.claim(ClaimRequest("field", 1, 30.0))
        before = examined(engine)
        clock.advance(60)
        store.enqueue(EnqueueRequest("other", [item("c")]))

        found = examined(engine)

    assert before == []
    assert words(found) == ["lapsed-leases"]
    assert found[0].detail.startswith("1 leases have ended")


def test_what_a_queue_finds_in_its_rows_is_told_too(engine: SqliteEngine) -> None:
    """An item whose payload is gone, for one."""
    store = engine.queue_store()
    store.enqueue(
        EnqueueRequest("field", [item("a", b'"%s"' % (b"x" * 9000)), item("b")])
    )
    engine.transact(
        lambda tx: tx.connection.execute("UPDATE syncpatterns_queue_payload SET id = 7")
    )

    found = examined(engine)

    assert words(found) == ["payload"]


def test_counters_that_do_not_fit_are_told_and_repaired(engine: SqliteEngine) -> None:
    """By the queue itself, which knows its rows."""
    store = engine.queue_store()
    store.enqueue(EnqueueRequest("field", [item("a")]))
    engine.transact(
        lambda tx: tx.connection.execute(
            "UPDATE syncpatterns_queue_count SET items = 5 WHERE state = -1"
        )
    )

    found = examined(engine)
    repaired = engine.doctor(repair=True)

    assert words(found) != []
    assert not any(each.repaired for each in found)
    assert any(each.repaired for each in repaired)
    assert examined(engine) == []


@pytest.mark.case("QUE-49", part="doctor")
def test_a_reader_that_holds_the_log_is_found(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it does, and not when it has ended."""
    monkeypatch.setattr("syncpatterns.engines.sqlite._connection.LOG_LIMIT", 100_000)

    def while_reading(connection: sqlite3.Connection) -> list[Finding]:
        connection.execute("SELECT count(*) FROM item").fetchone()
        for n in range(100):
            engine.transact(insert(f"{n} {'x' * 3000}"))
        return list(_doctor.pinned_log(engine, engine.path))

    during = engine.read(while_reading)
    after = list(_doctor.pinned_log(engine, engine.path))

    assert words(during) == ["log-pinned"]
    assert "end it" in during[0].detail
    assert after == []


def test_a_long_log_alone_is_no_reader(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is long because nobody has emptied it yet."""
    engine.transact(insert("x" * 5_000_000))

    assert examined(engine) == []


def test_a_reserve_that_was_given_up_is_told(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how much has to be free before it comes back."""
    engine.queue_store().configure("field", QueueRules())
    reserve_of(engine.path).unlink()
    monkeypatch.setattr(
        "syncpatterns.engines.sqlite._writing._reserve.Room.free", lambda _: 100 * 1024
    )

    (found,) = [each for each in examined(engine) if each.what == "no-reserve"]

    assert "512 KiB and 256 KiB more are free (100 KiB are)" in found.detail


def test_little_room_is_told_before_it_is_none(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no queue lives."""
    monkeypatch.setattr(
        "syncpatterns.engines.sqlite._writing._reserve.Room.free", lambda _: 700 * 1024
    )

    assert words(examined(engine)) == ["little-room"]


async def test_the_async_twin_finds_the_same(path: Path) -> None:
    """On a worker thread."""
    async with SqliteEngine(path) as engine:
        await engine.atransact(create)

        assert await engine.adoctor() == engine.doctor()


def test_looking_leaves_a_busy_process_alone(path: Path) -> None:
    """Another process writes meanwhile; nothing is wrong on either side."""
    program = (
        "import sys\n"
        "from syncpatterns.engines.sqlite import SqliteEngine\n"
        "with SqliteEngine(sys.argv[1]) as engine:\n"
        "    make = 'CREATE TABLE item (name)'\n"
        "    engine.transact(lambda tx: tx.connection.execute(make))\n"
        "    print('ready', flush=True)\n"
        "    for n in range(300):\n"
        "        add = 'INSERT INTO item VALUES (1)'\n"
        "        engine.transact(lambda tx: tx.connection.execute(add))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        with SqliteEngine(path) as engine:
            found = [examined(engine) for _ in range(5)]

    assert found == [[]] * 5
    assert other.returncode == 0
