"""What a call of an operation returns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from syncpatterns.errors import ConfigurationError

# RFC 9110: a name is a token, a value visible characters and obs-text, with blanks
# between them and not at its ends: a server that checks would send no answer at all.
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_SEEN: Final = r"[\x21-\x7e\x80-\xff]"
_VALUE: Final = re.compile(rf"(?:{_SEEN}(?:[\t\x20-\x7e\x80-\xff]*{_SEEN})?)?")

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Result(Generic[T_co]):
    """A result with an HTTP status and headers of its own.

    An effect returns this instead of a bare value when 200 is not the right
    status; both are stored and replayed with the value.

    Args:
        value: The result.
        status: HTTP status, 200 to 399.
        headers: Header names and values, in order; e.g. ETag or Location.

    Raises:
        ConfigurationError: A status that no success has, or a header that
            cannot be sent: stored, it would break every replay too.
    """

    value: T_co
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        checked_status("Result", self.status)
        # A copy of its own: a dict that its maker changes after it was checked
        # would carry a line break into the store, and into every replay.
        headers = MappingProxyType(dict(self.headers))
        object.__setattr__(self, "headers", headers)
        for name, value in headers.items():
            if not (_is_text(name, _NAME) and _is_text(value, _VALUE)):
                raise ConfigurationError(
                    f"Result: the header {name!r} cannot be sent. A name is letters, "
                    "digits and hyphens, a value is text without line breaks, and "
                    "without blanks at its ends."
                )


def checked_status(name: str, status: object) -> int:
    """Return *status* if a success can have it.

    Raises:
        ConfigurationError: It is not 200 to 399.
    """
    if type(status) is not int or not 200 <= status <= 399:  # noqa: PLR2004 - HTTP's own figures
        raise ConfigurationError(f"{name}: status= must be 200 to 399.")
    return status


def _is_text(text: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """The one answer of a key: the first call's, or a replay of it.

    Args:
        value: What the effect returned.
        replayed: True if nothing ran now.
        status: HTTP status.
        headers: Stored headers, in order.
        body: The value's bytes as stored; equal in every replay.
        expires_in: Seconds for which this answer will still be replayed.
    """

    value: T_co
    replayed: bool
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    expires_in: float
