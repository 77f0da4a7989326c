"""Which attempt of a logical call is running, for whoever counts calls.

`Retry` sets it before every further attempt; a circuit breaker reads it, so
that five attempts of one call are one vote and not five. A context variable
follows the call into tasks and, through anyio, into worker threads.
"""

from __future__ import annotations

from contextvars import ContextVar

#: 1 in a first attempt and outside of any retry.
attempt_number: ContextVar[int] = ContextVar("syncpatterns_attempt", default=1)
