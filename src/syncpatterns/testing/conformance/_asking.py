"""How a check asks a store: written once, run blocking or awaited.

A check is a generator: it yields what to ask and is sent the answer. So the same
rule is tried on a store for threads and on one for event loops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from inspect import isawaitable
from typing import Any, Final, Generic, TypeAlias, TypeVar

import anyio
import anyio.to_thread

_T = TypeVar("_T")
B = TypeVar("B")

#: Seconds after which what must come has not come.
_PATIENCE: Final = 60.0


class Ask:
    """One call of a store's method.

    Args:
        method: Its name.
        *args: What it is given.
        refused: Errors that are an answer here; they are returned, not raised.
        **more: What it is given by name.
    """

    __slots__ = ("args", "method", "more", "refused")

    def __init__(
        self,
        method: str,
        *args: Any,
        refused: type[Exception] | tuple[type[Exception], ...] = (),
        **more: Any,
    ) -> None:
        self.method = method
        self.args = args
        self.more = more
        self.refused = refused

    def of(self, store: object) -> Any:
        """Call *store*; return its answer, or what gives it when awaited."""
        return getattr(store, self.method)(*self.args, **self.more)


class Until:
    """A wait for something that another thread does.

    Args:
        happened: Set by it.
    """

    __slots__ = ("happened",)

    def __init__(self, happened: threading.Event) -> None:
        self.happened = happened


#: One call, a wait, or several calls at once: their answers are a list, in which
#: an error stands for itself.
Asked: TypeAlias = Ask | Until | Sequence[Ask]
#: Part of a check: asks, and returns something to go on with.
Steps: TypeAlias = Generator[Asked, Any, _T]
#: A check: yields what to ask, one at a time or several at once.
Questions: TypeAlias = Steps[None]


class Rule(Generic[B]):
    """One rule, and how to find out whether a store keeps it.

    Args:
        ask: What to ask, and what to expect, given a bench.
    """

    __slots__ = ("_ask",)

    def __init__(self, ask: Callable[[B], Questions]) -> None:
        self._ask = ask

    @property
    def rule(self) -> str:
        """The rule in one sentence."""
        return " ".join((self._ask.__doc__ or "").split("\n\n")[0].split())

    def __str__(self) -> str:
        return self._ask.__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}: {self.rule}>"


def put_to(store: object, questions: Questions) -> None:
    """Ask a blocking *store* all *questions*."""
    answer: Any = None
    while True:
        try:
            asked = questions.send(answer)
        except StopIteration:
            return
        answer = _answer(store, asked)


async def aput_to(store: object, questions: Questions) -> None:
    """Ask a *store* for an event loop all *questions*."""
    answer: Any = None
    while True:
        try:
            asked = questions.send(answer)
        except StopIteration:
            return
        answer = await _aanswer(store, asked)


def _answer(store: object, asked: Asked) -> Any:
    if isinstance(asked, Until):
        return asked.happened.wait(_PATIENCE)
    if isinstance(asked, Ask):
        try:
            return asked.of(store)
        except asked.refused as error:
            return error
    answers: list[Any] = [None] * len(asked)
    together = threading.Barrier(len(asked))

    def work(place: int, one: Ask) -> None:
        together.wait(_PATIENCE)
        try:
            answers[place] = one.of(store)
        except BaseException as error:  # noqa: BLE001 - the check sees it
            answers[place] = error

    threads = [
        threading.Thread(target=work, args=(place, one))
        for place, one in enumerate(asked)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


async def _aanswer(store: object, asked: Asked) -> Any:
    if isinstance(asked, Until):
        return await anyio.to_thread.run_sync(asked.happened.wait, _PATIENCE)
    if isinstance(asked, Ask):
        try:
            answer = asked.of(store)
            return await answer if isawaitable(answer) else answer
        except asked.refused as error:
            return error
    answers: list[Any] = [None] * len(asked)

    async def work(place: int, one: Ask) -> None:
        try:
            answers[place] = await one.of(store)
        except Exception as error:  # noqa: BLE001 - the check sees it
            answers[place] = error

    async with anyio.create_task_group() as tasks:
        for place, one in enumerate(asked):
            tasks.start_soon(work, place, one)
    return answers


def same(found: object, expected: object, what: str) -> None:
    """Assert that *found* is *expected*.

    Raises:
        AssertionError: It is not; names *what*.
    """
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"
