"""Hears the answer of a commit that is under way, although its task is cancelled.

Scopes of anyio and trio are shielded where a drain works; but asyncio cancels every
task by itself when a program ends, and knows no shields. Cut off in the middle, a
claim would land all the same and nobody would know of it: its items stay held until
their leases end. Worked failure: the program ends while eight items are settled and
the next eight claimed; after its next start those eight wait for thirty seconds.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import anyio

T = TypeVar("T")

#: Seconds of the event loop for which a cancelled task waits for its answer.
_PATIENCE: Final = 5.0


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Await *work* to its end, for a task that its drain ends in order.

    Who cancels every task there is has cancelled the drain as well, which closes and
    needs this one for that; so it goes on. A scope that is cancelled is the drain's
    own, which has waited already, and is obeyed at once.
    """
    asyncio, here = _asyncio()
    if here is None:
        return await work  # trio has scopes only
    landing = asyncio.get_running_loop().create_task(work)
    # Whoever cancels all tasks there are must not meet this one; he meets the task
    # that waits here for it.
    asyncio._unregister_task(landing)  # noqa: SLF001 - documented, for tasks of one's own
    cancelled: BaseException | None = None
    while not landing.done():
        try:
            patience = None if cancelled is None else _PATIENCE
            done, _ = await asyncio.wait((landing,), timeout=patience)
        except asyncio.CancelledError as error:
            if anyio.current_effective_deadline() == -math.inf:
                landing.cancel()
                raise
            here.uncancel()
            cancelled = error
        else:
            if cancelled is not None and not done:  # the store hangs
                landing.cancel()
                raise cancelled
    answer: T = landing.result()
    return answer


def _asyncio() -> tuple[Any, Any]:
    """Return the module and the task that runs; no task if it is not its loop."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        return asyncio, None if asyncio is None else asyncio.current_task()
    except RuntimeError:
        return asyncio, None
