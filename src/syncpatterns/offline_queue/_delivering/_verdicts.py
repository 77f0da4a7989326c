"""From what a handler returned or raised to what the store and the drain are told."""

from __future__ import annotations

import logging
import random
from typing import Any, Final, NamedTuple

from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.offline_queue._core import (
    Ack,
    Fail,
    Item,
    Nack,
    Park,
    Release,
    Settlement,
)
from syncpatterns.offline_queue._core._meanings import Meaning, said
from syncpatterns.offline_queue._flights import Evidence, Verdict
from syncpatterns.retry import Wait, full_jitter
from syncpatterns.sealing._errors import SealError

_log = logging.getLogger("syncpatterns.offline_queue")

#: How long an item of which nobody here knows the form or the handler is put
#: back before it is parked: a rolling deploy has ended by then.
PATIENCE: Final = 3600.0
#: And how often it was looked at by then: one that waited for a week offline
#: gets its chance too.
LOOKS: Final = 10

#: What is put back without anybody being offline (a busy store, a key in
#: progress) comes again after 1, 2, 4 .. 30 s.
_AGAIN: Final = full_jitter(1.0, 30.0)


class Aftermath(NamedTuple):
    """What the surface wants to know of a verdict once it is settled.

    Args:
        outcome: What the handler returned or raised; None if it never ran.
        reason: Why, as one word.
    """

    outcome: Outcome[Any] | None
    reason: str = ""

    @property
    def value(self) -> Any:
        """What was returned; None if nothing was."""
        return self.outcome.value if isinstance(self.outcome, Ok) else None

    @property
    def error(self) -> BaseException | None:
        """What was raised."""
        return self.outcome.error if isinstance(self.outcome, Err) else None


class Judge:
    """Says what an outcome means for an item.

    Args:
        backoff: Waits between answered failures.
        max_attempts: Answered failures until an item is DEAD.
        rng: Where jitter comes from.
    """

    def __init__(self, backoff: Wait, max_attempts: int, rng: random.Random) -> None:
        self._backoff = backoff
        self._max_attempts = max_attempts
        self._rng = rng

    def done(self, item: Item, value: Any, result: bytes) -> Verdict:
        """It was done."""
        extra = Aftermath(Ok(value))
        return Verdict(Ack(item.hold, result), Evidence.ANSWERED, extra=extra)

    def done_before(self, item: Item, error: BaseException, value: Any) -> Verdict:
        """It ended with rows that its handler committed, which raised *error* then.

        Nothing can come again: the item is DONE, whatever is said about it now.

        Args:
            item: What was delivered.
            error: What the handler raised.
            value: What it ended with, as its receipt says.
        """
        _log.warning(
            "%s [%s]: it is done, with the transaction of its handler, which raised "
            "%s after the commit.",
            item.operation,
            item.key_hash,
            said(error),
        )
        return self.done(item, value, b"")

    def raised(self, item: Item, error: BaseException, meaning: Meaning) -> Verdict:
        """Its handler raised *error*, which has this *meaning*."""
        evidence = Evidence(meaning.heard)
        settlement = self._settlement(item, meaning, said(error))
        reason = getattr(settlement, "reason", "") or meaning.reason
        return Verdict(
            settlement,
            evidence,
            *_rest(meaning),
            extra=Aftermath(Err(error), reason),
        )

    def unread(self, item: Item, error: BaseException) -> Verdict:
        """The store could not say what it needs to begin."""
        delay = _AGAIN.backoff.delay(item.deliveries, 0.0, self._rng)
        put_back = Release(item.hold, delay, unsent=True, error=said(error))
        return Verdict(put_back, extra=Aftermath(Err(error), "store"))

    def failed(
        self, item: Item, reason: str, why: BaseException | None = None
    ) -> Verdict:
        """It can never be done."""
        words = "" if why is None else said(why)
        return Verdict(Fail(item.hold, reason, words), extra=Aftermath(None, reason))

    def parked(
        self, item: Item, reason: str, error: BaseException | None = None
    ) -> Verdict:
        """Somebody has to look."""
        words = "" if error is None else said(error)
        outcome = None if error is None else Err(error)
        park = Park(item.hold, reason, words, unsent=error is None)
        return Verdict(park, extra=Aftermath(outcome, reason))

    def shut(self, item: Item, why: SealError) -> Verdict:
        """It, or what it needs, cannot be opened; the words name the key."""
        words = f"{type(why).__name__}: {why.key_id}" if why.key_id else said(why)
        _log.warning(
            "%s [%s]: item %d is parked (%s): %s",
            item.operation,
            item.key_hash,
            item.seq,
            why.reason,
            why,
        )
        park = Park(item.hold, why.reason, words, unsent=True)
        return Verdict(park, extra=Aftermath(None, why.reason))

    def unknown_here(self, item: Item, reason: str, now: float) -> Verdict:
        """This process cannot deliver it; another one, newer or older, may."""
        if now - item.created_at >= PATIENCE and item.deliveries >= LOOKS:
            return self.parked(item, reason)
        delay = _AGAIN.backoff.ceiling(item.deliveries)
        put_back = Release(item.hold, delay, unsent=True, error=reason)
        return Verdict(put_back, extra=Aftermath(None, reason))

    def _settlement(self, item: Item, meaning: Meaning, words: str) -> Settlement:
        hold = item.hold
        match meaning.kind:
            case "gone":
                return Ack(hold)
            case "again":
                delay = self._delay_again(item, meaning)
                return Release(hold, delay, meaning.unsent, words)
            case "failed" | "unread" if item.attempts + 1 < self._max_attempts:
                return Nack(hold, self._delay(item.attempts + 1), words)
            case "unread":
                return Park(hold, "unknown", words)
            case "sign-in" | "parked":
                return Park(hold, meaning.reason, words, unsent=meaning.unsent)
            case _:
                failed = meaning.kind == "failed"
                reason = "attempts" if failed else meaning.reason
                return Fail(hold, reason, words, failed=failed)

    def _delay(self, attempt: int) -> float:
        wait = self._backoff
        return wait.backoff.delay(attempt, 0.0, wait.rng or self._rng)

    def _delay_again(self, item: Item, meaning: Meaning) -> float:
        if meaning.delay is not None:
            return meaning.delay
        if meaning.rest > 0 or meaning.heard == "unreachable":
            return 0.0  # its target gets nothing meanwhile
        return _AGAIN.backoff.delay(item.deliveries, 0.0, self._rng)


def _rest(meaning: Meaning) -> tuple[float, str]:
    if meaning.kind == "sign-in":
        return float("inf"), "sign-in"
    return meaning.rest, "retry-after" if meaning.shared else ""
