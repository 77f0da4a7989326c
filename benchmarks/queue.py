"""P-QUE: the offline queue on SQLite, against the floor and other queues.

Everything is compared at the same durability: each commit on the disk. Only
where a row says so do claims and acknowledgements run at NORMAL: what a power
cut takes of those is delivered again under the same key. Where no disk is in
it, processor time is compared: a sample is then not longer because the system
ran somebody else in it.

A worker that goes on stores what came of an item in the commit that claims the next
one, so a cycle of ours is a put and such a step. Rows that end in ``.calls`` make
three calls instead, as a program does that works with the store by hand; those that
end in ``.drain`` put eight, one after the other, and settle and claim eight in one
step, as a drain does that has its eight slots full.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from pydantic import BaseModel

from benchmarks._harness import DISK_PAIRS, Paired, Row, paired, row, summary
from benchmarks._peers import package
from benchmarks._queue_peers import (
    FLOOR,
    PAYLOAD,
    PEERS,
    PUT,
    Peer,
    floor,
    peer_at,
    peers,
    raw,
)
from syncpatterns import connect
from syncpatterns.clock import SystemClock
from syncpatterns.codec import digest
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue import ItemDelivered, OfflineQueue, Receipt
from syncpatterns.offline_queue._core import Ack, NewItem, QueueRules
from syncpatterns.offline_queue._ports import (
    ClaimRequest,
    EnqueueRequest,
    QueueStore,
)
from syncpatterns.offline_queue._taking._keys import KeyMaker

_QUEUE: Final = "bench"
_PRINT: Final = digest(PAYLOAD)
_LARGE: Final = 1_000_000
_SMALL: Final = 1_000
_BLOCKED: Final = 100_000
_BATCH: Final = 1_000
_PUTS: Final = 5_000
_TASKS: Final = 64
_STEPS: Final = 40
_WARM: Final = 160
_WIDTH: Final = 8
_ROUNDS: Final = 40
_ROOM: Final = QueueRules(max_items=10_000_000, max_bytes=1 << 40)
_keys = KeyMaker(SystemClock(), random.Random(1))


def rows() -> Iterator[Row]:
    """Measure cycles, backlogs, crowds of tasks and bytes."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        path = Path(folder)
        with floor(path / "floor.db") as bare, peers(path) as others:
            yield from _cycles(path, bare, others)
            yield from _sizes(path)
        yield from _backlogs(path)
        yield from _crowds(path)
        yield from _wrapper(path)


def _cycles(path: Path, bare: Peer, others: list[Peer]) -> Iterator[Row]:
    for durability, target in (("full", 0.9), ("enqueue", 0.6)):
        what = {
            "full": "put, claim, ack, all FULL",
            "enqueue": "put FULL, claim and ack NORMAL",
        }[durability]
        with _store(path / f"{durability}-calls.db", durability) as store:
            yield row(
                f"P-QUE-1.{durability}.calls",
                f"{what}, three calls vs. three commits by hand, us",
                _timed(_calls(store), bare.cycle),
                target=target,
            )
        with _store(path / f"{durability}-drain.db", durability) as store:
            figures = _timed(_cycle(store, _WIDTH), _times(bare.cycle, _WIDTH))
            yield row(
                f"P-QUE-1.{durability}.drain",
                f"{what}, eight in a step vs. three commits by hand, us an item",
                _of_each(figures, _WIDTH),
                target=target,
            )
        with _store(path / f"{durability}.db", durability) as store:
            cycle = _cycle(store)
            yield row(
                f"P-QUE-1.{durability}",
                f"{what}, a worker's steps vs. three commits by hand, us",
                _timed(cycle, bare.cycle),
                target=target,
            )
            if durability == "full":
                for peer in others:
                    yield row(
                        f"P-QUE-1.{peer.name.split()[0]}",
                        f"{what} vs. {peer.name} at FULL, us",
                        _timed(cycle, peer.cycle),
                        target=peer.target,
                    )


