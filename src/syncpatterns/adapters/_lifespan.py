"""The life of an engine and of what runs beside the requests."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol, TypeAlias, cast

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry import full_jitter

Background: TypeAlias = Callable[[], Awaitable[object]]
Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]

#: Seconds that hubs, and then the engine, are given to close.
CLOSE_TIMEOUT: Final = 10.0

_STEADY: Final = 60.0  # a task that ran so long has not failed to start
_RESTART: Final = full_jitter(base=1.0, cap=30.0)

_log = logging.getLogger("syncpatterns")


class Openable(Protocol):
    """The part of an engine that a lifespan needs."""

    async def aopen(self) -> Any:
        """Open connections and run migrations."""
        ...

    async def aclose(self) -> Any:
        """Close connections; a second call does nothing."""
        ...


class Closable(Protocol):
    """The part of a hub that a lifespan needs."""

    def close(self) -> Any:
        """End every subscription; may be async; a second call does nothing."""
        ...


def lifespan(
    engine: Openable,
    *background: Background,
    hubs: Iterable[Closable] = (),
    sweep_every: float | None = 60.0,
    clock: Clock | None = None,
) -> Lifespan:
    """Return what ``FastAPI(lifespan=...)`` or Starlette takes.

    At start the engine is opened: what is wrong with the database stops the
    server here, before the first request. Then each of *background* runs as a
    task; one that fails is logged and started again after a moment. At the end
    the hubs are closed, so that event streams end in an orderly way, the tasks
    are cancelled, and the engine is closed.

    Args:
        engine: What `syncpatterns.connect` returned.
        background: Async functions without arguments, such as ``relay.run``.
        hubs: Closed before anything else.
        sweep_every: Seconds between two calls of the engine's `asweep`, which
            removes what is expired; None leaves that to others.
        clock: Where time comes from.

    Raises:
        ConfigurationError: Something of *background* cannot be called, or
            *sweep_every* is not positive and finite.
    """
    for work in cast("tuple[object, ...]", background):
        if not callable(work):
            message = (
                f"lifespan() got {work!r}, which cannot be called. Pass functions, "
                "such as relay.run, and hubs as hubs=[hub]."
            )
            raise ConfigurationError(message)
    if sweep_every is not None and not 0 < sweep_every < math.inf:
        message = f"sweep_every={sweep_every!r} must be positive and finite, or None."
        raise ConfigurationError(message)
    used = SystemClock() if clock is None else clock
    works = list(background)
    sweep: Background | None = getattr(engine, "asweep", None)
    if sweep is not None and sweep_every is not None:
        works.append(_repeated(sweep, sweep_every, used))
    closables = tuple(hubs)

    @asynccontextmanager
    async def life(_app: Any) -> AsyncGenerator[None]:
        await engine.aopen()
        try:
            async with _running(works, closables, used):
                yield
        finally:
            await _bounded(engine.aclose)

    return life


@asynccontextmanager
async def _running(
    works: Iterable[Background], hubs: Iterable[Closable], clock: Clock
) -> AsyncGenerator[None]:
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(_supervised, work, clock)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, not as a group
            failure = error
        finally:
            for hub in hubs:
                await _bounded(hub.close)
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _supervised(work: Background, clock: Clock) -> None:
    """Run *work* to its end; after a failure log it and start it again."""
    name = getattr(work, "__qualname__", repr(work))
    failures = 0
    while True:
        began = clock.monotonic()
        try:
            await work()
        except Exception:  # noqa: BLE001 - logged; the requests go on without it
            failures = 1 if clock.monotonic() - began >= _STEADY else failures + 1
            delay = _RESTART.delay(failures)
            _log.exception(
                "The background task %s failed; it starts again in %.1f s", name, delay
            )
        else:
            return
        await clock.asleep(delay)


def _repeated(work: Background, seconds: float, clock: Clock) -> Background:
    async def repeated() -> None:
        while True:
            await clock.asleep(seconds)
            await work()

    repeated.__qualname__ = getattr(work, "__qualname__", "sweep")
    return repeated


async def _bounded(close: Callable[[], Any]) -> None:
    """Close something, cancelled or not, but not for ever; log what fails."""
    import anyio  # noqa: PLC0415 - sync users never pay for the event loop

    name = getattr(close, "__qualname__", repr(close))
    with anyio.move_on_after(CLOSE_TIMEOUT, shield=True) as scope:
        try:
            result = close()
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - logged; the rest shall close too
            _log.exception("%s failed while the application was stopping", name)
    if scope.cancelled_caught:
        _log.error("%s did not end within %g s", name, CLOSE_TIMEOUT)
