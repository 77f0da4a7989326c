"""What functions that are decorated with `@idempotent` take and return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from syncpatterns.idempotency._decorator import Decorator


@dataclass
class Order:
    """An order that its handler may change."""

    id: Any
    lines: list[str] = field(default_factory=list)


@dataclass
class Reservation:
    """A typed result."""

    order_id: str
    day: date


Decorate: TypeAlias = Callable[..., Decorator]

#: What the decorated functions note; empty when a test begins.
calls: list[Any] = []
