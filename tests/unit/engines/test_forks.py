"""A forked process uses the engine as if it had made it itself."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction, _forks
from syncpatterns.errors import ConfigurationError
from tests.unit.engines.conftest import insert, names, on_disk

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    # Python 3.12 warns of what these tests are about.
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),
]

OpenEngine = Callable[..., SqliteEngine]


def in_child(work: Callable[[], object]) -> str:
    """Fork, run *work* in the child, and return what it raised, if anything."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = b""
        try:
            work()
        except BaseException:  # noqa: BLE001 - told through the pipe
            said = traceback.format_exc().encode()
        os.write(write, said)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def test_parent_and_child_go_on(engine: SqliteEngine, path: Path) -> None:
    """What either commits is there, and each closes for itself."""
    engine.transact(insert("before"))
    assert names(engine) == ["before"]

    def child() -> None:
        engine.transact(insert("child"))
        assert names(engine) == ["before", "child"]
        engine.close()

    said = in_child(child)
    engine.transact(insert("parent"))

    assert said == ""
    assert names(engine) == ["before", "child", "parent"]
    engine.close()
    assert on_disk(path) == ["before", "child", "parent"]


def test_what_a_child_commits_outlives_the_parent_s_closing(path: Path) -> None:
    """With connections open across the fork, it would be acknowledged and lost."""
    program = """
    import os, sys
    from syncpatterns.engines.sqlite import SqliteEngine
    def insert(name):
        sql = "INSERT INTO item VALUES (?)"
        return lambda tx: tx.connection.execute(sql, (name,))
    engine = SqliteEngine(sys.argv[1])
    engine.transact(lambda tx: tx.connection.execute("CREATE TABLE item (name)"))
    engine.read(lambda c: c.execute("SELECT 1").fetchall())
    closed, told = os.pipe()
    ready, tell = os.pipe()
    if os.fork() == 0:
        engine.transact(insert("first"))
        os.write(tell, b"x")
        os.read(closed, 1)
        engine.transact(insert("second"))
        os._exit(0)
    os.read(ready, 1)
    engine.close()
    os.write(told, b"x")
    os.wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]

    subprocess.run(command, check=True)

    assert on_disk(path) == ["first", "second"]


def test_an_engine_not_open_yet_crosses_a_fork(open_engine: OpenEngine) -> None:
    """Made in the master process, opened in each worker."""
    engine = open_engine()

    said = [in_child(engine.open), in_child(engine.open)]

    assert said == ["", ""]
    assert len(engine.epoch) == 8


def test_the_writer_s_thread_is_started_anew(engine: SqliteEngine) -> None:
    """Threads do not cross a fork; the child's tasks need one."""
    anyio.run(engine.atransact, insert("parent"))

    said = in_child(lambda: anyio.run(engine.atransact, insert("child")))
    anyio.run(engine.atransact, insert("parent again"))

    assert said == ""
    assert names(engine) == ["child", "parent", "parent again"]


def test_a_fork_waits_for_a_transaction(engine: SqliteEngine) -> None:
    """A short one ends in time, and neither side notices anything."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(tx: SqliteTransaction) -> None:
        begun.set()
        assert go_on.wait(120)
        insert("slow")(tx)

    thread = threading.Thread(target=engine.transact, args=(slow,))
    thread.start()
    assert begun.wait(120)
    lock = engine._opened()._lock
    real = lock.acquire

    class Watched:
        """The writer's lock, which lets the transaction end once it is waited for."""

        def acquire(self, *, timeout: float = -1, blocking: bool = True) -> bool:
            go_on.set()
            return real(blocking, timeout)

        release = lock.release
        __enter__ = lock.__enter__
        __exit__ = lock.__exit__

    engine._opened()._lock = Watched()  # type: ignore[assignment]  # stands in for the lock
    said = in_child(lambda: engine.transact(insert("child")))
    thread.join()

    assert said == ""
    assert names(engine) == ["child", "slow"]


@pytest.mark.parametrize("busy", ["transaction", "view"])
def test_a_fork_in_the_middle_leaves_the_child_without_the_file(
    engine: SqliteEngine,
    open_engine: OpenEngine,
    path: Path,
    busy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Refusing is all it can do: its copy of the locks is worth nothing."""
    monkeypatch.setattr(_forks, "PATIENCE", 0.01)
    said: list[str] = []

    def refused() -> None:
        for same in (engine, SqliteEngine(path)):
            with pytest.raises(ConfigurationError, match="was forked while"):
                same.transact(insert("child"))
        other = SqliteEngine(path.with_name("other.db"))
        other.transact(lambda tx: tx.connection.execute("CREATE TABLE t (a)"))

    def work(tx: SqliteTransaction) -> None:
        insert("parent")(tx)
        said.append(in_child(refused))

    if busy == "transaction":
        engine.transact(work)
    else:
        engine.read(lambda c: said.append(in_child(refused)))
    engine.transact(insert("after"))

    assert said == [""]
    assert "after" in names(engine)


def test_two_threads_that_fork(engine: SqliteEngine) -> None:
    """One after the other; each child finds an engine in good order."""
    said: list[str] = []

    def fork(name: str) -> None:
        said.append(in_child(lambda: engine.transact(insert(name))))

    threads = [threading.Thread(target=fork, args=(f"{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == ["", "", "", ""]
    assert names(engine) == ["0", "1", "2", "3"]


def test_a_grandchild_uses_it_too(engine: SqliteEngine) -> None:
    """A server that forks, whose worker forks."""
    said = in_child(
        lambda: (
            engine.transact(insert("child")),
            print(in_child(lambda: engine.transact(insert("grandchild")))),
        )
    )

    assert said == ""
    assert names(engine) == ["child", "grandchild"]
