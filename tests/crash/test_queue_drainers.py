"""Drainers as real processes: stopped, killed, and killed by what they deliver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncpatterns.offline_queue._core import ItemState
from syncpatterns.offline_queue._ports import ClaimRequest
from tests.crash import queued
from tests.crash.later import HOUR, Later
from tests.crash.queued import QUEUE

#: SYNCPATTERNS_DRAIN_SECONDS=20 is the whole proof; CI has no such patience.
SECONDS = float(os.environ.get("SYNCPATTERNS_DRAIN_SECONDS", "6"))
BETWEEN_KILLS = 0.2
CONCURRENCY = 4
PATIENCE = 120.0


def run(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start one of the programs beside this file."""
    module = f"tests.crash.programs.{program}"
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Have a program run inside the block; it is dead afterwards."""
    process = run(program, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], number: int) -> list[str]:
    """Return the next *number* lines that it wrote."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(number)]


def drain_the_rest(folder: Path) -> None:
    """Drain what is left, when the leases of the dead are over."""
    with queued.engine_for(folder, Later()) as engine:
        queue = queued.queue_for(engine, folder)
        end = time.monotonic() + PATIENCE
        while queue.stats().live and time.monotonic() < end:
            queue.flush()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.case("QUE-08")
@pytest.mark.case("QUE-05", part="at random")
def test_drainers_killed_at_random_lose_nothing_and_repeat_little(
    tmp_path: Path, seed: int
) -> None:
    """Each item has one effect; a kill repeats no more than was under way."""
    print(f"SYNCPATTERNS_SEED={seed}")
    number = int(SECONDS * 400)
    with queued.engine_for(tmp_path) as engine:
        engine.transact(queued.create)
        queued.enqueue(queued.queue_for(engine, tmp_path), range(1, number + 1))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.crash.programs.drain_herd", str(tmp_path)),
            *(str(seed), str(CONCURRENCY), str(SECONDS), str(BETWEEN_KILLS)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    drain_the_rest(tmp_path)
    delivered = queued.deliveries(tmp_path)
    with queued.engine_for(tmp_path) as engine:
        effects = queued.effects(engine)
        findings = engine.queue_store().check(QUEUE)
        states = engine.queue_store().stats(QUEUE).states
    duplicates = sum(delivered.values()) - number
    print(f"{report['kills']} kills, {duplicates} duplicates of {number} items")

    assert report["failures"] == []
    assert effects == dict.fromkeys(range(1, number + 1), 1)
    assert len(delivered) == number
    # Who is killed at the end has something under way as well.
    assert duplicates <= (report["kills"] + report["last"]) * CONCURRENCY
    assert findings == []
    assert not any(states.values())
    # Else it has proven nothing.
    assert report["kills"] >= int(SECONDS / BETWEEN_KILLS / 4)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.case("QUE-33")
def test_an_item_that_kills_its_worker_is_poison_and_others_are_delivered(
    tmp_path: Path,
) -> None:
    """Three processes die of it; then it is DEAD, with its payload."""
    with queued.engine_for(tmp_path) as engine:
        engine.transact(queued.create)
        queued.enqueue(queued.queue_for(engine, tmp_path), range(1, 11))
    deaths = 0
    for hours in range(3):
        ahead = hours * HOUR
        with running("drain_queue", tmp_path, 1, 1, "die:5", ahead) as process:
            deaths += process.wait(PATIENCE) == 7
    with queued.engine_for(tmp_path, Later(3 * HOUR)) as engine:
        queue = queued.queue_for(engine, tmp_path, max_deliveries=3)
        end = time.monotonic() + PATIENCE
        while queue.stats().live and time.monotonic() < end:
            queue.flush()
        (poison,) = engine.queue_store().items(QUEUE)
        effects = queued.effects(engine)

    assert deaths == 3
    assert (poison.state, poison.reason) == (ItemState.DEAD, "poison")
    assert poison.payload == b'{"number":5}'
    assert (poison.attempts, poison.lapses) == (0, 3)
    assert effects == {n: 1 for n in range(1, 11) if n != 5}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.case("QUE-56", part="process")
def test_sigterm_with_eight_under_way_gives_all_of_them_back(tmp_path: Path) -> None:
    """Within its grace and a moment; the next process claims them at once."""
    for turn in range(5):  # one does, unless the machine stands still
        took = _given_back(tmp_path / str(turn))
        if took < 6.0:
            break

    assert took < 6.0


def _given_back(folder: Path) -> float:
    """Stop a process with eight of twelve under way; return the seconds it took."""
    folder.mkdir()
    with queued.engine_for(folder) as engine:
        engine.transact(queued.create)
        queue = queued.queue_for(engine, folder, lease=300.0)
        queued.enqueue(queue, range(1, 13))
        with running("drain_queue", folder, 8, 1.0, "hang") as process:
            heard = lines(process, 9)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            (last,) = lines(process, 1)
            took = time.monotonic() - began
            status = process.wait(PATIENCE)
        store = engine.queue_store()
        sent = [item for item in store.items(QUEUE) if item.sent_at is not None]
        claimed = store.claim(ClaimRequest(QUEUE, 100, 30.0))

    assert heard[0] == "at work"
    assert sorted(map(int, heard[1:])) == list(range(1, 9))
    assert (last, status) == ("ended", 0)
    assert took >= 1.0
    assert len(claimed) == 12
    assert {item.attempts for item in claimed} == {0}
    assert len(sent) == 8
    return took


@pytest.mark.timeout(600)
@pytest.mark.case("QUE-56", part="blocking worker")
def test_sigterm_lets_a_blocking_worker_finish_what_it_has(tmp_path: Path) -> None:
    """And claims nothing more: the rest is another's at once."""
    with queued.engine_for(tmp_path) as engine:
        engine.transact(queued.create)
        queued.enqueue(queued.queue_for(engine, tmp_path), range(1, 4))
        with running("work_queue", tmp_path) as process:
            heard = lines(process, 2)
            process.send_signal(signal.SIGTERM)
            assert process.stdin is not None
            process.stdin.write("go on\n")
            process.stdin.flush()
            heard += lines(process, 1)
            status = process.wait(PATIENCE)
        left = engine.queue_store().stats(QUEUE).states
        effects = queued.effects(engine)

    assert heard == ["at work", "1", "ended after 1"]
    assert status == 0
    assert {state: n for state, n in left.items() if n} == {ItemState.READY: 2}
    assert effects == {1: 1}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.case("QUE-05", part="between effect and ack")
def test_killed_between_effect_and_ack_it_comes_again_and_is_done_once(
    tmp_path: Path,
) -> None:
    """The operation knows its key, and gives the first answer again."""
    with queued.engine_for(tmp_path) as engine:
        engine.transact(queued.create)
        queued.enqueue(queued.queue_for(engine, tmp_path), range(1, 2))
    with running("drain_queue", tmp_path, 1, 1, "die-after:1") as process:
        status = process.wait(PATIENCE)
    with queued.engine_for(tmp_path) as engine:
        before = queued.effects(engine)
    drain_the_rest(tmp_path)
    with queued.engine_for(tmp_path) as engine:
        after = queued.effects(engine)

    assert status == 7
    assert (before, after) == ({1: 1}, {1: 1})
    assert queued.deliveries(tmp_path) == {"1": 2}
