"""What somebody who looked says about an effect whose end nobody saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from syncpatterns.errors import ConfigurationError

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


def checked_words(by: object, reason: object) -> None:
    """Refuse what cannot be kept of who decided, and why.

    Raises:
        ConfigurationError: One is no text, or holds U+0000 or half of a surrogate
            pair, which a database refuses with words of its own: after
            ``commit=`` has run.
    """
    for name, text in (("by", by), ("reason", reason)):
        if not isinstance(text, str):
            message = f"{name}= must be text, not {type(text).__name__}."
            raise ConfigurationError(message)
        if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
            message = (
                f"{name}= holds a character that cannot be stored: U+0000, or bytes "
                "that were no UTF-8."
            )
            raise ConfigurationError(message)
