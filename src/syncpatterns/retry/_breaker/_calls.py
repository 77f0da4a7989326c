"""The calls of a breaker: let in, run, judged. No lock is held while they run.

On a closed circuit that nobody watches, a call that succeeds takes no lock,
reads no clock and allocates nothing: it reads one attribute and counts itself
with one C call. Everything else happens after a failure, or off that path.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
)
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, ParamSpec, TypeVar, cast, overload

from syncpatterns._functions import is_async
from syncpatterns.errors import ConfigurationError
from syncpatterns.retry._breaker._error import CircuitOpen, rejection
from syncpatterns.retry._breaker._verdicts import BreakerVerdicts

P = ParamSpec("P")
T = TypeVar("T")

_LAZY: frozenset[type] = frozenset((AsyncGeneratorType, CoroutineType, GeneratorType))
_UNSET: Any = object()


class BreakerCalls(BreakerVerdicts):
    """How calls pass a breaker; `CircuitBreaker` adds construction and control."""

    __slots__ = ()

    # ---------------------------------------------------------- what users call

    def call(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:  # type: ignore[override]  # typed by the function
        """Call *func* if the circuit lets it, and return what it returns.

        If *func* returns a coroutine or a generator, that is what is guarded:
        it is admitted when it starts and judged when it ends.

        Raises:
            CircuitOpen: The circuit did not let it in; nothing was done.
            Exception: What *func* raised, unchanged.
        """
        tick = self._tick
        if tick is not None:
            try:
                result = func(*args, **kwargs)
            except Exception as error:
                self._failed(tick, error)
                raise
            if type(result) in _LAZY:
                return cast("T", self._later(result))
            next(tick)
            return result
        left = self._open_until - self._monotonic()
        if left > 0.0:
            raise rejection(CircuitOpen, self._name, left)
        return cast("T", self._observed(func, args, kwargs))

    async def acall(
        self, func: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call the async *func* if the circuit lets it, and return its result.

        A cancelled call is no verdict.

        Raises:
            CircuitOpen: The circuit did not let it in; nothing was done.
            ConfigurationError: *func* did not return an awaitable.
            Exception: What *func* raised, unchanged.
        """
        tick = self._tick
        if tick is not None:
            waiting = _UNSET
            try:
                waiting = func(*args, **kwargs)
                result = await waiting
            except Exception as error:
                _require_awaitable(func, waiting, error)
                self._failed(tick, error)
                raise
            next(tick)
            return result
        return cast("T", await self._aobserved(func, args, kwargs))

    def call_async(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Return an awaitable that calls *func* under this breaker.

        pybreaker's name for its Tornado support. Tornado is not needed: its
        coroutines can yield any awaitable.
        """
        return self.acall(func, *args, **kwargs)

    @overload  # type: ignore[override]  # typed by the function
    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]: ...
    @overload
    def __call__(
        self, /, **call_kwargs: bool
    ) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
    def __call__(self, fn: Any = None, /, **call_kwargs: bool) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # typed by the function
        """Decorate *fn*: a function, method, generator, or an async one of these.

        A generator is admitted when it is started and judged when it ends. One
        that is closed early has answered, or it would not have given an item.

        Args:
            fn: What to guard.
            **call_kwargs: ``__pybreaker_call_async=True`` makes the wrapper
                return what `call_async` does; pybreaker's own option.

        Raises:
            ConfigurationError: *fn* cannot be guarded, or the option is unknown.
        """
        as_async = call_kwargs.pop("__pybreaker_call_async", False)
        if call_kwargs:
            message = f"A breaker as a decorator knows no option {sorted(call_kwargs)}."
            raise ConfigurationError(message)
        if fn is None:
            return functools.partial(self._decorate, as_async=as_async)
        return self._decorate(fn, as_async=as_async)

    def calling(self) -> Calling:  # type: ignore[override]  # not contextlib's class
        """Guard the body of a ``with`` statement.

        Raises:
            CircuitOpen: On entry, if the circuit does not let it in.
        """
        return Calling(self._body, self)

    @contextmanager
    def _body(self) -> Generator[None, None, None]:
        ticket, started = self._enter(None, (), {})
        try:
            yield
        except Exception as error:
            self._failed(ticket, error, started)
            raise
        except BaseException:
            self._cancelled(ticket)
            raise
        self._succeeded(ticket, started)

    @asynccontextmanager
    async def acalling(self) -> AsyncGenerator[None, None]:
        """Guard the body of an ``async with`` statement.

        Raises:
            CircuitOpen: On entry, if the circuit does not let it in.
        """
        with self.calling():
            yield

    # -------------------------------------------------------------- decoration

    def _decorate(self, fn: Any, *, as_async: bool = False) -> Any:
        _refuse(fn)
        if as_async:
            return functools.wraps(fn)(self._guard_call_async(fn))
        if inspect.isasyncgenfunction(fn):
            return functools.wraps(fn)(self._guard_async_generator(fn))
        if inspect.isgeneratorfunction(fn):
            return functools.wraps(fn)(self._guard_generator(fn))
        if is_async(fn):
            return functools.wraps(fn)(self._guard_async(fn))
        return functools.wraps(fn)(self._guard_plain(fn))

    def _guard_plain(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        # The type of the last answer that was none of _LAZY: most functions have
        # one, and to look it up in a set is a sixth of a guarded call.
        usual: Any = None

        def guarded(*args: Any, **kwargs: Any) -> Any:
            nonlocal usual
            tick = self._tick
            if tick is not None:
                try:
                    result = fn(*args, **kwargs) if kwargs else fn(*args)
                except Exception as error:
                    self._failed(tick, error)
                    raise
                if type(result) is not usual:
                    if type(result) in _LAZY:
                        return self._later(result)
                    usual = cast("type[object]", type(result))
                next(tick)
                return result
            left = self._open_until - self._monotonic()
            if left > 0.0:
                raise rejection(CircuitOpen, self._name, left)
            return self._observed(fn, args, kwargs)

        return guarded

    def _guard_async(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            tick = self._tick
            if tick is not None:
                try:
                    result = await (fn(*args, **kwargs) if kwargs else fn(*args))
                except Exception as error:
                    self._failed(tick, error)
                    raise
                next(tick)
                return result
            left = self._open_until - self._monotonic()
            if left > 0.0:
                raise rejection(CircuitOpen, self._name, left)
            return await self._aobserved(fn, args, kwargs)

        return guarded

    def _guard_call_async(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            return self.call_async(fn, *args, **kwargs)

        return guarded

    def _guard_generator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from self._relay(lambda: fn(*args, **kwargs)))

        return guarded

    def _guard_async_generator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        # An async generator function itself: whoever wraps it again, such as
        # `Retry`, or asks what it is, such as a web framework, has to see that.
        async def guarded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            ticket, _ = self._enter(fn, args, kwargs)
            try:
                inner = fn(*args, **kwargs)
                item = await inner.asend(None)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await inner.aclose()
                        raise
                    except BaseException as thrown:  # noqa: BLE001 - handed on to the generator it is meant for
                        item = await inner.athrow(thrown)
                    else:
                        item = await inner.asend(sent)
            except StopAsyncIteration:
                self._succeeded(ticket, None)
            except Exception as error:
                self._failed(ticket, error)
                raise
            except GeneratorExit:  # as in _relay
                self._succeeded(ticket, None)
                raise
            except BaseException:
                self._cancelled(ticket)
                raise

        return guarded

    # -------------------------------------------------- off the shortest path

    def _observed(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        ticket, started = self._enter(fn, args, kwargs)
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            self._failed(ticket, error, started)
            raise
        except BaseException:
            self._cancelled(ticket)
            raise
        if type(result) in _LAZY:
            self._cancelled(ticket)
            return self._later(result)
        self._succeeded(ticket, started)
        return result

    async def _aobserved(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        ticket, started = self._enter(fn, args, kwargs)
        waiting = _UNSET
        try:
            waiting = fn(*args, **kwargs)
            result = await waiting
        except Exception as error:
            try:
                _require_awaitable(fn, waiting, error)
            except ConfigurationError:
                self._cancelled(ticket)
                raise
            self._failed(ticket, error, started)
            raise
        except BaseException:
            self._cancelled(ticket)
            raise
        self._succeeded(ticket, started)
        return result

    def _later(self, lazy: Any) -> Any:
        """Guard what a plain call returned, but what has not run yet."""
        if isinstance(lazy, CoroutineType):
            return self._await(cast("Coroutine[Any, Any, Any]", lazy))
        if isinstance(lazy, GeneratorType):
            begun = cast("Generator[Any, Any, Any]", lazy)
            return self._relay(lambda: begun)
        return self._guard_async_generator(lambda: lazy)()

    async def _await(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        try:
            ticket, started = self._enter(None, (), {})
        except BaseException:
            waiting.close()
            raise
        try:
            result = await waiting
        except Exception as error:
            self._failed(ticket, error, started)
            raise
        except BaseException:
            self._cancelled(ticket)
            raise
        self._succeeded(ticket, started)
        return result

    def _relay(
        self, make: Callable[[], Generator[Any, Any, Any]]
    ) -> Generator[Any, Any, Any]:
        ticket, _ = self._enter(make, (), {})
        try:
            result = yield from make()
        except Exception as error:
            self._failed(ticket, error)
            raise
        except GeneratorExit:  # it waits here only with an item given: an answer
            self._succeeded(ticket, None)
            raise
        except BaseException:
            self._cancelled(ticket)
            raise
        self._succeeded(ticket, None)
        return result


class Calling:
    """A guarded ``with`` block; as a decorator it does what the breaker does.

    Not `contextlib`'s decorator, which would guard the making of a coroutine or a
    generator, count that as an answer, and never see a failure.
    """

    __slots__ = ("_body", "_decorate", "_make")

    def __init__(
        self,
        make: Callable[[], AbstractContextManager[None]],
        decorate: Callable[[Any], Any],
    ) -> None:
        self._make = make
        self._decorate = decorate
        self._body: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        if self._body is not None:
            message = (
                "This block is entered already, here or in another thread or task. "
                "Write `with breaker.calling():` in each place."
            )
            raise ConfigurationError(message)
        body = self._make()
        body.__enter__()
        self._body = body

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.__exit__(kind, error, traceback)

    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]:
        """Decorate *fn* as ``@breaker`` does."""
        return cast("Callable[P, T]", self._decorate(fn))


def _refuse(fn: object) -> None:
    kind = type(fn).__name__
    hint = ""
    if kind in {"classmethod", "staticmethod"}:
        hint = f" Write @{kind} above the breaker, not below it."
    if hint or inspect.isclass(fn) or not callable(fn):
        message = f"A breaker guards functions and methods, not {fn!r}.{hint}"
        raise ConfigurationError(message)


def _require_awaitable(fn: object, given: object, error: Exception) -> None:
    """Tell our caller's mistake from a failure of the service."""
    if isinstance(error, TypeError) and given is not _UNSET:
        if hasattr(given, "__await__"):
            return
        name = getattr(fn, "__qualname__", type(fn).__name__)
        message = f"{name} returned nothing that can be awaited; use call."
        raise ConfigurationError(message) from None
