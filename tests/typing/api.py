"""How users call the public API; read by mypy and pyright, never run.

Add a line for every public name. `assert_type` states what a call gives back;
a `type: ignore` states what must be refused, and fails once it is accepted.
"""

from __future__ import annotations

from typing import assert_type

import syncpatterns
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import (
    InProgress,
    KeyReused,
    NotExecuted,
    SyncPatternsError,
)

version: str = syncpatterns.__version__

clock: Clock = SystemClock()
assert_type(clock.time(), float)
assert_type(clock.monotonic(), float)


def handle(error: SyncPatternsError) -> float | None:
    """An error says when to come back, and whether anything happened."""
    assert_type(error.status, int)
    assert_type(error.problem, str)
    if isinstance(error, KeyReused | InProgress):
        assert_type(error, KeyReused | InProgress)
    return error.retry_after if isinstance(error, NotExecuted) else None
