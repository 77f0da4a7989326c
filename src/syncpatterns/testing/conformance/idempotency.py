"""What every store of idempotency records must do.

A check is run on a fresh store, blocking or awaited::

    @pytest.mark.parametrize("check", CHECKS, ids=str)
    def test_my_store(check: Check) -> None:
        clock = FakeClock()
        check.run(MyStore(clock), clock.advance)


    @pytest.mark.parametrize("check", CHECKS, ids=str)
    async def test_my_async_store(check: Check) -> None:
        clock = FakeClock()
        await check.arun(MyAsyncStore(clock), clock.advance)

`advance` moves the time that the store goes by. A store that passes all of
them keeps the promises of `syncpatterns.idempotency`.
"""

from __future__ import annotations

from syncpatterns.testing.conformance._idempotency._bench import Check
from syncpatterns.testing.conformance._idempotency._claims import CLAIMS
from syncpatterns.testing.conformance._idempotency._notes import NOTES
from syncpatterns.testing.conformance._idempotency._records import RECORDS

__all__ = ["CHECKS", "Check"]

#: Every check, in the order of the contract.
CHECKS: tuple[Check, ...] = (*CLAIMS, *RECORDS, *NOTES)
