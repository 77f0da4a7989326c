"""Opens a queue, and says what it costs; a process of its own, to weigh it.

Run as ``python -m tests.unit.engines.backlog FILE``; prints one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from syncpatterns.engines.sqlite import SqliteEngine
from tests.unit.engines.queues import QUEUE, acknowledge, claim

TIMES = 60


def memory() -> int:
    """Return the bytes of memory that this process has."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def least(call: Callable[[], object]) -> float:
    """Return the processor time of a call that nobody disturbed, in seconds."""
    taken: list[float] = []
    for _ in range(TIMES):
        begun = time.thread_time()
        call()
        taken.append(time.thread_time() - begun)
    return statistics.quantiles(taken, n=4)[0]


def main(path: Path) -> None:
    """Say what the queue in *path* costs."""
    warm = SqliteEngine(path.with_suffix(".warm"))
    warm.queue_store().items(QUEUE)
    warm.close()
    before = memory()
    begun = time.thread_time()
    engine = SqliteEngine(path).open()
    store = engine.queue_store()
    store.stats(QUEUE)
    opened = time.thread_time() - begun

    def take() -> None:
        (item,) = claim(store)
        assert acknowledge(store, item)

    figures = {
        "open": opened,
        "list": least(lambda: store.items(QUEUE, limit=50)),
        "last": least(lambda: store.items(QUEUE, after=1_900_000, limit=50)),
        "stats": least(lambda: store.stats(QUEUE)),
        "claim": least(take),
        "grown": memory() - before,
    }
    print(json.dumps(figures))
    engine.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
