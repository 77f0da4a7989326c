"""The settings of a guard, checked when it is made."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from syncpatterns.errors import ConfigurationError
from syncpatterns.idempotency._context import Context
from syncpatterns.idempotency._core import OnAbandoned, Windows
from syncpatterns.idempotency._verdicts import Verdict

Probe: TypeAlias = Callable[[Context], Verdict[Any] | Awaitable[Verdict[Any]]]
Handling: TypeAlias = Literal["rerun", "quarantine"]
OnBusy: TypeAlias = Literal["wait", "reject"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What every call of one guard has in common; see `Idempotency`."""

    namespace: str
    lease: float
    windows: Windows
    on_abandoned: Handling | Probe
    on_busy: OnBusy
    wait_timeout: float
    max_waiters: int

    def __post_init__(self) -> None:
        _require(isinstance(self.namespace, str), "namespace= takes text.")
        _require(
            _seconds(self.lease) and self.lease > 0,
            "lease= takes seconds above 0: after it others take over from a dead "
            "owner.",
        )
        _require(
            isinstance(self.windows, Windows),
            "windows= takes Windows(replay=60, dedupe=86400).",
        )
        _require(
            self.on_abandoned in ("rerun", "quarantine") or callable(self.on_abandoned),
            "on_abandoned= takes 'rerun', 'quarantine' or a function that looks "
            "whether the effect happened.",
        )
        _require(
            self.on_busy in ("wait", "reject"), "on_busy= takes 'wait' or 'reject'."
        )
        _require(
            _seconds(self.wait_timeout) and self.wait_timeout >= 0,
            "wait_timeout= takes seconds, 0 or more.",
        )
        _require(
            type(self.max_waiters) is int and self.max_waiters >= 0,
            "max_waiters= takes a whole number, 0 or more.",
        )

    @property
    def probe(self) -> Probe | None:
        """The function that looks, if there is one."""
        return self.on_abandoned if callable(self.on_abandoned) else None

    @property
    def claim_as(self) -> OnAbandoned:
        """What the store is told."""
        return "probe" if callable(self.on_abandoned) else self.on_abandoned


def _seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - an assertion
    if not condition:
        raise ConfigurationError(f"Idempotency: {message}")
