"""Enqueue from eight threads until there are 1,000, and note each that is told.

Arguments: the folder. What is noted in ``told`` is on the disk, so whoever
kills this knows what it had been promised.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import NewItem, QueueRules
from syncpatterns.offline_queue._ports import EnqueueRequest

COUNT = 1000
THREADS = 8


def enqueue(folder: Path, first: int) -> None:
    """Enqueue every eighth key from the *first*."""
    told = os.open(folder / "told", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    with SqliteEngine(folder / "app.db") as engine:
        store = engine.queue_store()
        store.configure("q", QueueRules())
        print("at work", flush=True)

        def work(start: int) -> None:
            for n in range(start, COUNT, THREADS):
                key = f"k{n}"
                new = NewItem("op", key, "acme", b"f", key.encode())
                (stored,) = store.enqueue(EnqueueRequest("q", [new]))
                os.write(told, f"{key} {stored.seq}\n".encode())
                os.fdatasync(told)

        threads = [
            threading.Thread(target=work, args=(first + n,), daemon=True)
            for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    enqueue(Path(sys.argv[1]), int(sys.argv[2]))