def _backlogs(path: Path) -> Iterator[Row]:
    with (
        _store(path / "small.db", "normal") as small,
        _store(path / "large.db", "normal") as large,
    ):
        _fill(small, _SMALL)
        _fill(large, _LARGE)
        yield row(
            "P-QUE-2.backlog",
            "claim and ack, behind 1,000,000 vs. 1,000 items, us",
            paired(_taking(large), _taking(small), pairs=400, number=1),
            target=1.5,
        )
    with (
        _store(path / "free.db", "normal") as free,
        _store(path / "lane.db", "normal") as beside,
    ):
        _fill(free, _SMALL)
        _fill(beside, _BLOCKED, lane="stuck")
        beside.claim(ClaimRequest(_QUEUE, 1, 3600.0))  # its head is out for an hour
        _fill(beside, _SMALL)
        yield row(
            "P-QUE-2.lane",
            "claim and ack, beside a blocked lane of 100,000 vs. none, us",
            paired(_taking(beside), _taking(free), pairs=400, number=1),
            target=2,
        )


def _sizes(path: Path) -> Iterator[Row]:
    """Bytes an item with 204 bytes of payload, after 10,000 of them."""
    items = 10_000
    with _store(path / "size.db", "normal") as store:
        _fill(store, items)
    with closing(raw(path / "bare-size.db")) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for statement in FLOOR:
            connection.execute(statement)
        connection.execute("BEGIN")
        connection.executemany(PUT, [(PAYLOAD,)] * items)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    mine = (path / "size.db").stat().st_size / items
    theirs = (path / "bare-size.db").stat().st_size / items
    yield row(
        "P-QUE-1.bytes",
        "bytes an item of 204 bytes vs. one bare table",
        Paired(mine, theirs, mine / theirs),
        target=1.6,
        unit=1,
    )
    for place in range(PEERS):
        folder = path / f"sizes-{place}"
        folder.mkdir()
        with peer_at(place, folder) as peer:
            for _ in range(_PUTS):
                peer.put()
        # All its files, once it has closed them.
        found = (each for each in folder.rglob("*") if each.is_file())
        theirs = sum(each.stat().st_size for each in found) / _PUTS
        yield row(
            f"P-QUE-1.bytes.{peer.name.split()[0]}",
            f"bytes an item of 204 bytes vs. {peer.name}",
            Paired(mine, theirs, mine / theirs),
            target=1.6,
            unit=1,
        )


def _crowds(path: Path) -> Iterator[Row]:
    for suffix, what in (
        ("", "aiosqlite, whose tasks share each other's commits"),
        (".apart", "aiosqlite, each put a transaction of its own"),
    ):
        yield row(
            f"P-QUE-3{suffix}",
            f"64 tasks put at FULL, items a second: ours vs. {what}",
            anyio.run(_crowd, path / f"crowd{suffix}", bool(suffix)),
            target=5,
            better="higher",
            unit=1,
        )


async def _crowd(path: Path, apart: bool) -> Paired:  # noqa: FBT001 - anyio.run takes no keywords
    samples: list[tuple[float, float]] = []
    engine: SqliteEngine = connect(f"sqlite:///{path}.db")
    async with engine, package("aiosqlite").connect(f"{path}-aio.db") as other:
        store = engine.async_queue_store()
        await store.configure(_QUEUE, _ROOM._replace(durability="full"))
        await other.execute("PRAGMA journal_mode=WAL")
        await other.execute("PRAGMA synchronous=FULL")
        await other.execute(
            "CREATE TABLE item (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB)"
        )
        lock = anyio.Lock()

        async def ours() -> None:
            await store.enqueue(EnqueueRequest(_QUEUE, [_item()]))

        async def theirs() -> None:
            await other.execute("INSERT INTO item (payload) VALUES (?)", (PAYLOAD,))
            await other.commit()

        async def theirs_apart() -> None:
            # On one connection a commit is everybody's, and so is a rollback.
            async with lock:
                await theirs()

        for _ in range(_ROUNDS):
            mine = await _crowded(ours)
            samples.append((mine, await _crowded(theirs_apart if apart else theirs)))
    return summary(samples)


async def _crowded(put: Callable[[], Coroutine[Any, Any, None]]) -> float:
    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(_TASKS):
            group.start_soon(put)
    return _TASKS / (time.perf_counter() - start)


class _Move(BaseModel):
    lead_id: str
    to: str
    reason: str


