"""P-IMP-1: what ``import syncpatterns`` and its first names cost at start."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import syncpatterns
from benchmarks._harness import Paired, Row, row

_BASE = "import syncpatterns"
_NAMES = f"{_BASE}\nfrom syncpatterns import Idempotency, Retry, connect"
_FORBIDDEN = ("psycopg", "pybreaker", "redis")
_PAIRS = 25


def rows() -> list[Row]:
    """Return the rows P-IMP-1.base and P-IMP-1.names."""
    base = _against_budget(_BASE, milliseconds=60)
    names = _against_budget(_NAMES, milliseconds=150)
    loaded = _loaded(_NAMES)
    result = [
        row(
            "P-IMP-1.base",
            "import syncpatterns, processor ms over a bare interpreter, to its budget",
            base,
            1.0,
            unit=1e3,
        ),
        row(
            "P-IMP-1.names",
            "then Idempotency, Retry, connect; processor ms, to the budget; "
            + (f"LOADS {', '.join(loaded)}" if loaded else "no driver loaded"),
            names,
            1.0,
            unit=1e3,
        ),
    ]
    result[1]["holds"] = result[1]["holds"] and not loaded
    return result


def _against_budget(code: str, *, milliseconds: float) -> Paired:
    """Return the seconds that *code* adds to a bare interpreter, and the budget."""
    _start(code)  # compiles what has no bytecode yet
    _start("pass")
    added = statistics.median(_start(code) - _start("pass") for _ in range(_PAIRS))
    budget = milliseconds / 1e3
    return Paired(added, budget, added / budget)


def _start(code: str) -> float:
    """Return the processor time of an interpreter that runs *code*.

    An import waits for nothing but the processor; the wall clock of a busy
    machine would measure its other work.
    """
    before = _spent()
    subprocess.run([sys.executable, "-c", code], check=True, env=_environment())
    return _spent() - before


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _loaded(code: str) -> list[str]:
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=_environment(),
    )
    modules = set(done.stdout.split())
    return [name for name in _FORBIDDEN if name in modules]


def _environment() -> dict[str, str]:
    """Let the child find the very package that is measured here."""
    home = str(Path(syncpatterns.__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": home}
