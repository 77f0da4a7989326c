"""Work on a queue with a blocking worker, until SIGTERM.

Argument: the folder. The handler says which item it has, and then waits until
the test has written a line to its standard input.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from tests.crash.queued import Send, engine_for, queue_for, tell_the_test


def main(folder: str) -> None:
    """Work until told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def before(command: Send) -> None:
        tell_the_test(str(command.number))
        sys.stdin.readline()

    with engine_for(Path(folder)) as engine:
        queue = queue_for(engine, Path(folder), before=before)
        tell_the_test("at work")
        report = queue.work(stop=stop)
    tell_the_test(f"ended after {report.sent}")


if __name__ == "__main__":
    main(*sys.argv[1:])
