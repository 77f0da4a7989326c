"""Run a Python program that ends when the process that started it does.

``python -m syncpatterns.testing._worker_child PROGRAM...``. A worker that runs
for ever would outlive a test run that was itself killed; the pipe at its
standard input tells it.
"""

from __future__ import annotations

import os
import sys
import threading

from syncpatterns.testing._crash_child import run_program
from syncpatterns.testing._failpoints import kill_this_process

__all__: list[str] = []


def main(program: list[str]) -> None:
    """Watch the pipe and run the program."""
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    run_program(program)


def _die_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    kill_this_process()


if __name__ == "__main__":
    main(sys.argv[1:])
