"""Claim and acknowledge until the queue is empty, and print what was handled.

After the first claim it says so, and waits for a line. Argument: the folder.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import Ack, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest


def work() -> None:
    """Take some time over it, in which the other process has the database."""
    hashlib.pbkdf2_hmac("sha256", b"work", b"", 20_000)


def drain(folder: Path) -> list[int]:
    """Return the numbers of what was handled, each acknowledged."""
    handled: list[int] = []
    with SqliteEngine(folder / "app.db", busy_timeout=30) as engine:
        store = engine.queue_store()
        store.configure("q", QueueRules(max_items=100_000))
        while items := store.claim(ClaimRequest("q", 50, 60.0)):
            if not handled:  # goes on when the other one has some too
                print("claimed", flush=True)
                sys.stdin.readline()
            work()
            settled = store.settle("q", [Ack(item.hold) for item in items])
            handled += [each.seq for each in settled if each.accepted]
    return handled


if __name__ == "__main__":
    print(*drain(Path(sys.argv[1])))
