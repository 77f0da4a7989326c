"""Is there an order of these calls that explains all their answers?

A history of concurrent calls is *linearizable* if each call can be placed at
one moment between its start and its end so that a simple sequential model,
run in that order, gives the very answers that were seen (Herlihy and Wing,
1990). This is the search of Wing, Gong and Lowe (Lowe, "Testing for
linearizability", 2017): walk through the calls in the order they began, place
one whenever the model allows it, step back when an end comes up whose call
could not be placed, and never visit the same set of placed calls with the same
state twice.

The search is exponential in the number of calls that overlap, so histories are
cut up by key (`check_by_key`), and generators should use many short-lived
keys: workers that meet on fresh keys also find more bugs.

A call whose outcome is not known (an error, a time-out, a killed process) is
`PENDING`: it may have happened at any moment after its start, or never.
Times of processes on one machine can be compared if they come from the
monotonic clock.
"""

from __future__ import annotations

from syncpatterns.testing._history import (
    PENDING,
    REJECT,
    Model,
    Op,
    Report,
    Verdict,
)
from syncpatterns.testing._idempotency_model import (
    Answer,
    Busy,
    Claim,
    Complete,
    Release,
    Run,
    idempotency_model,
)
from syncpatterns.testing._wgl import check, check_by_key

__all__ = [
    "PENDING",
    "REJECT",
    "Answer",
    "Busy",
    "Claim",
    "Complete",
    "Model",
    "Op",
    "Release",
    "Report",
    "Run",
    "Verdict",
    "check",
    "check_by_key",
    "idempotency_model",
]
