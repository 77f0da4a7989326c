"""Results and exceptions as values.

Inside the library an outcome travels as data and is raised only at the rim:
a user's `StopIteration` thrown into a generator would become a RuntimeError
(PEP 479), and a value can be stored, compared and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NoReturn, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ok(Generic[T_co]):
    """The call returned *value*."""

    value: T_co

    def unwrap(self) -> T_co:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Err:
    """The call raised *error*."""

    error: BaseException

    def unwrap(self) -> NoReturn:
        """Raise the error where the caller stands."""
        raise self.error


Outcome: TypeAlias = Ok[T_co] | Err
