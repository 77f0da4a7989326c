"""Run a Python program that kills itself at a named place.

``python -m syncpatterns.testing._crash_child NAME N REPORT PROGRAM...`` where
PROGRAM is what would follow ``python``: ``-m module``, ``-c code`` or a file,
and its arguments. With N = 0 nothing is killed. A program that ends by itself
leaves the number of passes of each place in the file REPORT, as JSON.
"""

from __future__ import annotations

import atexit
import json
import runpy
import sys
from pathlib import Path

from syncpatterns.testing._failpoints import Failpoints

__all__ = ["run_program"]


def main(argv: list[str]) -> None:
    """Arm the place and run the program."""
    name, n, report, *program = argv
    points = Failpoints()
    if int(n):
        points.kill_at(name, n=int(n))
    points.arm()
    atexit.register(lambda: Path(report).write_text(json.dumps(points.hits)))
    run_program(program)


def run_program(program: list[str]) -> None:
    """Do what ``python PROGRAM...`` does, in this process."""
    match program:
        case ["-m", module, *args]:
            sys.argv = [module, *args]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", code, *args]:
            sys.argv = ["-c", *args]
            exec(compile(code, "<-c>", "exec"), {"__name__": "__main__"})  # noqa: S102 - what `python -c` does
        case [path, *args]:
            sys.argv = [path, *args]
            runpy.run_path(path, run_name="__main__")
        case _:
            sys.exit("no program to run")


if __name__ == "__main__":
    main(sys.argv[1:])
