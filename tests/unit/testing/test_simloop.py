# hygiene for this file: sleep - the time is virtual, no test waits
from __future__ import annotations

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from syncpatterns.clock import Clock
from syncpatterns.testing import Deadlock, Livelock, LoopClock, SimLoop, simulate


async def order_of_four() -> list[int]:
    """Let four tasks take three turns each."""
    order: list[int] = []

    async def step(i: int) -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
            order.append(i)

    async with anyio.create_task_group() as tasks:
        for i in range(4):
            tasks.start_soon(step, i)
    return order


def test_one_seed_is_one_schedule() -> None:
    """A failure found with a seed can be had again."""
    assert simulate(order_of_four, seed=7) == simulate(order_of_four, seed=7)


def test_seeds_give_many_schedules() -> None:
    """Different seeds try different orders."""
    orders = {tuple(simulate(order_of_four, seed=seed)) for seed in range(20)}

    assert len(orders) > 15


def test_a_year_passes_at_once() -> None:
    """Timers fire in virtual time."""

    async def main(days: int) -> float:
        await anyio.sleep(days * 86_400)
        return anyio.current_time()

    assert simulate(main, 0, 365) == 365 * 86_400


def test_timers_keep_their_order_whatever_the_seed() -> None:
    """Only tasks that are ready at the same time may change places."""

    async def main() -> list[int]:
        order: list[int] = []

        async def after(seconds: int) -> None:
            await anyio.sleep(seconds)
            order.append(seconds)

        async with anyio.create_task_group() as tasks:
            for seconds in (3, 1, 2):
                tasks.start_soon(after, seconds)
        return order

    assert {tuple(simulate(main, seed)) for seed in range(20)} == {(1, 2, 3)}


def test_callbacks_keep_the_order_asyncio_promises() -> None:
    """Transports rely on call_soon being first in, first out."""

    async def main() -> list[int]:
        order: list[int] = []
        for i in range(20):
            loop.call_soon(order.append, i)
        await anyio.sleep(1)
        return order

    loop = SimLoop(3)
    options = {"loop_factory": lambda: loop}

    assert anyio.run(main, backend_options=options) == list(range(20))


def test_an_error_names_the_seed() -> None:
    """Whoever reads the failure can repeat it."""

    async def main() -> None:
        raise LookupError

    with pytest.raises(LookupError) as caught:
        simulate(main, seed=41)

    assert caught.value.__notes__ == ["repeat with simulate(..., seed=41)"]


def test_waiting_for_what_never_comes_is_a_deadlock() -> None:
    """A run in which nothing can happen any more ends at once."""

    async def main() -> None:
        await anyio.Event().wait()

    with pytest.raises(Deadlock, match="seed 5"):
        simulate(main, seed=5)


def test_spinning_for_ever_is_a_livelock() -> None:
    """A run that is busy without end is cut short."""

    async def main() -> None:
        while True:
            await anyio.lowlevel.checkpoint()

    with pytest.raises(Livelock, match="turn 101"):
        simulate(main, max_steps=100)


def test_a_thread_is_waited_for_with_grace() -> None:
    """Grace lets a run use threads, at the price of the seed's promise."""

    async def main() -> str:
        return await anyio.to_thread.run_sync(lambda: "done")

    assert simulate(main, grace=5.0) == "done"


def test_the_loop_clock_is_the_loops_time() -> None:
    """A component under the loop shares its virtual time."""
    clock = LoopClock(start=100.0)

    async def main() -> tuple[float, float]:
        await clock.asleep(30)
        return clock.monotonic(), clock.time()

    assert isinstance(clock, Clock)
    assert simulate(main) == (30.0, 130.0)


def test_the_loop_clock_refuses_to_block_the_loop() -> None:
    """Blocking the thread would stop the very time it waits for."""
    clock = LoopClock()
    clock.sleep(0)

    with pytest.raises(RuntimeError, match="asleep"):
        clock.sleep(1)
