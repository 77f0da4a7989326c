"""`@idempotent`: a function that runs once per key."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
)

from syncpatterns._functions import is_async
from syncpatterns.clock import Clock
from syncpatterns.codec import Codec
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook
from syncpatterns.idempotency._core import Windows
from syncpatterns.idempotency._function import GuardedFunction, Wanted
from syncpatterns.idempotency._guard import Idempotency, arun_call, run_call
from syncpatterns.idempotency._policy import OnBusy, Probe
from syncpatterns.idempotency._ports import (
    AsyncIdempotencyStore,
    IdempotencyEngine,
    IdempotencyStore,
)

if TYPE_CHECKING:
    from syncpatterns.sealing import Sealer

P = ParamSpec("P")
T = TypeVar("T")


class GuardOptions(TypedDict, total=False):
    """The options of `Idempotency` that `idempotent` hands on."""

    namespace: str
    lease: float
    on_abandoned: Literal["rerun", "quarantine"] | Probe
    on_busy: OnBusy
    wait_timeout: float
    max_waiters: int
    sealer: Sealer | None
    require_sealed: bool
    clock: Clock | None
    hooks: tuple[Hook, ...]


class Decorator(Protocol):
    """Gives back a function with the very signature it was given."""

    def __call__(self, function: Callable[P, T], /) -> Callable[P, T]:
        """Return *function*, guarded."""
        ...


def idempotent(
    engine: Idempotency | IdempotencyEngine | IdempotencyStore | AsyncIdempotencyStore,
    *,
    key: Callable[..., object] | str,
    scope: str | Callable[..., str],
    operation: str | None = None,
    windows: Windows | None = None,
    store_exceptions: tuple[type[Exception], ...] = (),
    codec: Codec[Any] | None = None,
    fingerprint: Callable[..., object] | None = None,
    **options: Unpack[GuardOptions],
) -> Decorator:
    """Make a function run once per key; every other call gets its answer.

    ::

        @idempotent(engine, key=lambda order: order.id, scope=SINGLE_TENANT)
        def reserve(order: Order) -> Reservation: ...

    Works on ``def``, ``async def``, methods, class and static methods, and
    keeps the signature. Inside, `current_context` tells about the execution.
    What it promises, and what the options mean, is said at `Idempotency`.

    Args:
        engine: From `connect`, or a store, or a guard made before.
        key: Function of the same arguments, or a path into them such as
            ``"order.id"``. None is refused: it would meet all other calls.
        scope: Whose key it is, or a function of the same arguments.
        operation: Stable name; the function's module and name if None, so
            moving the function makes its keys new.
        windows: Of the keys. By default a key is forgotten when its replay
            window ends: nobody chose it, so the same arguments later are new.
            For keys that clients send, pass ``Windows()``.
        store_exceptions: Classes that are answers; see `Idempotency.execute`.
        codec: Of the result; chosen by the return annotation if None.
        fingerprint: Function of the same arguments that says what is asked
            for; all arguments but self or cls if None.
        **options: As for `Idempotency`.

    Raises:
        ConfigurationError: Something here can never work.
        TypeError: It is no function, a generator function or a class.
    """
    if not isinstance(engine, Idempotency):
        guard = Idempotency(engine, **options)
    elif options:
        raise ConfigurationError(
            f"{', '.join(sorted(options))}: the guard that was passed has options of "
            "its own. Set them there, or pass the engine instead of the guard."
        )
    else:
        guard = engine
    wanted = Wanted(
        key, scope, operation, windows, store_exceptions, codec, fingerprint
    )

    def decorate(function: Callable[P, T], /) -> Callable[P, T]:
        return cast("Callable[P, T]", _decorated(guard, wanted, function))

    return decorate


def _decorated(guard: Idempotency, wanted: Wanted, function: Any) -> Any:
    descriptor = function
    if isinstance(function, classmethod):
        bare = descriptor.__func__
        return classmethod(_wrapped(guard, wanted, bare, drop_first=True))
    if isinstance(function, staticmethod):
        return staticmethod(
            _wrapped(guard, wanted, function.__func__, drop_first=False)
        )
    return _wrapped(guard, wanted, function, drop_first=_is_method(function))


def _is_method(function: Any) -> bool:
    """Tell whether *function* stands in a class and takes its object or class."""
    outer, _, _ = getattr(function, "__qualname__", "").rpartition(".")
    if not outer or outer.endswith("<locals>"):
        return False
    first = next(iter(inspect.signature(function).parameters), None)
    return first in ("self", "cls")


def _wrapped(
    guard: Idempotency, wanted: Wanted, function: Any, *, drop_first: bool
) -> Callable[..., Any]:
    guarded = GuardedFunction(guard, wanted, function, drop_first=drop_first)
    if is_async(function):
        guard.require_awaiting()

        @functools.wraps(function)
        async def awaiting(*args: Any, **kwargs: Any) -> Any:
            port = guard.aport()
            return await arun_call(guarded.prepare(guard, port, args, kwargs))

        return awaiting
    port = guard.port()

    @functools.wraps(function)
    def blocking(*args: Any, **kwargs: Any) -> Any:
        return run_call(guarded.prepare(guard, port, args, kwargs))

    return blocking
