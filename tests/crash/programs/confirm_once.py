"""Confirm one booking on a fresh file, and note the answer once it is told.

Arguments: the folder, the engine's variant.
"""

from __future__ import annotations

import sys
from pathlib import Path

from syncpatterns.testing import EffectsLedger
from tests.crash import bookings


def main(folder: str, variant: str) -> None:
    """Make the file and confirm "k"."""
    with bookings.engine_for(variant, folder) as engine:
        engine.transact(bookings.create)
        operation = bookings.confirmation(engine)
        answer = operation.call(bookings.Confirm("k"), key="k", scope=bookings.SCOPE)
        EffectsLedger(Path(folder) / "ledger").ack("k", answer.body)


if __name__ == "__main__":
    main(*sys.argv[1:])
