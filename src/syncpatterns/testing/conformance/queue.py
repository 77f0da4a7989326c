"""What every store of queued actions must do.

A check is run on a fresh store, blocking or awaited::

    @pytest.mark.parametrize("check", CHECKS, ids=str)
    def test_my_store(check: Check) -> None:
        clock = FakeClock()
        check.run(MyStore(clock), clock)


    @pytest.mark.parametrize("check", CHECKS, ids=str)
    async def test_my_async_store(check: Check) -> None:
        clock = FakeClock()
        await check.arun(MyAsyncStore(clock), clock)

The clock is the one that the store goes by; checks move it, and step its wall
clock. What stores differ in they declare (`QueueStore.capabilities`); no check
asks for their class. A store that passes all of them keeps the promises of
`syncpatterns.offline_queue`.
"""

from __future__ import annotations

from syncpatterns.testing.conformance._queue._ages import AGES
from syncpatterns.testing.conformance._queue._bench import Check, Time
from syncpatterns.testing.conformance._queue._identity import IDENTITY
from syncpatterns.testing.conformance._queue._lanes import LANES
from syncpatterns.testing.conformance._queue._leases import LEASES
from syncpatterns.testing.conformance._queue._limits import LIMITS
from syncpatterns.testing.conformance._queue._meetings import MEETINGS
from syncpatterns.testing.conformance._queue._parents import PARENTS
from syncpatterns.testing.conformance._queue._people import PEOPLE
from syncpatterns.testing.conformance._queue._targets import TARGETS
from syncpatterns.testing.conformance._queue._turns import TURNS

__all__ = ["CHECKS", "Check", "Time"]

#: Every check, in the order of the contract.
CHECKS: tuple[Check, ...] = (
    *IDENTITY,
    *LEASES,
    *TURNS,
    *LANES,
    *TARGETS,
    *AGES,
    *MEETINGS,
    *PARENTS,
    *LIMITS,
    *PEOPLE,
)
