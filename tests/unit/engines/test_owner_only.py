"""A database that the library makes is its owner's alone, whatever the umask."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncpatterns import OfflineQueue, connect

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such modes")


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let new files be readable for more or fewer people."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    """Return who may do what with *path*."""
    return stat.S_IMODE(path.stat().st_mode)


def put(path: Path) -> dict[str, int]:
    """Put something into a queue in *path*; return the modes of its files."""
    with connect(f"sqlite:///{path}") as engine:
        queue = OfflineQueue("field", engine)

        @queue.handler("sms.send")
        def send(payload: str) -> None:
            raise ConnectionRefusedError

        queue.enqueue(send, "Ada Lovelace")
        return {each.name: mode_of(each) for each in path.parent.iterdir()}


@pytest.mark.usefixtures("_umask")
def test_nobody_else_reads_a_new_database(tmp_path: Path) -> None:
    """Nor its log, its shared memory and the reserve beside it."""
    modes = put(tmp_path / "q.db")

    assert {"q.db", "q.db-wal", "q.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}


@pytest.mark.usefixtures("_umask")
def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """Somebody made it for two accounts; what SQLite makes beside it follows it."""
    path = tmp_path / "q.db"
    path.touch()
    path.chmod(0o660)
    modes = put(path)

    assert modes["q.db"] == modes["q.db-wal"] == modes["q.db-shm"] == 0o660


def test_whoever_is_first_makes_it(tmp_path: Path) -> None:
    """Engines of one process open a new file at once, and all of them work on it."""
    path = tmp_path / "q.db"
    ready = threading.Barrier(8)
    seen: list[int] = []

    def run(number: int) -> None:
        with connect(f"sqlite:///{path}?busy_timeout=300") as engine:
            queue = OfflineQueue("field", engine)
            queue.handler("n.inc", model=int)(lambda payload: payload)
            ready.wait(300)
            queue.enqueue("n.inc", number)
            seen.append(number)

    threads = [threading.Thread(target=run, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    with connect(f"sqlite:///{path}") as engine:
        store = engine.queue_store()

        assert store.stats("field").live == len(seen) == 8
        assert store.check("field") == []
    assert mode_of(path) == 0o600
