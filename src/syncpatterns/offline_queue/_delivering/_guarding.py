"""What a breaker may count: a service that says no is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.offline_queue._core._meanings import meaning_of


def answers_as_values(
    called: Callable[[], Any],
    conflicts: tuple[type[BaseException], ...],
    *,
    awaited: bool = False,
) -> Callable[[], Any]:
    """Return *called*, with answers that are exceptions as values.

    Refused, signed out, in progress: the target has answered, and a breaker
    that counted that as a failure would cut off everybody because one person
    typed nonsense.
    """

    def guarded() -> Outcome[Any]:
        try:
            return Ok(called())
        except Exception as error:
            if meaning_of(error, conflicts).heard == "answered":
                return Err(error)
            raise

    async def aguarded() -> Outcome[Any]:
        try:
            return Ok(await called())
        except Exception as error:
            if meaning_of(error, conflicts).heard == "answered":
                return Err(error)
            raise

    return aguarded if awaited else guarded
