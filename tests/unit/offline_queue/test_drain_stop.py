"""A drain that is told to stop: nothing is lost, and nobody waits for a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import anyio
import pytest

from syncpatterns.offline_queue._core import Ack, ItemState, Settled
from syncpatterns.offline_queue._flights import Flight, Verdict
from syncpatterns.offline_queue._ports import ClaimRequest
from syncpatterns.testing import LoopClock, cancel_sweep
from tests.unit.offline_queue.desk import QUEUE, Desk, Holding, item, items
from tests.unit.offline_queue.virtual import BACKENDS, virtually

backends = pytest.mark.parametrize("backend", BACKENDS)
#: How a settlement is stored: alone, or with a claim.
SETTLES = ("settle", "settle_and_claim")


class SlowAcks:
    """A store that answers the named calls only when it is told to."""

    def __init__(self, store: Any, calls: Sequence[str]) -> None:
        self._store = store
        self._calls = calls
        self.inside = anyio.Event()
        self.go_on = anyio.Event()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in self._calls:
            return method

        async def slow(*args: Any) -> Any:
            self.inside.set()
            await self.go_on.wait()
            return await method(*args)

        return slow


class SlowDesk(Desk):
    """A desk whose async store hesitates in some calls."""

    def __init__(self, *calls: str, **options: Any) -> None:
        super().__init__(**options)
        self.slow = SlowAcks(self.engine.async_queue_store(), calls)

    async def aready(self) -> Any:
        await super().aready()
        return self.slow


@pytest.mark.case("QUE-55", part="ack")
@backends
def test_an_ack_under_way_lands_although_the_drain_is_cancelled(backend: str) -> None:
    """What has been answered is stored, or it would be done a second time."""

    async def main() -> None:
        desk = SlowDesk(*SETTLES, clock=LoopClock())
        desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.slow.inside.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await desk.clock.asleep(1.0)
                desk.slow.go_on.set()

        assert desk.states() == {}
        assert [settled.accepted for _, _, settled in desk.told] == [True]

    virtually(main, backend)


@pytest.mark.case("QUE-55", part="handler")
@backends
def test_a_handler_that_is_cancelled_gives_its_item_back(backend: str) -> None:
    """No attempt is used; it may have been sent, and says so."""

    async def main() -> None:
        holding = Holding()
        desk = Desk(holding, clock=LoopClock())
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(grace=2.0))
            await holding.until(1)
            began = desk.clock.monotonic()
            tasks.cancel_scope.cancel()
        put_back = desk.get(seq)

        assert holding.cancelled == [seq]
        assert desk.clock.monotonic() - began == pytest.approx(2.0)
        assert put_back is not None
        assert put_back.state is ItemState.READY
        assert (put_back.attempts, put_back.lapses) == (0, 0)
        assert put_back.sent_at is not None

    virtually(main, backend)


@backends
def test_what_ends_within_the_grace_is_stored_as_done(backend: str) -> None:
    """And nothing more is claimed meanwhile."""

    async def main() -> None:
        holding = Holding()
        desk = Desk(holding, clock=LoopClock())
        desk.put(*items(5))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=2))
            await holding.until(2)
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await desk.clock.asleep(1.0)
                holding.gate.set()

        assert len(desk.acked()) == 2
        assert desk.states() == {ItemState.READY: 3}

    virtually(main, backend)


@pytest.mark.case("QUE-56", part="not begun")
@backends
def test_what_no_handler_has_begun_goes_back_at_once(backend: str) -> None:
    """It waits for a thread, say; it was certainly not sent."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        waiting = anyio.Event()

        async def adeliver(flight: Flight) -> Verdict:
            waiting.set()
            await anyio.sleep_forever()
            raise AssertionError(flight)

        desk.adeliver = adeliver  # type: ignore[method-assign]  # begins nothing
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(grace=60.0))
            await waiting.wait()
            began = desk.clock.monotonic()
            tasks.cancel_scope.cancel()
        put_back = desk.get(seq)

        assert desk.clock.monotonic() == began
        assert put_back is not None
        assert put_back.state is ItemState.READY
        assert put_back.sent_at is None

    virtually(main, backend)


@backends
def test_a_claim_under_way_is_given_back_unsent(backend: str) -> None:
    """Its items would be nobody's until the lease ends."""

    async def main() -> None:
        desk = SlowDesk("claim", clock=LoopClock())
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.slow.inside.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await desk.clock.asleep(0.5)
                desk.slow.go_on.set()
        put_back = desk.get(seq)

        assert desk.begun == []
        assert put_back is not None
        assert (put_back.state, put_back.sent_at) == (ItemState.READY, None)

    virtually(main, backend)


