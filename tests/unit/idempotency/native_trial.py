"""A guard, a key of its own, and an effect that says what it did."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import anyio

from syncpatterns.idempotency import Context, Idempotency, State
from tests.unit.idempotency.helpers import WHERE
from tests.unit.idempotency.native_sweep import numbers


@dataclass
class Trial:
    """A guard, a key of its own, and what its effect did."""

    guard: Idempotency
    passes: bool = False
    turns: int = 1
    key: str = field(default_factory=lambda: f"k{next(numbers)}")
    begun: int = 0
    done: int = 0
    ran: asyncio.Event = field(default_factory=asyncio.Event)

    async def effect(self, context: Context) -> int:
        """Take turns of the loop; it is done with the first."""
        self.begun += 1
        self.ran.set()
        if self.passes:
            context.point_of_no_return()
        await anyio.lowlevel.checkpoint()
        self.done += 1
        for _ in range(self.turns):
            await anyio.lowlevel.checkpoint()
        return self.done

    async def call(self) -> int:
        """Call it."""
        return await self.guard.aexecute(self.key, self.effect, payload=1, **WHERE)

    async def state(self) -> State | None:
        """Look what the store says."""
        record = await self.guard.ainspect(self.key, **WHERE)
        return None if record is None else record.state

    def idle(self) -> bool:
        """Whether nobody leads, follows or renews for it."""
        flights = self.guard._setup.flights
        hearts: list[Any] = [
            self.guard._thread_heart and self.guard._thread_heart._beats.leases,
            *(heart._leases for heart in self.guard._loop_hearts.values()),
        ]
        held = [lease for heart in hearts for lease in heart or () if not lease.lost]
        mine = [lease for lease in held if lease.token and lease.key in self._keys()]
        return (flights.waiting, dict(flights._leading), mine) == (0, {}, [])

    def _keys(self) -> set[str]:
        scope, operation = WHERE["scope"], WHERE["operation"]
        return {self.guard._storage_key(scope, operation, self.key)}
