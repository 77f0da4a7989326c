"""A store that cannot say whether anybody has committed ends no drain."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.errors import EngineClosed, StoreUnavailable
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._reaching._probes import CallbackProbe
from syncpatterns.testing import LoopClock
from tests.unit.offline_queue.desk import Desk, item, items
from tests.unit.offline_queue.test_drain_targets import refused
from tests.unit.offline_queue.virtual import BACKENDS, virtually

backends = pytest.mark.parametrize("backend", BACKENDS)


class Deaf:
    """A store whose `changes` fails now and then, or from some call on.

    Args:
        store: Does the rest.
        fails: Told the number of the call; returns what to raise, or None.
    """

    def __init__(self, store: Any, fails: Callable[[int], Exception | None]) -> None:
        self._store = store
        self._fails = fails
        self._calls = itertools.count(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def changes(self) -> int:
        error = self._fails(next(self._calls))
        if error is not None:
            raise error
        version: int = self._store.changes()
        return version


class DeafDesk(Desk):
    """A queue on such a store."""

    def __init__(self, fails: Callable[[int], Exception | None], **more: Any) -> None:
        super().__init__(**more)
        self.fails = fails

    def ready(self) -> Any:
        return Deaf(super().ready(), self.fails)

    async def aready(self) -> Any:
        return Deaf(await super().aready(), self.fails)


def every_third(call: int) -> Exception | None:
    """Fail every third call, whoever makes it."""
    return None if call % 3 else StoreUnavailable("the disk does not answer")


@backends
def test_a_drain_goes_on_although_its_store_does_not_always_answer(
    backend: str,
) -> None:
    """Claimer, stager and acker ask; each tries again."""

    async def main() -> None:
        desk = DeafDesk(every_third, clock=LoopClock())
        desk.put(*items(20))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            while len(desk.acked()) < 20:
                await desk.clock.asleep(1.0)
            desk.put(item("later", delay=5.0))
            while len(desk.acked()) < 21:
                await desk.clock.asleep(1.0)
            tasks.cancel_scope.cancel()

        assert desk.states() == {}

    virtually(main, backend)


@backends
@pytest.mark.parametrize("call", range(1, 9))
def test_an_engine_that_is_closed_ends_the_drain_whoever_meets_it(
    backend: str, call: int
) -> None:
    """It returns what was done, as its documentation says, and raises nothing."""

    def closed(number: int) -> Exception | None:
        return EngineClosed("closed") if number >= call else None

    async def main() -> None:
        desk = DeafDesk(closed, clock=LoopClock())
        desk.put(*items(3))
        report = await desk.adrain()

        assert report.sent == len(desk.acked())

    virtually(main, backend)


def test_a_worker_goes_on_although_its_store_does_not_always_answer() -> None:
    """Also where it fails while there is nothing to do."""
    desk, stop = DeafDesk(every_third), threading.Event()
    desk.put(*items(5))
    worker = threading.Thread(target=lambda: desk.work(stop=stop))
    worker.start()
    try:
        for number in itertools.count(6):
            while len(desk.acked()) < number - 1 and worker.is_alive():
                worker.join(0.01)
            if number == 9:
                break
            desk.put(item(f"later {number}"))
    finally:
        stop.set()
        worker.join(120.0)

    assert len(desk.acked()) == 8


@backends
@pytest.mark.parametrize("probed", [False, True])
def test_a_pass_tries_a_target_for_which_it_is_time(backend: str, probed: bool) -> None:
    """Its first claim was made before anybody had looked, and it ended with nothing."""

    async def main() -> None:
        away = [True]

        async def handler(flight: Flight) -> Verdict | None:
            return refused(flight) if away[0] else None

        async def back() -> bool:  # on a thread it would take real time
            return not away[0]

        probes = {"": CallbackProbe(back)} if probed else None
        desk = Desk(handler, clock=LoopClock(), probes=probes)
        desk.put(*items(10))
        first = await desk.adrain(once=True)
        away[0] = False
        await desk.clock.asleep(60.0)
        second = await desk.adrain(once=True)
        if probed:  # all clients of a target that is back begin within two seconds
            await desk.clock.asleep(2.0)
            second = await desk.adrain(once=True)

        assert (first.sent, first.offline) == (0, ("default",))
        assert second == DrainReport(sent=10)

    virtually(main, backend)
