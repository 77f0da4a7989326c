"""The other retry packages, each set up as its documentation says.

All of them make at most five attempts after a `ConnectionError`, with jitter
over 1, 2, 4 seconds, and none of them sleeps: where a package takes a sleep
function it is given one that returns at once, else the one it calls is replaced
while `still` lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import tenacity

from benchmarks._peers import package

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

ON = ConnectionError


@dataclass(frozen=True, slots=True)
class Peer:
    """One package.

    Args:
        name: As it is installed.
        sync: Decorates a plain function.
        aio: Decorates an async function.
    """

    name: str
    sync: Decorator
    aio: Decorator


def no_sleep(seconds: float) -> None:
    """Sleep for no time."""


async def no_asleep(seconds: float) -> None:
    """Sleep for no time."""


def peers() -> list[Peer]:
    """Return all of them.

    Raises:
        RuntimeError: One is not installed.
    """
    makers = (_tenacity, _stamina, _backoff, _nopanic, _redress, _interlock)
    return [make() for make in makers]


@contextmanager
def still() -> Generator[None]:
    """Replace the sleeps of the packages that take no function for it."""
    sync = SimpleNamespace(sleep=no_sleep)
    aio = SimpleNamespace(**vars(asyncio) | {"sleep": no_asleep})
    replaced: tuple[tuple[str, str, object], ...] = (
        ("tenacity.nap", "time", sync),  # stamina's, for plain functions
        ("stamina._core", "_smart_sleep", no_asleep),
        ("backoff._sync", "time", sync),
        ("backoff._async", "asyncio", aio),
        ("nopanic._core", "sleep", no_sleep),
        ("nopanic._core", "asleep", no_asleep),
    )
    with ExitStack() as stack:
        for module, name, value in replaced:
            stack.enter_context(patch.object(package(module), name, value))
        yield


def strategies() -> dict[str, Any]:
    """Return tenacity's own objects for the schedule that all have here."""
    return {
        "stop": tenacity.stop_after_attempt(5),
        "wait": tenacity.wait_random_exponential(multiplier=1, max=4),
    }


def _tenacity() -> Peer:
    options: dict[str, Any] = {
        **strategies(),
        "retry": tenacity.retry_if_exception_type(ON),
        "reraise": True,
    }
    sync: Any = tenacity.retry(sleep=no_sleep, **options)
    aio: Any = tenacity.retry(sleep=no_asleep, **options)
    return Peer("tenacity", sync, aio)


def _stamina() -> Peer:
    stamina = package("stamina")
    # It logs each retry by default; nobody else here does.
    package("stamina.instrumentation").set_on_retry_hooks([])
    made = stamina.retry(
        on=ON, attempts=5, timeout=None, wait_initial=1.0, wait_max=4.0, wait_jitter=1.0
    )
    return Peer("stamina", made, made)


def _backoff() -> Peer:
    backoff = package("backoff")
    made = backoff.on_exception(
        backoff.expo,
        ON,
        max_tries=5,
        max_value=4,
        jitter=backoff.full_jitter,
        logger=None,
    )
    return Peer("backoff", made, made)


def _nopanic() -> Peer:
    nopanic = package("nopanic")
    made = nopanic.retry(
        attempts=5, on=ON, backoff=nopanic.backoff.full_jitter(1.0, cap=4.0)
    )
    return Peer("nopanic", made, made)


def _redress() -> Peer:
    redress = package("redress")

    def maker(sleeper: Callable[[float], Awaitable[None] | None]) -> Decorator:
        made: Decorator = redress.retry(
            max_attempts=5,
            classifier=redress.strict_classifier,
            max_unknown_attempts=None,
            strategy=redress.decorrelated_jitter(base_s=1.0, max_s=4.0),
            sleeper=sleeper,
        )
        return made

    return Peer("redress", maker(no_sleep), maker(no_asleep))


def _interlock() -> Peer:
    pipeline: Any = (
        package("interlock")
        .Pipeline.builder()
        .retry(
            attempts=5,
            retry=tenacity.retry_if_exception_type(ON),
            wait=strategies()["wait"],
            sleep=no_sleep,
            async_sleep=no_asleep,
        )
        .build()
    )
    return Peer("interlock-cb", pipeline, pipeline)