def _wrapper(path: Path) -> Iterator[Row]:
    """Put 40 actions, then one worker until nothing is left; the same by the store."""
    told: Counter[type[object]] = Counter()
    done: list[str] = []
    with connect(f"sqlite:///{path / 'whole.db'}") as engine:
        queue = OfflineQueue(
            "field",
            engine,
            durability="normal",
            hooks=[lambda fact: told.update([type(fact)])],
        )

        @queue.handler("leads.move")
        def move(action: _Move) -> str:
            done.append(action.to)
            return action.to

        receipts: list[Receipt[str]] = []

        def whole() -> None:
            for n in range(_STEPS):
                action = _Move(lead_id=f"lead-{n}", to="qualified", reason="x" * 154)
                receipts.append(queue.enqueue(move, action))
            queue.work(once=True)

        with _store(path / "store.db", "normal") as store:
            for suffix, calls, work in (
                ("", "its store's calls", _worked_off(store)),
                (".calls", "three calls of its store", _times(_taking(store), _STEPS)),
            ):
                bare = _both(partial(_put, store, _STEPS), work)
                whole()
                bare()
                timed = paired(whole, bare, pairs=50, number=1, clock=time.thread_time)
                yield row(
                    f"P-QUE-4{suffix}",
                    "model, events, receipt, enqueued and worked off at NORMAL vs. "
                    f"{calls}, processor us",
                    _of_each(timed, _STEPS),
                    target=2,
                )
    if len(done) != len(receipts) or told[ItemDelivered] != len(done):
        raise AssertionError


def _worked_off(store: QueueStore) -> Callable[[], None]:
    """Return the calls that a worker makes of its store until nothing is left."""
    claim = ClaimRequest(_QUEUE, 1, 30.0)

    def work() -> None:
        held = store.claim(claim)
        while held:
            _, held = store.settle_and_claim(claim, [Ack(item.hold) for item in held])

    return work


def _both(one: Callable[[], object], other: Callable[[], object]) -> Callable[[], None]:
    def both() -> None:
        one()
        other()

    return both


@contextmanager
def _store(path: Path, durability: str) -> Iterator[QueueStore]:
    engine: SqliteEngine = connect(f"sqlite:///{path}")
    with engine:
        store = engine.queue_store()
        store.configure(_QUEUE, _ROOM._replace(durability=durability))  # type: ignore[arg-type]  # one of the three
        yield store


def _item(lane: str | None = None) -> NewItem:
    """Return a new item, under a key as `OfflineQueue` makes them."""
    return NewItem("leads.move", _keys.make(), "", _PRINT, PAYLOAD, lane=lane)


def _fill(store: QueueStore, items: int, lane: str | None = None) -> None:
    for _ in range(0, items, _BATCH):
        batch = [_item(lane) for _ in range(min(_BATCH, items))]
        store.enqueue(EnqueueRequest(_QUEUE, batch))


def _put(store: QueueStore, items: int = 1) -> None:
    for _ in range(items):
        store.enqueue(EnqueueRequest(_QUEUE, [_item()]))


def _cycle(store: QueueStore, width: int = 1) -> Callable[[], None]:
    """Return what puts as many items as a worker settles and claims in one step."""
    claim = ClaimRequest(_QUEUE, width, 30.0)
    _put(store, width)
    held = store.claim(claim)

    def cycle() -> None:
        nonlocal held
        _put(store, width)
        settled, held = store.settle_and_claim(claim, [Ack(item.hold) for item in held])
        if len(held) != width or not all(each.accepted for each in settled):
            raise AssertionError

    return cycle


def _calls(store: QueueStore) -> Callable[[], None]:
    take = _taking(store)

    def cycle() -> None:
        _put(store)
        take()

    return cycle


def _times(cycle: Callable[[], object], number: int) -> Callable[[], None]:
    def cycles() -> None:
        for _ in range(number):
            cycle()

    return cycles


def _of_each(figures: Paired, number: int) -> Paired:
    """Return the figures of one of *number* that were timed together."""
    return Paired(figures.ours / number, figures.reference / number, figures.ratio)


def _taking(store: QueueStore) -> Callable[[], None]:
    def take() -> None:
        (item,) = store.claim(ClaimRequest(_QUEUE, 1, 30.0))
        (settled,) = store.settle(_QUEUE, [Ack(item.hold)])
        if not settled.accepted:
            raise AssertionError

    return take


def _timed(ours: Callable[[], object], theirs: Callable[[], object]) -> Paired:
    # Until the log of both has its length: a commit that makes the file longer waits
    # for the file system's journal too, and they come to their ends at other times.
    for _ in range(_WARM):
        ours()
        theirs()
    return paired(ours, theirs, pairs=DISK_PAIRS, number=1)
