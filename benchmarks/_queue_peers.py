"""Other queues on SQLite, each as one cycle: put, take, done, at full durability.

The floor is what anybody would write first: one table, three commits. A cycle
is what it costs an action to pass through; huey forgets an item when it is
taken, so its cycle has two commits and loses what a worker dies over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks._peers import package

#: How many other queues there are.
PEERS: Final = 4
PAYLOAD: Final = (
    b'{"lead_id":"lead-17","to":"qualified","reason":"' + b"x" * 154 + b'"}'
)

FLOOR: Final = (
    """CREATE TABLE item (seq INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL, key BLOB NOT NULL UNIQUE, payload BLOB NOT NULL)""",
    "CREATE INDEX ready ON item (seq) WHERE state = 0",
)
PUT: Final = "INSERT INTO item (state, key, payload) VALUES (0, randomblob(16), ?)"
_TAKE: Final = (
    "UPDATE item SET state = 1 WHERE seq = (SELECT seq FROM item WHERE state = 0 "
    "ORDER BY seq LIMIT 1) RETURNING seq, payload"
)
_DONE: Final = "DELETE FROM item WHERE seq = ?"


class Peer(NamedTuple):
    """A queue that is compared with ours.

    Args:
        name: Its package.
        cycle: One action from put to done.
        put: The first third of it.
        target: The ratio ours / theirs that a cycle should reach.
    """

    name: str
    cycle: Callable[[], object]
    put: Callable[[], object]
    target: float


@contextmanager
def peers(folder: Path) -> Iterator[list[Peer]]:
    """Open every peer on a file of its own."""
    with ExitStack() as stack:
        yield [stack.enter_context(peer_at(place, folder)) for place in range(PEERS)]


def peer_at(place: int, folder: Path) -> AbstractContextManager[Peer]:
    """Open one of them, by its place in the list, on a file of its own."""
    openers = (_litequeue, _persistqueue, _huey, _localqueue)
    return openers[place](folder / f"queue-{place}.db")


@contextmanager
def floor(path: Path) -> Iterator[Peer]:
    """Open the one-table queue, three commits a cycle, each on the disk."""
    with closing(raw(path)) as connection:
        for statement in FLOOR:
            connection.execute(statement)

        def put() -> None:
            connection.execute(PUT, (PAYLOAD,))

        def cycle() -> None:
            put()
            ((seq, _payload),) = connection.execute(_TAKE).fetchall()
            connection.execute(_DONE, (seq,))

        yield Peer("floor", cycle, put, 0.9)


def raw(path: Path) -> sqlite3.Connection:
    """Open a connection whose every statement is a commit on the disk."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


@contextmanager
def _litequeue(path: Path) -> Iterator[Peer]:
    queue: Any = package("litequeue").LiteQueue(path)
    queue.conn.execute("PRAGMA synchronous=FULL")  # its own default is NORMAL
    text = PAYLOAD.decode()

    def put() -> None:
        queue.put(text)

    def cycle() -> None:
        put()
        queue.done(queue.pop().message_id)

    yield Peer("litequeue 0.9", cycle, put, 1.0)
    queue.close()


@contextmanager
def _persistqueue(path: Path) -> Iterator[Peer]:
    queue: Any = package("persistqueue").SQLiteAckQueue(str(path))

    def put() -> None:
        queue.put(PAYLOAD)

    def cycle() -> None:
        put()
        queue.ack(queue.get(block=False))

    yield Peer("persist-queue 1.1", cycle, put, 1.0)
    queue.close()


@contextmanager
def _huey(path: Path) -> Iterator[Peer]:
    storage: Any = package("huey.storage").SqliteStorage(filename=str(path), fsync=True)

    def put() -> None:
        storage.enqueue(PAYLOAD)

    def cycle() -> None:
        put()
        storage.dequeue()

    yield Peer("huey 3.5 (two commits)", cycle, put, 1.5)
    storage.close()


@contextmanager
def _localqueue(path: Path) -> Iterator[Peer]:
    module = package("localqueue")
    queue: Any = module.SimpleQueue(str(path), durability=module.DurabilityMode.DURABLE)
    text = PAYLOAD.decode()

    def put() -> None:
        queue.put(text)

    def cycle() -> None:
        put()
        queue.ack(queue.get(block=False))

    yield Peer("localqueue 1.4", cycle, put, 1.0)
    queue.close()
