from __future__ import annotations

import contextlib
import functools
import gc
import inspect
from collections.abc import AsyncGenerator, Generator
from typing import Any

import anyio
import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import (
    Retry,
    RetryBudget,
    attempt_number,
    no_jitter,
    remaining,
)
from syncpatterns.testing import FakeClock, cancel_sweep
from tests.unit.retry.leftovers import left_by


class Down(Exception):
    pass


class Source:
    """Generators whose beginnings fail a number of times; a journal of all."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.journal: list[Any] = []

    def items(self, count: int = 3) -> Generator[Any, Any, str]:
        self._begin()
        try:
            for number in range(count):
                try:
                    self.journal.append((yield number))
                except Down as error:
                    self.journal.append(error)
            return "end"
        finally:
            self.journal.append("closed")

    async def aitems(self, count: int = 3) -> AsyncGenerator[Any, Any]:
        self._begin()
        try:
            for number in range(count):
                try:
                    self.journal.append((yield number))
                except Down as error:
                    self.journal.append(error)
        finally:
            try:
                await anyio.lowlevel.checkpoint()  # a clean-up that has to be awaited
                self.journal.append("closed")
            except BaseException:
                self.journal.append("cut short")
                raise

    def _begin(self) -> None:
        self.journal.append("begun")
        if self.failures:
            self.failures -= 1
            raise Down


@pytest.fixture
def retry(clock: FakeClock) -> Retry:
    """Wait 1, 2, 4, 4 s."""
    return Retry(on=Down, wait=no_jitter(), clock=clock)


@pytest.mark.case("RTY-34")
def test_a_generator_is_retried_before_its_first_item(
    retry: Retry, clock: FakeClock
) -> None:
    """Two failures at the beginning are not seen; every item comes once."""
    source = Source(failures=2)

    assert list(retry(source.items)()) == [0, 1, 2]
    assert source.journal == ["begun"] * 3 + [None] * 3 + ["closed"]
    assert clock.slept == [1, 2]


@pytest.mark.case("RTY-34", part="async")
async def test_an_async_generator_is_retried_before_its_first_item(
    retry: Retry, clock: FakeClock
) -> None:
    """The same, on asyncio and trio."""
    source = Source(failures=2)

    assert [item async for item in retry(source.aitems)()] == [0, 1, 2]
    assert source.journal == ["begun"] * 3 + [None] * 3 + ["closed"]
    assert clock.slept == [1, 2]


async def test_so_is_one_behind_a_partial_and_an_object(
    retry: Retry, clock: FakeClock
) -> None:
    """However it is wrapped, what is called in the end is a generator function."""

    class Feed:
        """Callable, for those who configure their calls beforehand."""

        def __init__(self, source: Source) -> None:
            self.source = source

        def __call__(self, count: int) -> Generator[Any, Any, str]:
            return (yield from self.source.items(count))

    class AsyncFeed(Feed):
        async def __call__(self, count: int) -> AsyncGenerator[Any, Any]:  # type: ignore[override]  # the async one
            async for item in self.source.aitems(count):
                yield item

    feed = functools.partial(Feed(Source(failures=1)), 2)
    afeed = functools.partial(AsyncFeed(Source(failures=1)), 2)

    assert list(retry(feed)()) == [0, 1]
    assert list(retry.call(functools.partial(Feed(Source(failures=1)), 1))) == [0]
    assert [item async for item in retry(afeed)()] == [0, 1]
    assert clock.slept == [1, 1, 1]


@pytest.mark.case("RTY-34", part="after")
async def test_after_the_first_item_a_failure_passes(
    retry: Retry, clock: FakeClock
) -> None:
    """Begun again it would hand out the same items twice."""
    begun = []

    @retry
    def items() -> Generator[int]:
        begun.append("sync")
        yield 1
        raise Down

    @retry
    async def aitems() -> AsyncGenerator[int]:
        begun.append("async")
        yield 1
        raise Down

    seen: list[int] = []

    async def take() -> None:
        async for item in aitems():
            seen.append(item)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(Down):
        seen.extend(items())
    with pytest.raises(Down):
        await take()

    assert (begun, seen, clock.slept) == (["sync", "async"], [1, 1], [])


async def test_attempts_end_for_generators_too(retry: Retry, clock: FakeClock) -> None:
    """Five beginnings, then the last one's own error."""
    source, asource = Source(failures=9), Source(failures=9)

    with pytest.raises(Down):
        next(retry(source.items)())
    with pytest.raises(Down):
        await anext(retry(asource.aitems)())

    assert source.journal == asource.journal == ["begun"] * 5
    assert clock.slept == [1, 2, 4, 4] * 2


