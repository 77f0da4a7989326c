"""Several workers on one database, killed with kill -9 and replaced at random.

They are forked from this process, which has declared the operation and opened
nothing: a new worker is at work within milliseconds, so that a second sees
dozens of kills. Writes a report as JSON to its standard output.

Arguments: the folder, the engine's variant, a seed, seconds, kills at most.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from syncpatterns.testing import EffectsLedger
from tests.crash import bookings

WORKERS = 3
#: Bounds of the wait before each kill, in seconds.
DELAY = (0.0, 0.02)
#: Keys are picked around the newest booking: some done, some not, all in demand.
BEHIND, AHEAD = 4, 5

_fork = multiprocessing.get_context("fork")


def main(folder: str, variant: str, seed: str, seconds: str, kills: str) -> None:
    """Keep the workers at work, and kill them."""
    # Made before the forks, opened after them: each worker has its own.
    engine = bookings.engine_for(variant, folder)
    operation = bookings.confirmation(engine)
    ledger = EffectsLedger(Path(folder) / "ledger")

    def confirm(number: int) -> None:
        key = f"k{number}"
        answer = operation.call(bookings.Confirm(key), key=key, scope=bookings.SCOPE)
        ledger.ack(key, answer.body)

    def newest() -> int:
        sql = "SELECT count(*) FROM booking"
        return int(engine.read(lambda c: c.execute(sql).fetchone()[0]))

    herd = Herd(partial(work, os.getpid(), newest, confirm), random.Random(seed))
    herd.run(time.monotonic() + float(seconds), int(kills))
    print(json.dumps({"kills": herd.kills, "failures": herd.failures}))


def work(
    herd: int, newest: Callable[[], int], confirm: Callable[[int], None], seed: int
) -> None:
    """Confirm one booking after the other, as long as the herd is there."""
    rng = random.Random(seed)
    while os.getppid() == herd:
        confirm(max(0, newest() + rng.randint(-BEHIND, AHEAD)))


class Herd:
    """Keeps workers at work and kills one after the other.

    Args:
        work: What each does, with a seed of its own.
        rng: Decides who is killed, and when.
        workers: How many at the same time.
        delay: Bounds of the wait before each kill, in seconds.
    """

    def __init__(
        self,
        work: Callable[[int], None],
        rng: random.Random,
        workers: int = WORKERS,
        delay: tuple[float, float] = DELAY,
    ) -> None:
        self._work = work
        self._rng = rng
        self._number = workers
        self._delay = delay
        self._workers: list[BaseProcess] = []
        self.kills = 0
        #: Killed at the end, and replaced by nobody.
        self.last = 0
        self.failures: list[int | None] = []

    def run(self, end: float, kills: int, least: int = 0) -> None:
        """Go on until *end* or until so many were killed; *least* in any case."""
        while not self.failures and (
            self.kills < least or (self.kills < kills and time.monotonic() < end)
        ):
            while len(self._workers) < self._number:
                self._start_one()
            chosen = self._workers.pop(self._rng.randrange(self._number))
            chosen.join(self._rng.uniform(*self._delay))
            self.kills += chosen.is_alive()
            self._bury(chosen)
        while self._workers:
            chosen = self._workers.pop()
            self.last += chosen.is_alive()
            self._bury(chosen)

    def _start_one(self) -> None:
        worker = _fork.Process(target=self._work, args=(self._rng.getrandbits(32),))
        worker.start()
        self._workers.append(worker)

    def _bury(self, worker: BaseProcess) -> None:
        worker.kill()
        worker.join()
        if worker.exitcode != -signal.SIGKILL:
            self.failures.append(worker.exitcode)


if __name__ == "__main__":
    main(*sys.argv[1:])
