"""A guarded function whose effect is outside of the database: a ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from syncpatterns.codec import JsonCodec
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.idempotency import (
    SINGLE_TENANT,
    Idempotency,
    Windows,
    current_context,
    idempotent,
)
from syncpatterns.testing import EffectsLedger
from tests.crash.bookings import DATABASE

OnAbandoned = Literal["rerun", "quarantine"]
OPERATION = "orders.reserve"
LEASE = 30.0


def guard(engine: SqliteEngine, on_abandoned: OnAbandoned) -> Idempotency:
    """Return a guard that tells at once when a key is taken."""
    return Idempotency(engine, lease=LEASE, on_abandoned=on_abandoned, on_busy="reject")


def reservation(idem: Idempotency, folder: Path) -> Callable[[str], str]:
    """Return a function that reserves an order, once."""
    ledger = EffectsLedger(folder / "ledger")

    @idempotent(
        idem,
        key="order",
        scope=SINGLE_TENANT,
        operation=OPERATION,
        windows=Windows(),
    )
    def reserve(order: str) -> str:
        context = current_context()
        told = "told of one abandoned" if context.abandoned else "told of no other"
        ledger.record(order, context.token, worker=told)
        return f"reserved in execution {context.attempts}"

    return reserve


def tell(folder: Path, answer: str) -> None:
    """Note that a caller was told *answer*."""
    EffectsLedger(folder / "ledger").ack("o", JsonCodec().encode(answer))


def database(folder: Path) -> Path:
    """Return where the records are."""
    return folder / DATABASE