async def test_a_generator_without_items_is_a_success(clock: FakeClock) -> None:
    """It is not begun again; the value it returns is kept."""
    budget = RetryBudget(2)
    retry = Retry(on=Down, clock=clock, budget=budget)
    source = Source(failures=1)

    def outer() -> Generator[Any, Any, str]:
        return (yield from retry(source.items)(0))

    with pytest.raises(StopIteration) as end:
        next(outer())
    assert end.value.value == "end"
    assert budget.tokens == 2 - 1 + 0.2
    assert [item async for item in retry(Source().aitems)(0)] == []


def test_what_is_sent_and_thrown_reaches_the_generator(retry: Retry) -> None:
    """Sent to the first item and to later ones; the value comes back at the end."""
    source = Source(failures=1)
    items = retry(source.items)(4)
    error = Down()

    assert next(items) == 0
    assert items.send("a") == 1
    assert items.throw(error) == 2
    assert next(items) == 3
    with pytest.raises(StopIteration) as end:
        items.send("b")

    assert end.value.value == "end"
    assert source.journal[2:] == ["a", error, None, "b", "closed"]


def test_an_error_thrown_at_the_first_item_is_the_generators(retry: Retry) -> None:
    """One it does not catch passes, with its clean-up done and nothing retried."""
    source = Source()
    items = retry(source.items)()

    next(items)
    with pytest.raises(KeyboardInterrupt):
        items.throw(KeyboardInterrupt())

    assert source.journal == ["begun", "closed"]


async def test_what_is_sent_and_thrown_reaches_the_async_generator(
    retry: Retry,
) -> None:
    """With asend and athrow, as if there were nothing in between."""
    source = Source(failures=1)
    items = retry(source.aitems)(4)
    error = Down()

    assert await anext(items) == 0
    assert await items.asend("a") == 1
    assert await items.athrow(error) == 2
    assert await anext(items) == 3
    with pytest.raises(StopAsyncIteration):
        await items.asend("b")

    assert source.journal[2:] == ["a", error, None, "b", "closed"]


@pytest.mark.case("RTY-35")
@pytest.mark.parametrize("taken", [1, 2])
async def test_an_async_generator_closed_early_is_closed_inside(
    taken: int, retry: Retry, clock: FakeClock
) -> None:
    """Its own clean-up, which awaits, is done when aclose() returns; no retry."""
    source = Source()
    async with contextlib.aclosing(retry(source.aitems)()) as items:
        for _ in range(taken):
            await anext(items)

    assert source.journal == ["begun"] + [None] * (taken - 1) + ["closed"]
    assert clock.slept == []


@pytest.mark.case("RTY-35", part="sync")
@pytest.mark.parametrize("taken", [1, 2])
def test_a_generator_closed_early_is_closed_inside(taken: int, retry: Retry) -> None:
    """close() reaches it, and so does being dropped."""
    for drop in (False, True):
        source = Source()
        items = retry(source.items)()
        for _ in range(taken):
            next(items)
        if not drop:
            items.close()
        del items
        gc.collect()

        assert source.journal == ["begun"] + [None] * (taken - 1) + ["closed"]


async def test_closed_before_it_began_nothing_runs(retry: Retry) -> None:
    """As with any generator."""
    source = Source()
    retry(source.items)().close()
    await retry(source.aitems)().aclose()

    assert source.journal == []


