"""Workers that send messages through a faulty provider, killed at random.

Writes a report as JSON to its standard output.

Arguments: the folder, a seed, seconds.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from functools import partial
from pathlib import Path

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import NotExecuted, OutcomeUnknown
from tests.crash import sending
from tests.crash.programs.herd import WORKERS, Herd

#: Bounds of the wait before each kill, in seconds.
DELAY = (0.0, 0.25)
#: Fewer prove nothing, however slow the machine is.
LEAST = 10
LEASE = 2.0
#: How far around the newest message the workers reach.
AHEAD = 20


class SendHerd(Herd):
    """A herd whose workers get something done between two kills."""

    def run(self, end: float, kills: int, least: int = 0) -> None:
        """Go on until *end*; until *least* were killed in any case."""
        while not self.failures and (
            self.kills < least or (self.kills < kills and time.monotonic() < end)
        ):
            while len(self._workers) < WORKERS:
                self._start_one()
            chosen = self._workers.pop(self._rng.randrange(WORKERS))
            chosen.join(self._rng.uniform(*DELAY))
            self.kills += chosen.is_alive()
            self._bury(chosen)
        for worker in self._workers:
            worker.kill()
            worker.join()


def work(folder: Path, herd: int, seed: int) -> None:
    """Send one after the other, as long as the herd is there."""
    dice = random.Random(seed)
    engine = SqliteEngine(sending.database(folder), busy_timeout=30.0)
    provider = sending.Provider(folder, dice)
    operation = sending.sending(engine, provider, lease=LEASE)
    sql = "SELECT count(*) FROM sms"
    while os.getppid() == herd:
        done = int(engine.read(lambda c: c.execute(sql).fetchone()[0]))
        # Around the newest, so that workers meet on keys and find the dead's.
        number = max(0, done + dice.randint(-AHEAD, AHEAD))
        try:
            operation.call(
                sending.Send(f"to{number}"), key=f"k{number}", scope=sending.SCOPE
            )
        except (NotExecuted, OutcomeUnknown):
            continue


def main(name: str, seed: str, seconds: str) -> None:
    """Keep the workers at work, and kill them."""
    folder = Path(name)
    herd = SendHerd(partial(work, folder, os.getpid()), random.Random(seed))
    herd.run(time.monotonic() + float(seconds), 100_000, LEAST)
    print(json.dumps({"kills": herd.kills, "failures": herd.failures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
