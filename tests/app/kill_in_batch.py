"""Change twenty leads in one batch, and die at a place that is named; once for each.

Arguments: the folder in which each place gets a folder of its own; the places:
``done:20`` of the progress that is told, or a failpoint of the library. Every
death is that of a forked child, so that the app is imported once for all.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio

from syncpatterns.realtime import Event
from syncpatterns.testing import Failpoints
from tests.app.status_driver import Office, key_for, many

LEADS = [f"l-{n:03}" for n in range(20)]
COMMAND = many([(lead, "attempted") for lead in LEADS], "partial")
KEY = key_for(COMMAND, "the-batch")


def lines() -> list[str]:
    """Return the leads, for a file of them."""
    return [f"{lead},+1202555{n + 110:04},Ada,new,acme" for n, lead in enumerate(LEADS)]


def press(folder: Path, place: str) -> None:
    """Press, and die."""
    office = Office(folder, *lines())

    def die(event: Event) -> None:
        office.clock.advance(1.0)  # so that every row is told
        if f"{event.data['phase']}:{event.data['done']}" == place:
            os.kill(os.getpid(), signal.SIGKILL)

    office.told.at = die
    points = Failpoints()
    if ":" not in place:
        points.kill_at(place)
    with points:
        anyio.run(lambda: office.desk.change_many(COMMAND, key=KEY))


def main(folder: str, *places: str) -> None:
    """Let a child die at each place.

    Raises:
        SystemExit: One of them did not.
    """
    for place in places:
        own = Path(folder) / place
        own.mkdir()
        child = os.fork()
        if not child:
            press(own, place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            raise SystemExit(f"nobody died at {place}")


if __name__ == "__main__":
    main(*sys.argv[1:])
