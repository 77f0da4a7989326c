"""Leases of a drain: kept while it works, and heeded once they are lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from syncpatterns.errors import EngineBusy
from syncpatterns.offline_queue._core import Ack, ItemState
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._ports import ClaimRequest
from syncpatterns.testing import LoopClock
from tests.unit.offline_queue.desk import QUEUE, Desk, Holding, item, items
from tests.unit.offline_queue.virtual import BACKENDS, virtually

backends = pytest.mark.parametrize("backend", BACKENDS)
CLAIM = ClaimRequest(QUEUE, 10, 30.0)


class Failing:
    """A store of which some calls fail, before or after they were done.

    Args:
        store: The real one.
        fails: Returns whether this call of that name fails, and when.
    """

    def __init__(self, store: Any, fails: Callable[[str], str | None]) -> None:
        self._store = store
        self._fails = fails
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name in ("name", "changes", "on_change", "capabilities"):
            return method

        async def call(*args: Any) -> Any:
            self.calls.append(name)
            how = self._fails(name)
            if how == "before":
                raise EngineBusy("locked")
            answer = await method(*args)
            if how == "after":
                raise EngineBusy("the answer was lost")
            return answer

        return call


class FailingDesk(Desk):
    """A desk whose async store fails now and then."""

    def __init__(self, fails: Callable[[str], str | None], **options: Any) -> None:
        super().__init__(**options)
        self.failing = Failing(self.engine.async_queue_store(), fails)

    async def aready(self) -> Any:
        await super().aready()
        return self.failing


@pytest.mark.case("QUE-11", part="extended")
@backends
def test_a_handler_may_take_many_leases(backend: str) -> None:
    """Nobody else gets the item meanwhile."""

    async def main() -> None:
        desk = Desk(clock=LoopClock(), lease=30.0)
        others: list[int] = []

        async def handler(_flight: Flight) -> None:
            for _ in range(60):
                await desk.clock.asleep(5.0)
                others.append(len(desk.ready().claim(CLAIM)))

        desk.handler = handler
        desk.put(*items(3))
        report = await desk.adrain(once=True)

        assert report == DrainReport(sent=3)
        assert sum(others) == 0

    virtually(main, backend)


@pytest.mark.case("QUE-11", part="lost")
@backends
def test_a_handler_whose_item_was_taken_over_is_cancelled(backend: str) -> None:
    """Its result is dropped, and it is told; the other one has the item."""

    async def main() -> None:
        holding = Holding()
        desk = Desk(holding, clock=LoopClock(), lease=30.0)
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await holding.until(1)
            _let_lapse(desk)
            (other,) = desk.ready().claim(CLAIM)
            await holding.until(0)

            assert holding.cancelled == [seq]
            tasks.cancel_scope.cancel()

        ((_, _, settled),) = desk.told
        still = desk.get(seq)

        assert settled.accepted is False
        assert still is not None
        assert (still.state, still.token) == (ItemState.LEASED, other.token)

    virtually(main, backend)


@backends
def test_a_result_that_comes_too_late_is_refused_and_told(backend: str) -> None:
    """Taken over and answered between two renewals."""

    async def main() -> None:
        holding = Holding()
        desk = Desk(holding, clock=LoopClock(), lease=30.0)
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await holding.until(1)
            _let_lapse(desk)
            (other,) = desk.ready().claim(CLAIM)
            holding.gate.set()
            await holding.until(0)
            await desk.clock.asleep(1.0)
            tasks.cancel_scope.cancel()

        assert [settled.accepted for _, _, settled in desk.told] == [False]
        assert desk.ready().settle(QUEUE, [Ack(other.hold)])[0].accepted
        assert desk.get(seq) is None

    virtually(main, backend)


@backends
def test_a_renewal_that_fails_is_tried_again_before_the_lease_ends(
    backend: str,
) -> None:
    """Every other one fails, and nothing is lost."""

    async def main() -> None:
        renewals: list[int] = []

        def fails(name: str) -> str | None:
            if name != "extend":
                return None
            renewals.append(1)
            return "before" if len(renewals) % 2 else None

        desk = FailingDesk(fails, clock=LoopClock(), lease=30.0)
        others: list[int] = []

        async def handler(_flight: Flight) -> None:
            for _ in range(20):
                await desk.clock.asleep(10.0)
                others.append(len(desk.ready().claim(CLAIM)))

        desk.handler = handler
        desk.put(item("a"))

        assert await desk.adrain(once=True) == DrainReport(sent=1)
        assert sum(others) == 0

    virtually(main, backend)


@backends
def test_one_that_cannot_be_renewed_for_a_whole_lease_is_ended(backend: str) -> None:
    """It may be another's by now, and nobody can tell; its release is fenced."""

    async def main() -> None:
        holding = Holding()

        def fails(name: str) -> str | None:
            return "before" if name == "extend" else None

        desk = FailingDesk(fails, handler=holding, clock=LoopClock(), lease=30.0)
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=1))
            await holding.until(1)
            began = desk.clock.monotonic()
            await holding.until(0)

            assert holding.cancelled == [seq]
            assert 30.0 <= desk.clock.monotonic() - began < 40.0
            tasks.cancel_scope.cancel()

    virtually(main, backend)


