"""What an `Operation` can be declared with, for type checkers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from typing_extensions import TypedDict

from syncpatterns._transaction import Transaction
from syncpatterns.clock import Clock
from syncpatterns.codec import Codec
from syncpatterns.events import Hook
from syncpatterns.idempotency._core import Windows
from syncpatterns.retry import Retry

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._context import FencedContext
    from syncpatterns.retry import CircuitBreaker

C = TypeVar("C")

OnLost: TypeAlias = Literal["rerun", "quarantine"]


class SingleOptions(TypedDict, Generic[C], total=False):
    """The options of both modes; see `Operation`."""

    refusals: tuple[type[Exception], ...]
    key: Callable[[C], object] | None
    windows: Windows
    status: int
    codec: Codec[Any] | None
    namespace: str
    retry: Retry | None
    hooks: Iterable[Hook]


class FencedOptions(SingleOptions[C], Generic[C], total=False):
    """The options of mode fenced; see `Operation`."""

    check: Callable[[Transaction, C], object] | None
    lookup: Callable[[C, FencedContext], object] | None
    lookup_retry: Retry | None
    look_pause: float
    breaker: CircuitBreaker | None
    timeout: float | None
    lease: float
    on_abandoned: OnLost
    clock: Clock | None