@backends
def test_a_handler_that_ignores_the_cancellation_holds_up_no_item(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its item is given back over its head; its late result is refused."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        inside, seen = anyio.Event(), list[ItemState]()

        async def stubborn(flight: Flight) -> None:
            inside.set()
            with anyio.CancelScope(shield=True):
                await desk.clock.asleep(20.0)
            now = desk.get(flight.item.seq)
            seen.append(ItemState.DONE if now is None else now.state)

        desk.handler = stubborn
        desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(grace=1.0))
            await inside.wait()
            tasks.cancel_scope.cancel()

        assert seen == [ItemState.READY]
        assert desk.states() == {ItemState.READY: 1}

    virtually(main, backend)

    assert "does not end although it is cancelled" in caplog.text


@backends
def test_a_store_that_hangs_cannot_hold_up_the_end(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The clean-up is bounded; what it could not store comes back by its lease."""

    async def main() -> None:
        desk = SlowDesk(*SETTLES, clock=LoopClock())
        desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(grace=1.0))
            await desk.slow.inside.wait()
            began = desk.clock.monotonic()
            tasks.cancel_scope.cancel()

        assert desk.clock.monotonic() - began < 15.0
        assert desk.states() == {ItemState.LEASED: 1}

    virtually(main, backend)

    assert "come back when their leases end" in caplog.text


@backends
def test_cancelled_at_any_step_nothing_is_held(
    backend: Literal["asyncio", "trio"],
) -> None:
    """Every item is done, or can be claimed at once by somebody else."""

    async def prepare() -> Desk:
        desk = Desk(clock=LoopClock())

        async def handler(flight: Flight) -> None:
            await desk.clock.asleep(0.01 * (flight.item.seq % 3))

        desk.handler = handler
        desk.put(*items(4), *(item(f"l{n}", lane="l") for n in range(3)))
        return desk

    async def main(desk: Desk) -> None:
        await desk.adrain(once=True, concurrency=3, grace=0.0)

    async def judge(desk: Desk) -> None:
        held = desk.states().get(ItemState.LEASED, 0)
        done = [
            seq
            for seq, verdict, settled in desk.told
            if isinstance(verdict.settlement, Ack) and settled.accepted
        ]

        assert held == 0
        assert len(done) + sum(desk.states().values()) == 7
        assert all(settled.accepted for _, _, settled in desk.told)

    sweep = cancel_sweep(main, prepare=prepare, judge=judge, backend=backend)

    assert sweep.points > 20


def test_a_program_of_asyncio_that_ends_gives_everything_back() -> None:
    """asyncio.run() cancels each task by itself, and heeds no shield."""
    desk = Desk()
    holding: list[Holding] = []

    async def main() -> None:
        holding.append(Holding())
        desk.handler = holding[0]
        desk.put(*items(3))
        drain = asyncio.create_task(desk.adrain(grace=0.0))
        await holding[0].until(3)
        assert not drain.done()

    asyncio.run(main())

    assert desk.states() in (
        {ItemState.READY: 3},
        {ItemState.SCHEDULED: 3},
    )


@backends
def test_a_handler_that_ends_the_program_gives_its_item_back(backend: str) -> None:
    """SystemExit goes up, and everything is in order then."""
    desk = Desk()

    async def handler(flight: Flight) -> None:
        if flight.item.key == "1":
            raise SystemExit(3)

    desk.handler = handler
    desk.put(*items(3))
    with pytest.raises(SystemExit):
        anyio.run(lambda: desk.adrain(once=True, concurrency=1), backend=backend)

    assert ItemState.LEASED not in desk.states()
    assert len(desk.acked()) == 1


async def test_a_claim_after_the_stop_finds_everything() -> None:
    """What one drain gave back, the next one delivers."""
    holding = Holding()
    desk = Desk(holding)
    desk.put(*items(6))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: desk.adrain(grace=0.0, concurrency=4))
        await holding.until(4)
        tasks.cancel_scope.cancel()
    claimed = desk.ready().claim(ClaimRequest(QUEUE, 10, 30.0))

    assert len(claimed) == 6
    assert [s for _, _, s in desk.told if not s.accepted] == list[Settled]()
