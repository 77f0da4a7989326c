"""Store a few actions and deliver them, in one pass.

Arguments: the folder, and who delivers: ``loop`` or ``thread``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.crash.queued import create, engine_for, enqueue, queue_for

ITEMS = {"loop": 2, "thread": 1}


def main(folder: str, who: str) -> None:
    """Deliver what there is, two at a time or one by one."""
    with engine_for(Path(folder)) as engine:
        engine.transact(create)
        queue = queue_for(engine, Path(folder), lease=60.0)
        enqueue(queue, range(1, ITEMS[who] + 1))
        if who == "loop":
            queue.drain(once=True, concurrency=2)
        else:
            queue.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
