"""Confirm bookings with a file-size limit, as a quota or a full disk sets one.

Answers go to the ledger; the names of the refusals are written to standard
output as JSON.

Arguments: the folder, how many bookings, the limit in bytes.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

from syncpatterns.errors import NotExecuted
from syncpatterns.testing import EffectsLedger
from tests.crash import bookings


def main(folder: str, count: int, limit: int) -> None:
    """Confirm one booking after the other, whether there is room or not."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # have the write fail instead
    ledger = EffectsLedger(Path(folder) / "ledger")
    refusals: list[str] = []
    with bookings.engine_for("one-commit", folder) as engine:
        engine.transact(bookings.create)
        operation = bookings.confirmation(engine)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        for number in range(count):
            key = f"k{number}"
            try:
                answer = operation.call(
                    bookings.Confirm(key), key=key, scope=bookings.SCOPE
                )
            except NotExecuted as error:
                refusals.append(type(error).__name__)
            else:
                ledger.ack(key, answer.body)
    print(json.dumps(refusals))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
