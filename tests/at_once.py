"""Programs that begin what they do at the same moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence

PATIENCE = 300.0


def at_once(programs: Iterable[Sequence[str]], ready: str = "ready") -> list[str]:
    """Start *programs*, let all of them go on at once, and return what each says.

    Args:
        programs: What Python is given: ``-c`` or ``-m``, and arguments. Each prints
            *ready*, and reads a line before it goes on.
        ready: What it prints.

    Raises:
        AssertionError: One says something else first, or fails.
    """
    started = [
        subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for program in programs
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{ready}\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=PATIENCE)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()

    assert [process.returncode for process in started] == [0] * len(started)
    return said
