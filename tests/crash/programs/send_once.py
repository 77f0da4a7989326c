"""Send one message on a fresh file, and note the answer once it is told.

Argument: the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.testing import EffectsLedger
from tests.crash import sending


def main(name: str) -> None:
    """Make the file and send to "a"."""
    folder = Path(name)
    with SqliteEngine(sending.database(folder)) as engine:
        engine.transact(sending.create)
        operation = sending.sending(engine, sending.Provider(folder))
        answer = operation.call(sending.Send("a"), key="k", scope=sending.SCOPE)
        EffectsLedger(folder / "ledger").ack("k", answer.body)


if __name__ == "__main__":
    main(*sys.argv[1:])
