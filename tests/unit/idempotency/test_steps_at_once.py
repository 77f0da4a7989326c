"""Steps of one execution that run beside each other, or one inside the other."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency import Context, Idempotency
from tests.unit.idempotency.helpers import WHERE

UNDER_WAY = "a step called 'same' is under way in this execution already"


def test_a_step_that_another_thread_takes_is_not_taken_twice(
    guard: Idempotency,
) -> None:
    """Both would run, and the result of one be lost."""
    began, go_on = threading.Event(), threading.Event()
    first: list[Any] = []

    def slow() -> str:
        began.set()
        go_on.wait()
        return "first"

    def effect(context: Context) -> Any:
        thread = threading.Thread(
            target=lambda: first.append(context.step("same", slow))
        )
        thread.start()
        began.wait()
        try:
            with pytest.raises(ConfigurationError, match=UNDER_WAY):
                context.step("same", lambda: "second")
            other = context.step("other", lambda: "beside it")
        finally:
            go_on.set()
            thread.join()
        return [context.step("same", lambda: "third"), other]

    assert guard.execute("k", effect, payload=1, **WHERE) == ["first", "beside it"]
    assert first == ["first"]


async def test_tasks_do_not_take_one_step_twice(guard: Idempotency) -> None:
    """Those with a name of their own go on beside each other."""
    ran: list[str] = []

    async def effect(context: Context) -> Any:
        began, go_on = anyio.Event(), anyio.Event()

        async def slow() -> int:
            began.set()
            await go_on.wait()
            return len(ran)

        async def quick() -> str:
            ran.append("quick")
            return "quick"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(context.astep, "same", slow)
            await began.wait()
            with pytest.raises(ConfigurationError, match=UNDER_WAY):
                await context.astep("same", quick)
            await context.astep("other", quick)
            go_on.set()
        return [await context.astep("same", slow), ran]

    assert await guard.aexecute("k", effect, payload=1, **WHERE) == [1, ["quick"]]


def test_a_step_inside_itself_is_refused(guard: Idempotency) -> None:
    """Another one inside it is none of its business."""

    def effect(context: Context) -> Any:
        def same() -> Any:
            with pytest.raises(ConfigurationError, match=UNDER_WAY):
                context.step("same", lambda: 1)
            return context.step("inner", lambda: 2)

        return context.step("same", same)

    assert guard.execute("k", effect, payload=1, **WHERE) == 2


def test_a_step_that_failed_may_be_taken_again(guard: Idempotency) -> None:
    """It is under way no longer."""

    def effect(context: Context) -> Any:
        with pytest.raises(ZeroDivisionError):
            context.step("same", lambda: 1 // 0)
        return context.step("same", lambda: 1)

    assert guard.execute("k", effect, payload=1, **WHERE) == 1


def test_many_threads_keep_each_of_their_steps(guard: Idempotency) -> None:
    """Two that end at the same time do not lose one another's result."""
    ran: list[int] = []

    def effect(context: Context) -> Any:
        start = threading.Barrier(8)

        def take(number: int) -> None:
            start.wait()
            for each in range(20):
                context.step(f"{number}-{each}", lambda: ran.append(1))

        threads = [threading.Thread(target=take, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(8):
            for each in range(20):
                context.step(f"{number}-{each}", lambda: ran.append(1))
        return len(ran)

    assert guard.execute("k", effect, payload=1, **WHERE) == 160


def test_an_async_function_needs_astep(guard: Idempotency) -> None:
    """Nothing has been done, and Python has nothing to warn of."""

    async def function() -> int:
        return 1

    def effect(context: Context) -> Any:
        return context.step("s", function)

    with pytest.raises(ConfigurationError, match=r"is async. Use `await ctx.astep"):
        guard.execute("k", effect, payload=1, **WHERE)


async def test_a_plain_function_needs_step(guard: Idempotency) -> None:
    """There is nothing to await."""
    plain: Any = lambda: 1  # noqa: E731 - a mistake of the user's

    async def effect(context: Context) -> Any:
        return await context.astep("s", plain)

    with pytest.raises(ConfigurationError, match="returned a int, which cannot be"):
        await guard.aexecute("k", effect, payload=1, **WHERE)


def test_any_text_names_a_further_call(guard: Idempotency) -> None:
    """Half of a surrogate pair too: what a filesystem calls a file may be one."""

    def effect(context: Context) -> str:
        return context.downstream_key("file-\udcff")

    assert len(guard.execute("k", effect, payload=1, **WHERE)) == 32
