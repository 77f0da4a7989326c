"""Facts and who hears them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns import events
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Executed, Fact, Hooks, Swept, alone

FACTS = [
    cls
    for _, cls in inspect.getmembers(events, inspect.isclass)
    if issubclass(cls, Fact)
]


async def _later(fact: object) -> None:
    raise AssertionError(fact)


def test_hooks_are_told_in_order() -> None:
    """Each of them, with the same object."""
    heard: list[tuple[int, object]] = []
    hooks = Hooks([lambda f: heard.append((1, f)), lambda f: heard.append((2, f))])
    fact = Executed("op", "12345678", "memory", attempts=2)
    hooks.emit(fact)

    assert heard == [(1, fact), (2, fact)]


def test_a_failing_hook_is_logged_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What it raises changes nothing, and the others are told."""
    heard: list[object] = []

    def fails(_: object) -> None:
        raise ValueError("mine")

    with caplog.at_level(logging.ERROR, "syncpatterns"):
        Hooks([fails, heard.append]).emit(Swept("memory", records=1))

    assert heard == [Swept("memory", records=1)]
    assert "A hook failed on Swept" in caplog.text


def test_what_is_logged_of_a_hook_says_nothing_of_the_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It runs while the call's own error is handled, which may name somebody."""

    def fail(_: object) -> None:
        message = "broken hook"
        raise RuntimeError(message)

    def again(_: object) -> None:
        raise  # noqa: PLE0704 - the error that is being handled

    with caplog.at_level(logging.ERROR):
        try:
            int("number +12025550147")
        except ValueError:
            Hooks([fail, again]).emit(Swept("memory"))

    assert "12025550147" not in caplog.text
    assert "broken hook" in caplog.text
    assert len(caplog.records) == 2


def _error(
    text: str = "broken hook",
    cause: BaseException | None = None,
    context: BaseException | None = None,
) -> Exception:
    error = RuntimeError(text)
    error.__cause__ = cause
    error.__context__ = context
    return error


def _links(error: BaseException) -> tuple[object, object]:
    return error.__cause__, error.__context__


CHAINS: dict[str, Callable[[Exception], Exception]] = {
    "context of a cause": lambda call: _error(cause=_error("cause", context=call)),
    "cause of a context": lambda call: _error(context=_error("context", cause=call)),
    "cause of a cause": lambda call: _error(cause=_error("cause", cause=call)),
    "in a group": lambda call: ExceptionGroup("broken hook", [_error("own"), call]),
    "deep in groups": lambda call: ExceptionGroup(
        "broken hook", [_error("own"), ExceptionGroup("inner", [call])]
    ),
    "cause of a member": lambda call: ExceptionGroup(
        "broken hook", [_error("own", cause=call)]
    ),
    "in a group that is a cause": lambda call: _error(
        cause=ExceptionGroup("both", [call, _error("own")])
    ),
    "its own cause": lambda call: _error(cause=call.__cause__),
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_the_calls_error_is_cut_off_wherever_it_hangs(
    chain: Callable[[Exception], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """In causes, contexts and groups, and what has led to it as well."""
    call = _error("number +12025550147", cause=_error("at +12025550147"))

    def fail(_: object) -> None:
        raise chain(call)

    with caplog.at_level(logging.ERROR):
        try:
            raise call
        except RuntimeError:
            Hooks([fail]).emit(Swept("memory"))

    assert "12025550147" not in caplog.text
    assert "broken hook" in caplog.text
    assert "12025550147" in "".join(traceback.format_exception(call))


def test_a_chain_that_bites_its_tail_is_walked_once() -> None:
    """Whatever somebody has linked: of a hook's errors, or of the call's."""
    call, first, second = _error("call"), _error("first"), _error("second")
    call.__cause__ = _error("before", cause=call)
    first.__context__, second.__context__ = second, first
    first.__cause__, second.__cause__ = call, second

    shown = alone(first, call)

    assert shown is first
    assert _links(first) == (None, second)
    assert _links(second) == (second, first)


def test_a_group_of_the_calls_errors_alone_is_not_shown() -> None:
    """Nothing is left of it; a group without any of them stays the same object."""
    call, other = _error("call"), ExceptionGroup("other", [_error("own")])

    assert alone(ExceptionGroup("all", [call]), call) is None
    assert alone(other, call) is other


@pytest.mark.parametrize("hook", [_later, functools.partial(_later)])
def test_an_async_hook_is_refused(hook: Any) -> None:
    """Nobody would await it, so it would never run."""
    with pytest.raises(ConfigurationError, match="async"):
        Hooks([hook])


def test_a_hook_that_ends_the_program_does() -> None:
    """Only ordinary errors are kept away."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Hooks([interrupt]).emit(Swept("memory"))


def test_no_hooks_are_false() -> None:
    """So that no fact is made for nobody."""
    assert not Hooks()
    assert Hooks([print])


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
def test_facts_are_frozen_and_name_operation_hash_and_engine(cls: type[Fact]) -> None:
    """The three labels come first, the rest has defaults."""
    fact = cls("op", "12345678", "memory")

    assert (fact.operation, fact.key_hash, fact.engine) == ("op", "12345678", "memory")
    with pytest.raises(dataclasses.FrozenInstanceError):
        fact.operation = "other"  # type: ignore[misc]  # the mistake


def test_every_fact_is_public() -> None:
    """`__all__` names them all, sorted."""
    names = {cls.__name__ for cls in FACTS} | {"Hook", "Hooks", "Swept"}

    assert sorted(names) == events.__all__
