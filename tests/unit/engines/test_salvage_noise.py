"""Whatever happens to a file: it is salvaged, or refused in our own words."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from syncpatterns.engines.sqlite import SqliteEngine, salvage
from syncpatterns.errors import SyncPatternsError
from syncpatterns.offline_queue._core import Ack, Parent
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest
from syncpatterns.testing import sqlite_integrity
from tests.unit.engines.damaged import PAGE, fill, item, payloads

Spoil = Callable[[random.Random, IO[bytes], int], None]


def noise(rng: random.Random, file: IO[bytes], pages: int) -> None:
    """Overwrite three pages."""
    for _ in range(3):
        file.seek(rng.randrange(pages) * PAGE)
        file.write(rng.randbytes(PAGE))


def zeros(rng: random.Random, file: IO[bytes], pages: int) -> None:
    """Lose three pages, as a disk does."""
    for _ in range(3):
        file.seek(rng.randrange(pages) * PAGE)
        file.write(bytes(PAGE))


def half(rng: random.Random, file: IO[bytes], pages: int) -> None:
    """Cut the end off."""
    file.truncate(rng.randrange(1, pages * PAGE))


def misplaced(rng: random.Random, file: IO[bytes], pages: int) -> None:
    """Write one page where another belongs."""
    file.seek(rng.randrange(1, pages) * PAGE)
    page = file.read(PAGE)
    file.seek(rng.randrange(1, pages) * PAGE)
    file.write(page)


def quarter(rng: random.Random, file: IO[bytes], pages: int) -> None:
    """Overwrite a quarter of all pages but the first."""
    for number in rng.sample(range(1, pages), pages // 4):
        file.seek(number * PAGE)
        file.write(rng.randbytes(PAGE))


def sprinkled(rng: random.Random, file: IO[bytes], pages: int) -> None:
    """Change a few bytes in many places."""
    for _ in range(rng.randrange(1, 200)):
        file.seek(rng.randrange(100, pages * PAGE))
        file.write(rng.randbytes(rng.randrange(1, 20)))


WAYS: tuple[Spoil, ...] = (noise, zeros, half, misplaced, quarter, sprinkled)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a queue with lanes, children, long payloads and things done."""
    path = tmp_path_factory.mktemp("model") / "model.db"
    fill(
        path,
        (
            item(n, size=(n % 9) * 400, lane=f"l{n % 7}" if n % 3 else None)
            for n in range(1, 301)
        ),
    )
    children = [
        item(9000 + n)._replace(parents=(Parent(n + 50),)) for n in range(1, 31)
    ]
    fill(path, children)
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        held = store.claim(ClaimRequest("field", 30, 30.0))
        store.settle("field", [Ack(each.hold, b"1") for each in held])
    return path


@pytest.mark.slow
@pytest.mark.case("QUE-43", part="noise")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spoil", WAYS, ids=lambda way: way.__name__)
def test_it_is_salvaged_or_refused(
    model: Path, path: Path, spoil: Spoil, seed: int
) -> None:
    """What comes back was there, fits, and works; what was done stays done."""
    shutil.copy(model, path)
    with path.open("rb+") as file:
        spoil(random.Random(seed), file, path.stat().st_size // PAGE)
    spoilt = path.read_bytes()

    try:
        salvage(path)
    except SyncPatternsError:
        assert path.read_bytes() == spoilt
        return

    before, after = payloads(model), payloads(path)
    assert after.keys() <= before.keys()
    if spoil is not sprinkled:  # bytes inside a row's own text tell nobody
        assert after.items() <= before.items()
    assert sqlite_integrity(path) == "ok"
    with SqliteEngine(path) as engine:
        store = engine.queue_store()
        assert [store.check(queue) for queue in store.queues()] == [
            [] for _ in store.queues()
        ]
        new = store.enqueue(EnqueueRequest("field", [item(77_777)]))
        assert new[0].seq not in before


def test_an_item_that_is_no_longer_known_by_its_key_waits_for_a_person(
    path: Path,
) -> None:
    """Delivered under another key than before, it could be done twice."""
    fill(path, (item(n) for n in range(1, 101)))
    damaged = path.read_bytes().replace(b"acmek77ffff", b"acmek78ffff", 1)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = "
            "'syncpatterns_queue_item_order'"
        ).fetchone()
    path.write_bytes(
        damaged[: (page - 1) * PAGE] + b"\xff" * PAGE + damaged[page * PAGE :]
    )

    salvage(path)

    with SqliteEngine(path) as engine:
        found = engine.queue_store().items("field", limit=1000)
    parked = [each for each in found if each.reason]
    assert [(each.seq, each.state, each.reason) for each in parked] == [
        (77, "parked", "damaged")
    ]
