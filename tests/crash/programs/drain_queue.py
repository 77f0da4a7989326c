"""Drain a queue as a whole process, until it is told to end.

Arguments: the folder, how many at once, the seconds of grace, and what the
handler does: ``hang`` (says so, and waits for ever), or ``die:NUMBER`` and
``die-after:NUMBER`` (ends the process each time it gets that one, before or
after the effect). With a number of seconds the clock is ahead by them, and leases
are long: then nobody has to wait for those of the dead.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from tests.crash.later import Later
from tests.crash.queued import LEASE, Send, engine_for, queue_for, tell_the_test


def main(folder: str, concurrency: str, grace: str, does: str, ahead: str = "") -> None:
    """Drain until SIGTERM, or until it is killed."""

    def before(command: Send) -> None:
        if does == "hang":
            tell_the_test(str(command.number))
            threading.Event().wait()
        die("die", command)

    def die(how: str, command: Send) -> None:
        if does == f"{how}:{command.number}":
            os._exit(7)

    def after(command: Send) -> None:
        die("die-after", command)

    clock = Later(float(ahead)) if ahead else None
    lease = 60.0 if ahead else LEASE
    with engine_for(Path(folder), clock) as engine:
        queue = queue_for(
            *(engine, Path(folder)),
            before=before,
            after=after,
            max_deliveries=3,
            lease=lease,
        )
        tell_the_test("at work")
        queue.drain(concurrency=int(concurrency), grace=float(grace))
    tell_the_test("ended")
    # Hanging handlers hold their threads; a real program's would end one day.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
