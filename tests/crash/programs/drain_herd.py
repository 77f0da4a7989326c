# hygiene for this file: sleep - a look now and then whether the herd still lives
"""Four drainers of one queue, killed with kill -9 and replaced at random.

They are forked from this process, which has declared the queue and opened
nothing. Writes a report as JSON to its standard output.

Arguments: the folder, a seed, how many each has under way, seconds, the
seconds between two kills.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

import anyio

from tests.crash.programs.herd import Herd
from tests.crash.queued import engine_for, queue_for

DRAINERS = 4


def main(folder: str, seed: str, concurrency: str, seconds: str, between: str) -> None:
    """Keep the drainers at work, and kill them."""
    # Made before the forks, opened after them: each drainer has its own.
    engine = engine_for(Path(folder))
    queue = queue_for(engine, Path(folder))
    herd_id = os.getpid()

    async def drain() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: queue.adrain(concurrency=int(concurrency)))
            while os.getppid() == herd_id:  # noqa: ASYNC110 - another process sets no event
                await anyio.sleep(0.5)
            tasks.cancel_scope.cancel()

    pause = float(between)
    herd = Herd(
        lambda _seed: anyio.run(drain),
        random.Random(seed),
        workers=DRAINERS,
        delay=(pause / 2, pause * 1.5),
    )
    # On a slow machine the seconds are over before it has proven anything.
    least = int(float(seconds) / pause / 4)
    herd.run(time.monotonic() + float(seconds), 10**6, least)
    report = {"kills": herd.kills, "last": herd.last, "failures": herd.failures}
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