@backends
def test_what_a_dead_process_held_is_delivered_when_its_lease_ends(
    backend: str,
) -> None:
    """Nobody says so: the drain sleeps until then."""

    async def main() -> None:
        desk = Desk(clock=LoopClock(), lease=30.0)
        at: list[float] = []

        async def handler(_flight: Flight) -> None:
            at.append(desk.clock.monotonic())

        desk.handler = handler
        (seq,) = desk.put(item("a"))
        began = desk.clock.monotonic()
        desk.ready().claim(CLAIM)  # and its process dies
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(40.0)
            tasks.cancel_scope.cancel()

        (delivered,) = at

        assert desk.acked() == [seq]
        assert 30.0 <= delivered - began < 30.3

    virtually(main, backend)


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("times", [1, 2, 5])
@backends
def test_what_was_answered_is_stored_however_often_it_takes(
    backend: str, how: str, times: int
) -> None:
    """Also if the commit landed and only its answer was lost: it is no loss."""

    async def main() -> None:
        left = [times]

        def fails(name: str) -> str | None:
            if name not in ("settle", "settle_and_claim") or not left[0]:
                return None
            left[0] -= 1
            return how

        desk = FailingDesk(fails, clock=LoopClock())
        seqs = desk.put(*items(6))
        report = await desk.adrain(once=True)

        assert report == DrainReport(sent=6)
        assert sorted(desk.begun) == seqs
        assert all(settled.accepted for _, _, settled in desk.told)

    virtually(main, backend)


@backends
def test_a_store_that_fails_costs_a_running_drain_a_moment(backend: str) -> None:
    """Claims and looks at the time fail for a minute; then all is delivered."""

    async def main() -> None:
        clock = LoopClock()
        down = [True]

        def fails(name: str) -> str | None:
            return "before" if down[0] and name in ("claim", "stage") else None

        desk = FailingDesk(fails, clock=clock)
        desk.put(*items(3))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await clock.asleep(60.0)

            assert desk.begun == []
            down[0] = False
            await clock.asleep(10.0)

            assert len(desk.acked()) == 3
            tasks.cancel_scope.cancel()

        assert desk.failing.calls.count("claim") < 100

    virtually(main, backend)


@pytest.mark.parametrize("call", ["claim", "stats"])
@backends
def test_a_pass_over_a_store_that_fails_says_so(backend: str, call: str) -> None:
    """Somebody waits for it, and should hear the truth; also if only counting fails."""

    async def main() -> None:
        desk = FailingDesk(
            lambda name: "before" if name == call else None, clock=LoopClock()
        )
        desk.put(item("a"))
        with pytest.raises(EngineBusy):
            await desk.adrain(once=True)

    virtually(main, backend)


@backends
def test_a_drain_that_cannot_count_delivers_all_the_same(backend: str) -> None:
    """What is shown is worth no item."""

    async def main() -> None:
        desk = FailingDesk(
            lambda name: "before" if name == "stats" else None, clock=LoopClock()
        )
        seqs = desk.put(*items(5))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(30.0)
            tasks.cancel_scope.cancel()

        assert sorted(desk.acked()) == seqs

    virtually(main, backend)


@backends
def test_one_settlement_that_the_store_never_takes_holds_up_no_other(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest is stored, and the one comes back by its lease."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        (bad, *good) = desk.put(*items(5))

        async def handler(flight: Flight) -> Verdict | None:
            hold = flight.item.hold
            return Verdict(_Strange(hold)) if flight.item.seq == bad else None

        desk.handler = handler
        report = await desk.adrain(once=True)

        assert sorted(desk.acked()) == good
        assert report.left == 1

    virtually(main, backend)

    assert "gives up storing" in caplog.text


class _Strange(tuple):  # type: ignore[type-arg]  # of one thing
    """A settlement of a kind that no store knows."""

    __slots__ = ()

    def __new__(cls, hold: Any) -> Any:
        return super().__new__(cls, (hold,))

    @property
    def hold(self) -> Any:
        return self[0]


def _let_lapse(desk: Desk) -> None:
    """Let the leases in the store end now, as if its clock had jumped ahead."""
    store = desk.ready()
    holds = [each.hold for each in store.items(QUEUE) if each.lease_until]
    store.extend(QUEUE, holds, 0.0)
