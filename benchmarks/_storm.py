"""A server that goes down for a while, and a hundred clients that want it.

The clients' policies are the library's own objects; only time, chance and the
server are made up. The server does *capacity* units of work a second. A call
that it accepts costs one unit, one that it turns away costs `REJECTION` of a
unit, since somebody has to read it and to answer. It accepts while no more than
`QUEUE` units wait. While it is down it answers nothing and spends nothing.

An answer takes no time here, and clients differ only in when they call. So the
model shows which way a policy pushes, not what a real server will do.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks._virtual import VirtualTime
from syncpatterns.errors import CallRejected

CLIENTS = 100
RATE = 8  # calls a second of each client
CAPACITY = 1000.0  # units of work a second
REJECTION = 0.5  # units that turning one call away costs
QUEUE = 50.0  # units that may wait, 50 ms of work
CROWD = 100.0  # beyond these, callers are lost without any work
DOWN, UP = 20.0, 40.0  # seconds between which the server is down
SEED = 7

#: A client's way to make one call: it gets the call itself, and awaits it.
Way = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
#: Makes the way of one client, from the time and its own source of chance.
Policy = Callable[[VirtualTime, random.Random], Way]


class Unavailable(Exception):
    """The call did not happen: the server is down, or has too much to do."""


class Server:
    """Does so much work a second, and no more."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._waiting = 0.0
        self._last = 0.0

    def ask(self) -> None:
        """Have one call done.

        Raises:
            Unavailable: It was turned away.
        """
        now = self._time.monotonic()
        if DOWN <= now < UP:
            raise Unavailable
        done = (now - self._last) * CAPACITY
        self._waiting, self._last = max(0.0, self._waiting - done), now
        if self._waiting + 1.0 <= QUEUE:
            self._waiting += 1.0
            return
        self._waiting = min(CROWD, self._waiting + REJECTION)
        raise Unavailable


@dataclass(frozen=True, slots=True)
class Run:
    """What happened in each second of one run.

    Args:
        asked: Calls that the clients' users made.
        sent: Attempts that reached for the server.
        served: Calls that ended well, in the second of their answer.
    """

    asked: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    served: list[int] = field(default_factory=list)

    def load(self, since: float, until: float) -> float:
        """Return attempts for one call that was asked for, between two seconds."""
        between = slice(int(since), int(until))
        return sum(self.sent[between]) / sum(self.asked[between])

    def peak(self) -> float:
        """Return the highest load of one second."""
        asked = sum(self.asked) / len(self.asked)
        return max(self.sent) / asked

    def goodput(self, since: float, until: float) -> float:
        """Return calls that ended well for one that was asked for."""
        between = slice(int(since), int(until))
        return sum(self.served[between]) / sum(self.asked[between])

    def recovery(self, share: float = 0.95) -> int | None:
        """Return the seconds after the outage until *share* of the calls end well.

        The first second counts as 0; None if that never happens in this run.
        """
        for second in range(int(UP), len(self.asked)):
            if self.served[second] >= share * self.asked[second]:
                return second - int(UP)
        return None


def run(policy: Policy, *, seconds: int = 60, seed: int = SEED) -> Run:
    """Return what *seconds* of the outage story look like with *policy*."""
    time = VirtualTime()
    server = Server(time)
    found = Run([0] * seconds, [0] * seconds, [0] * seconds)
    for number in range(CLIENTS):
        chance = random.Random(f"{seed}, client {number}")
        way = policy(time, random.Random(f"{seed}, jitter {number}"))
        time.start(0.0, _client(time, server, way, chance, found))
    time.run(float(seconds))
    return found


async def _client(
    time: VirtualTime, server: Server, way: Way, chance: random.Random, found: Run
) -> None:
    """Start a call in each eighth of a second, at some moment of it."""

    async def send() -> None:
        found.sent[int(time.monotonic())] += 1
        server.ask()

    async def call() -> None:
        found.asked[int(time.monotonic())] += 1
        try:
            await way(send)
        except (Unavailable, CallRejected):
            pass
        else:
            found.served[int(time.monotonic())] += 1

    turn = 0
    while True:
        at = (turn + chance.random()) / RATE
        turn += 1
        await time.asleep(at - time.monotonic())
        time.start(time.monotonic(), call())
