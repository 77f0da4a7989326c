"""What a conflict hook may decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Accept:
    """It counts as done, with *result*: what others made of it is right.

    Args:
        result: What the handler would have returned; None: receipts say None.
    """

    result: Any = None


@dataclass(frozen=True, slots=True)
class Discard:
    """It is not wanted any more; no payload is kept."""


@dataclass(frozen=True, slots=True)
class RetryWith:
    """Do this instead, in its place in the lane and under a new key.

    A key belongs to its payload: the service would refuse the old one.
    """

    payload: Any


@dataclass(frozen=True, slots=True)
class SetAside:
    """A person has to decide: it is PARKED (``conflict``) and keeps its place."""


@dataclass(frozen=True, slots=True)
class Reject:
    """It is DEAD (``conflict``), with its payload: what happens without a hook."""


Resolution: TypeAlias = Accept | Discard | RetryWith | SetAside | Reject
