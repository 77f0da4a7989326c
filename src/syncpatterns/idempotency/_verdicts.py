"""What somebody who looked says about an effect whose end nobody saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Committed(Generic[T_co]):
    """It happened, and *value* was its result; it is stored and replayed."""

    value: T_co


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """It certainly did not happen; it may run now."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """It cannot be told yet; the key stays blocked as unknown."""


Verdict: TypeAlias = Committed[T_co] | NotCommitted | Undecided
