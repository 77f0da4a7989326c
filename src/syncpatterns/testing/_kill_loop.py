"""Several workers, killed with kill -9 at random moments and started again."""

from __future__ import annotations

import contextlib
import random
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import IO, TypeAlias

from syncpatterns.clock import SystemClock

__all__ = ["KillReport", "kill_loop"]

Program: TypeAlias = Callable[[int], Sequence[str]]
_TAIL = 2_000


@dataclass(slots=True)
class KillReport:
    """What a loop did.

    Attributes:
        kills: Workers killed while they were at work.
        starts: Workers started.
        finished: Workers that ended well before it was their turn.
        failures: Workers that ended badly by themselves, with what they said.
    """

    kills: int = 0
    starts: int = 0
    finished: int = 0
    failures: list[str] = field(default_factory=list[str])


def kill_loop(
    program: Program,
    *,
    workers: int = 3,
    kills: int = 50,
    seconds: float = 10.0,
    delay: tuple[float, float] = (0.0, 0.02),
    seed: int = 0,
) -> KillReport:
    """Keep *workers* processes at work and kill one after the other.

    A worker prints one line when it begins to work, and nothing else: it is
    killed only after that, so that no kill is spent on starting up. Its standard
    input tells it when this process has ended, and is not for it to read.

    Args:
        program: Returns what would follow ``python`` on the command line of
            the n-th worker started, counted from 1.
        workers: How many at the same time.
        kills: Stop after so many kills.
        seconds: Stop after so many real seconds.
        delay: Bounds of the random wait before each kill, in real seconds.
        seed: Decides who is killed and after how long.

    Returns:
        A report; at its end no worker is alive.
    """
    clock = SystemClock()
    end = clock.monotonic() + seconds
    rng = random.Random(seed)  # noqa: S311 - who dies, not a secret
    with contextlib.ExitStack() as stack:
        herd = stack.enter_context(_Herd.kept(program))
        while herd.report.kills < kills and not herd.report.failures:
            left = end - clock.monotonic()
            if left <= 0:
                break
            while len(herd) < workers:
                herd.start_one()
            ready = herd.at_work(timeout=left)
            if ready:
                herd.kill(rng.choice(ready), after=rng.uniform(*delay))
        return herd.report


class _Worker:
    def __init__(self, number: int, arguments: Sequence[str]) -> None:
        self.number = number
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in end()
        self.process = subprocess.Popen(  # noqa: S603 - the test's own program
            [sys.executable, "-m", "syncpatterns.testing._worker_child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.lifeline = self.process.stdin
        self.output = self.process.stdout
        self.at_work = False

    def end(self) -> int:
        """Kill it unless it has ended, and return its exit status."""
        self.process.kill()
        status = self.process.wait()
        self.lifeline.close()
        self.output.close()
        return status

    def complaint(self, status: int) -> str:
        """Return what it wrote to its standard error."""
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace")[-_TAIL:]
        return f"worker {self.number} ended with exit status {status}\n{text}"


class _Herd:
    def __init__(self, program: Program) -> None:
        self.report = KillReport()
        self._program = program
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    @classmethod
    @contextlib.contextmanager
    def kept(cls, program: Program) -> Generator[_Herd, None, None]:
        """Give a herd, and end all of it in the end."""
        herd = cls(program)
        try:
            yield herd
        finally:
            for worker in herd._workers.copy():
                herd._bury(worker)
            herd._selector.close()

    def __len__(self) -> int:
        return len(self._workers)

    def start_one(self) -> None:
        self.report.starts += 1
        worker = _Worker(self.report.starts, self._program(self.report.starts))
        self._workers.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)

    def at_work(self, timeout: float) -> list[_Worker]:
        """Return those at work; waits if there is none."""
        ready = [worker for worker in self._workers if worker.at_work]
        for key, _ in self._selector.select(0 if ready else timeout):
            worker: _Worker = key.data
            self._selector.unregister(worker.output)
            if worker.output.read1(1):  # type: ignore[attr-defined]  # a buffered pipe
                worker.at_work = True
                ready.append(worker)
            else:
                self._note_its_end(worker, worker.process.wait())
        return ready

    def kill(self, worker: _Worker, *, after: float) -> None:
        """Kill *worker* in *after* seconds, unless it ends before."""
        try:
            status = worker.process.wait(timeout=after)
        except subprocess.TimeoutExpired:
            self._bury(worker)
            self.report.kills += 1
        else:
            self._note_its_end(worker, status)

    def _note_its_end(self, worker: _Worker, status: int) -> None:
        if status:
            self.report.failures.append(worker.complaint(status))
        else:
            self.report.finished += 1
        self._bury(worker)

    def _bury(self, worker: _Worker) -> None:
        if worker.output in self._selector.get_map():
            self._selector.unregister(worker.output)
        worker.end()
        worker.errors.close()
        self._workers.remove(worker)
