"""Reserve one order with a guarded function, and note the answer once told.

Argument: the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from syncpatterns.engines.sqlite import SqliteEngine
from tests.crash import guarded


def main(name: str) -> None:
    """Make the file and reserve "o"."""
    folder = Path(name)
    with SqliteEngine(guarded.database(folder)) as engine:
        reserve = guarded.reservation(guarded.guard(engine, "rerun"), folder)
        guarded.tell(folder, reserve("o"))


if __name__ == "__main__":
    main(*sys.argv[1:])