async def test_a_cancelled_beginning_is_the_last(clock: FakeClock) -> None:
    """Cancelled while it waits for the first item: no retry, all closed."""
    begun = 0

    async def items() -> AsyncGenerator[int]:
        nonlocal begun
        begun += 1
        scope.cancel()
        await anyio.sleep_forever()
        yield 1

    with anyio.CancelScope() as scope:
        await anext(Retry(on=lambda _: True, clock=clock)(items)())

    assert (scope.cancelled_caught, begun, clock.slept) == (True, 1, [])


async def test_number_and_deadline_are_set_for_the_beginning_alone(
    clock: FakeClock,
) -> None:
    """While an item is outside, the caller's context is his own."""
    seen: list[Any] = []
    retry = Retry(on=Down, wait=no_jitter(), timeout=10, clock=clock)

    def look() -> None:
        seen.append((attempt_number.get(), remaining()))
        if len(seen) % 3:
            raise Down

    @retry
    def items() -> Generator[Any]:
        look()
        yield 1

    @retry
    async def aitems() -> AsyncGenerator[Any]:
        look()
        yield 1

    for _ in items():
        assert (attempt_number.get(), remaining()) == (1, float("inf"))
    async for _ in aitems():
        assert (attempt_number.get(), remaining()) == (1, float("inf"))
    assert seen == [(1, 10), (2, 9), (3, 7)] * 2


def test_kinds_and_signatures_are_kept(retry: Retry) -> None:
    """inspect, and frameworks that ask it, see a generator function."""

    def items(count: int, *, step: int = 1) -> Generator[int]:
        yield from range(0, count, step)

    async def aitems(count: int) -> AsyncGenerator[int]:
        yield count

    assert inspect.isgeneratorfunction(retry(items))
    assert inspect.isasyncgenfunction(retry(aitems))
    assert inspect.signature(retry(items)) == inspect.signature(items)
    assert list(retry(items)(4, step=2)) == [0, 2]


def test_a_context_manager_may_be_made_of_it(retry: Retry) -> None:
    """What is raised in the block reaches the generator and is not retried."""
    source = Source(failures=1)
    managed = contextlib.contextmanager(retry(source.items))

    def use() -> None:
        with managed(1) as item:
            assert item == 0
            raise Down

    use()

    assert source.journal[:2] == ["begun", "begun"]
    assert isinstance(source.journal[2], Down)


def test_a_generator_has_no_value_to_judge() -> None:
    """result= judges what a function returns; a generator has items."""
    with pytest.raises(ConfigurationError, match="is a generator"):
        Retry(on=Down, result=bool)(Source().items)
    with pytest.raises(ConfigurationError, match="is a generator"):
        Retry(on=Down, result=bool)(Source().aitems)


@pytest.mark.case("RTY-35", part="every step")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_anywhere_a_generator_is_closed(backend: Any) -> None:
    """At every step: what began was closed, and every token is accounted for."""

    async def prepare() -> tuple[Source, RetryBudget]:
        return Source(failures=2), RetryBudget(10, 0)

    async def main(work: tuple[Source, RetryBudget]) -> None:
        source, budget = work
        retry = Retry(on=Down, wait=no_jitter(), budget=budget)
        async with contextlib.aclosing(retry(source.aitems)()) as items:
            with contextlib.suppress(Down):  # cancelled before a sleep: its own error
                async for _ in items:
                    await anyio.lowlevel.checkpoint()

    async def judge(work: tuple[Source, RetryBudget]) -> None:
        source, budget = work
        begun = source.journal.count("begun")
        entered = 1 if begun == 3 else 0
        closing = source.journal.count("closed") + source.journal.count("cut short")
        assert closing == entered
        assert budget.tokens == 10 - max(0, begun - 1)

    sweep = cancel_sweep(main, prepare=prepare, judge=judge, backend=backend)

    assert sweep.cancelled > 5


@pytest.mark.case("RTY-32", part="generators")
def test_a_generator_that_gave_up_leaves_no_cycle(clock: FakeClock) -> None:
    """Reference counts alone free what its attempts held."""
    retry = Retry(on=Down, clock=clock, budget=None)

    def exhaust() -> None:
        try:
            next(retry(Source(failures=9).items)())
        except Down:
            return
        raise AssertionError("it should have given up")

    assert left_by(exhaust) == []
