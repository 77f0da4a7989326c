"""A guarded call until somebody runs the effect; for threads and loops alike.

In order: the call follows whoever works on its key in this process, or leads.
A leader claims, and asks again while another process is busy. An owner runs
the effect; that part is `_execution`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from syncpatterns._flow import Flow
from syncpatterns._outcome import Outcome
from syncpatterns.errors import (
    CleanupTimedOut,
    DiskFull,
    EngineBusy,
    EngineClosed,
    StoreUnavailable,
)
from syncpatterns.idempotency import _timing
from syncpatterns.idempotency._call import Call
from syncpatterns.idempotency._core import Busy, ClaimAnswer, Owned
from syncpatterns.idempotency._execution import Steps, execute
from syncpatterns.idempotency._flights import TooManyWaiters
from syncpatterns.idempotency._steps import Claim, Follow, Pause

Result: TypeAlias = Outcome[object] | ClaimAnswer
"""The effect's outcome in this very call, or why it did not run."""

Execution: TypeAlias = Callable[[Call, Owned, float], Flow[Steps, Result]]

#: Here the store certainly did nothing; asking again at once changes nothing.
_CERTAIN = (DiskFull, EngineBusy, EngineClosed)


def guarded(call: Call) -> Flow[Steps, Result]:
    """Follow whoever works on the key in this process, or lead."""
    while True:
        leader = call.setup.flights.enter(call)
        if leader is None or call.setup.policy.on_busy == "reject":
            return (yield from _lead(call))
        remaining = call.patience()
        if remaining <= 0:
            return Busy(call.request.lease)
        try:
            rung, news = yield from Follow(call, leader, remaining)
        except TooManyWaiters:
            return Busy(call.request.lease)
        if not rung:
            return Busy(call.request.lease)
        if news is not None:
            return news


def _lead(call: Call) -> Flow[Steps, Result]:
    """Ask the store, run the effect if the key is ours, tell the followers."""
    try:
        answer, sent = yield from _claim(call)
        if type(answer) is Owned:
            execution: Execution = call.plan.execution or execute
            return (yield from execution(call, answer, sent))
        # Busy is for this caller only: its followers may be more patient.
        call.news = None if type(answer) is Busy else answer
        return answer
    finally:
        call.setup.flights.leave(call, call.news)


def _claim(call: Call) -> Flow[Steps, tuple[ClaimAnswer, float]]:
    """Claim, and ask again while another process is busy.

    The three steps that every first call takes are yielded as they are: the
    generator that ``yield from`` makes of a step costs more than the step's
    own object.
    """
    tries = lost = 0
    step = call.plan.claim or Claim
    while True:
        sent = call.setup.clock.monotonic()
        try:
            answer: ClaimAnswer = yield step(call)
        except (StoreUnavailable, CleanupTimedOut) as error:
            # The claim may have been made and its answer lost. The same nonce
            # is the same claim, so asking once more is safe.
            lost += 1
            if lost > 1 or isinstance(error, _CERTAIN):
                raise _unavailable(call, error) from error
            continue
        if type(answer) is not Busy:
            return answer, sent
        pause = _timing.poll_pause(tries, answer.retry_after, call.patience())
        if pause is None:
            return answer, sent
        try:
            yield from Pause(call, pause)
        except TooManyWaiters:
            return answer, sent
        tries += 1


def _unavailable(call: Call, error: Exception) -> StoreUnavailable:
    if isinstance(error, StoreUnavailable):
        return error
    return StoreUnavailable(
        f"{call.where}: the store did not answer in time. Nothing was run; try again "
        "with the same key.",
        retry_after=1.0,
    )
