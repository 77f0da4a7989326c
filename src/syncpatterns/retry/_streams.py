"""Retries for generators: until the first item, and never after it.

Items that were handed out cannot be taken back, and a generator begun again
would hand them out twice. So the beginning is retried like any call; from the
first item on the generator is the caller's, with everything that `send`,
`throw` and `close` do to it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from syncpatterns._functions import function_of
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._series import (
    SCOPED,
    UNSCOPED,
    AttemptScope,
    Policy,
    Series,
    label,
)


def stream_loop(policy: Policy, fn: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the generator function *fn* with its retries; None if it is none.

    Raises:
        ConfigurationError: A returned value shall be judged; it has items.
    """
    inner = function_of(fn)  # what a partial or an object calls in the end
    if inspect.isgeneratorfunction(inner):
        loop: Callable[..., Any] = _stream(policy, fn)
    elif inspect.isasyncgenfunction(inner):
        loop = _astream(policy, fn)
    else:
        return None
    if policy.judging:
        message = (
            f"{label(fn)} is a generator: it has items and no returned value that "
            "result= or a strategy in on= could judge."
        )
        raise ConfigurationError(message)
    return loop


def _stream(
    policy: Policy, fn: Callable[..., Generator[Any, Any, Any]]
) -> Callable[..., Generator[Any, Any, Any]]:
    def items(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        series = Series(policy, policy.started(), fn, args, kwargs, UNSCOPED)
        until = policy.until()
        while True:
            source = fn(*args, **kwargs)
            with AttemptScope(policy, series, until):
                try:
                    first = next(source)
                except StopIteration as end:
                    policy.budget.deposit()
                    return end.value
                except Exception as error:
                    delay = series.after(error)
                    if delay is None:
                        raise
                else:
                    break
            series.pause(delay)
        policy.budget.deposit()
        return (yield from _forward(source, first))

    return items


def _forward(source: Generator[Any, Any, Any], item: Any) -> Generator[Any, Any, Any]:
    """Do what ``yield from`` does, for a generator whose first item was taken."""
    try:
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                source.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the generator's to judge
                item = source.throw(error)
            else:
                if sent is None:
                    return (yield from source)
                item = source.send(sent)
    except StopIteration as end:
        return end.value


def _astream(
    policy: Policy, fn: Callable[..., AsyncGenerator[Any, Any]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    async def items(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        opened = await _aopen(policy, fn, args, kwargs)
        if opened is None:
            return
        source, item = opened
        try:
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - it is the generator's to judge
                    item = await source.athrow(error)
                else:
                    item = await source.asend(sent)
        except StopAsyncIteration:
            return
        finally:
            await source.aclose()

    return items


async def _aopen(
    policy: Policy,
    fn: Callable[..., AsyncGenerator[Any, Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[AsyncGenerator[Any, Any], Any] | None:
    """Return the generator and its first item, or None if it has no item."""
    series = Series(policy, policy.started(), fn, args, kwargs, SCOPED)
    until = policy.until()
    while True:
        source = fn(*args, **kwargs)
        with AttemptScope(policy, series, until):
            try:
                item = await anext(source)
            except StopAsyncIteration:
                policy.budget.deposit()
                return None
            except Exception as error:
                delay = series.after(error)
                if delay is None:
                    raise
            else:
                policy.budget.deposit()
                return source, item
        await series.apause(delay)
