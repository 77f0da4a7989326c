"""Book, queue and deliver, in one process.

Arguments: the folder, and ``together`` or ``apart``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.crash.outboxed import NUMBERS, book, engine_for, queue_for


def main(folder: str, how: str) -> None:
    """Deliver each right after it was booked."""
    with engine_for(Path(folder)) as engine:
        queue = queue_for(engine, apart=how == "apart")
        for number in NUMBERS:
            book(engine, queue, number)
            queue.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
