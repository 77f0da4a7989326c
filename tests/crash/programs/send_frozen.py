"""Send one message, and stand still when the provider has it, until somebody wakes us.

What stands still renews no lease, and does not know it: a paused machine, a
long swap. Writes what became of the call as JSON to its standard output.

Arguments: the folder, seconds of the lease, ``call`` or ``acall``, and how the
rows are written: ``fenced``, or ``unfenced`` (the planted bug).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import FencedContext
from tests.crash import sending


def main(name: str, lease: str, how: str, rows: str) -> None:
    """Send to "a" on the file that is there."""
    folder, heard = Path(name), list[Any]()
    provider = sending.Provider(folder)
    with SqliteEngine(sending.database(folder)) as engine:

        def send(command: sending.Send, ctx: FencedContext) -> sending.Receipt:
            receipt = provider.send(command, ctx)
            os.kill(os.getpid(), signal.SIGSTOP)
            if rows == "unfenced":  # beside the operation's own commit
                engine.transact(lambda tx: sending.commit(tx, command, receipt))
            return receipt

        operation = sending.sending(
            engine, provider, call=send, lease=float(lease), hooks=[heard.append]
        )
        where: Any = {"key": "k", "scope": sending.SCOPE}

        async def acall() -> Any:
            return await operation.acall(sending.Send("a"), **where)

        told = "answered"
        try:
            if how == "call":
                operation.call(sending.Send("a"), **where)
            else:
                anyio.run(acall)
        except Exception as error:  # noqa: BLE001 - the parent says which it must be
            told = f"{type(error).__name__}: {error}"
    facts = [type(fact).__name__ for fact in heard]
    print(json.dumps({"told": told, "facts": facts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
