"""The reference app as it would be without the library's record and outbox.

The same process, server, routes, engine, rows and audit line; the effect runs
in a transaction of its own and its answer is written as JSON, but no key is
claimed, no answer stored and no event published.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from examples.critical_buttons import app, cli
from examples.critical_buttons.services.confirm import ConfirmCommand, confirm_booking
from examples.critical_buttons.services.views import Confirmed
from syncpatterns._http import RequestKey
from syncpatterns.codec import TypedCodec
from syncpatterns.engines.sqlite import SqliteEngine, SqliteTransaction
from syncpatterns.operation import Answer


class _WithoutOutbox:
    """A transaction whose events go nowhere."""

    key_hash = ""

    def __init__(self, tx: SqliteTransaction) -> None:
        self._tx = tx

    @property
    def connection(self) -> Any:
        return self._tx.connection

    @property
    def now(self) -> datetime:
        return self._tx.now

    def sqlalchemy(self) -> Any:
        return self._tx.sqlalchemy()

    def publish(self, *events: object) -> None:
        """Publish nothing."""

    def enqueue(self, queue: Any, op: Any, payload: Any, **options: Any) -> Any:
        """Do as the transaction does; confirming a booking enqueues nothing."""
        return self._tx.enqueue(queue, op, payload, **options)


class _PlainConfirm:
    """Answers like the operation, but remembers nothing."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._codec: TypedCodec[Confirmed] = TypedCodec(Confirmed)

    async def acall(
        self, command: ConfirmCommand, *, key: RequestKey, scope: str
    ) -> Answer[Confirmed]:
        """Run the effect in one transaction."""
        del key, scope
        result = await self._engine.atransact(
            lambda tx: confirm_booking(_WithoutOutbox(tx), command)
        )
        return Answer(
            value=result.value,
            replayed=False,
            status=result.status,
            headers=tuple(result.headers.items()),
            body=self._codec.encode(result.value),
            expires_in=0.0,
        )


if __name__ == "__main__":
    app.confirm_operation = _PlainConfirm  # type: ignore[assignment]  # the one thing that differs
    sys.exit(cli.main())
