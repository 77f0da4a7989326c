"""What a call of an operation returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

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
    """

    value: T_co
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


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
