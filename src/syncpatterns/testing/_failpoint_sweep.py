"""Kill a process at every named place it passes, and judge what it left.

Random kills find narrow windows seldom; going through the places finds each
of them in every run.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from syncpatterns import _testpoints

__all__ = ["CrashCase", "FailpointReport", "failpoint_sweep"]

_KILLED = -getattr(signal, "SIGKILL", -signal.SIGTERM)
_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class CrashCase:
    """One run of the program.

    Attributes:
        name: The place at which it kills itself; empty for the run that does not.
        n: At which pass of that place.
        folder: An empty folder for this run's files.
    """

    name: str
    n: int
    folder: Path

    def __str__(self) -> str:
        return f"{self.name}, pass {self.n}" if self.name else "no kill"


@dataclass(slots=True)
class FailpointReport:
    """What a sweep did and found.

    Attributes:
        hits: Passes of each place in the run that was not killed.
        never: Places asked for that were never passed.
        kills: Runs that were killed.
        violations: What *judge* found, each with its case.
    """

    hits: Counter[str] = field(default_factory=Counter[str])
    never: list[str] = field(default_factory=list[str])
    kills: int = 0
    violations: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether something was killed and nothing is to complain about."""
        return self.kills > 0 and not self.violations


Program: TypeAlias = Callable[[CrashCase], Sequence[str]]
Judge: TypeAlias = Callable[[CrashCase], str | None]


def failpoint_sweep(
    program: Program,
    judge: Judge,
    *,
    names: Iterable[str] = _testpoints.NAMES,
    max_hits: int = 20,
    timeout: float = 30.0,
) -> FailpointReport:
    """Run a Python program once unharmed, then once for each place and pass.

    Args:
        program: Returns what would follow ``python`` on the command line:
            ``-m module``, ``-c code`` or a file, and arguments.
        judge: Recovers from what the run left in its folder, and returns what
            is wrong, or None.
        names: The places at which to kill; the default is all of the library's.
        max_hits: No more than so many passes of each place.
        timeout: Real seconds for one run.

    Raises:
        RuntimeError: If a run ends neither well nor by its own kill.
        subprocess.TimeoutExpired: If a run takes longer than *timeout*.
    """
    report = FailpointReport()
    report.hits, _ = _one_run(program, judge, CrashPlan("", 0), report, timeout)
    for name in names:
        if not report.hits[name]:
            report.never.append(name)
        for n in range(1, min(report.hits[name], max_hits) + 1):
            plan = CrashPlan(name, n)
            _, killed = _one_run(program, judge, plan, report, timeout)
            report.kills += killed
    return report


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """Where to kill: a place and a pass of it."""

    name: str
    n: int


def _one_run(
    program: Program,
    judge: Judge,
    plan: CrashPlan,
    report: FailpointReport,
    timeout: float,
) -> tuple[Counter[str], bool]:
    with tempfile.TemporaryDirectory(prefix="failpoint-") as folder:
        hits_file = Path(folder) / "hits.json"
        work = Path(folder) / "work"
        work.mkdir()
        case = CrashCase(plan.name, plan.n, work)
        command = [sys.executable, "-m", "syncpatterns.testing._crash_child"]
        command += [plan.name, str(plan.n), str(hits_file), *program(case)]
        done = subprocess.run(  # noqa: S603 - the test's own program
            command, capture_output=True, check=False, timeout=timeout
        )
        if done.returncode not in {0, _KILLED}:
            tail = done.stderr.decode(errors="replace")[-_TAIL:]
            raise RuntimeError(f"{case}: exit status {done.returncode}\n{tail}")
        verdict = judge(case)
        if verdict:
            report.violations.append(f"{case}: {verdict}")
        killed = done.returncode == _KILLED
        text = "{}" if killed else hits_file.read_text(encoding="ascii")
        return Counter(json.loads(text)), killed
