"""How a new action may meet one that still waits, for the same thing.

Somebody who is offline presses three times: new, contacted, won. Sending all
three is right, sending the last is enough. Only what certainly never reached
anybody is merged, never across another action of the same lane, and never with an
action of another scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from syncpatterns._functions import is_async
from syncpatterns.errors import ConfigurationError

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Coalescing:
    """A rule of one handler; made by the functions of this module.

    Args:
        how: What becomes of the two.
        merged: For ``merge``: makes one payload of both.
        creates: For ``cancel_pair``: the operation that this one undoes.
    """

    how: Literal["last_write", "keep_first", "merge", "cancel_pair"]
    merged: Callable[[Any, Any], Any] | None = None
    creates: str = ""


def last_write() -> Coalescing:
    """Let the new one take the place of the waiting one, which ends SUPERSEDED."""
    return Coalescing("last_write")


def keep_first() -> Coalescing:
    """Leave the waiting one; the new one is not stored, and ends SUPERSEDED."""
    return Coalescing("keep_first")


def merge(merged: Callable[[P, P], P]) -> Coalescing:
    """Make one payload of both: ``merged(waiting, new)``.

    Args:
        merged: A plain function without side effects; it may be called again
            if the waiting one changes meanwhile.

    Raises:
        ConfigurationError: It is no function, or an async one.
    """
    given: object = merged
    if not callable(given) or is_async(given):
        raise ConfigurationError(
            f"merge() takes a plain function of (waiting, new), not {merged!r}."
        )
    return Coalescing("merge", merged=merged)


def cancel_pair(creates: str) -> Coalescing:
    """Let the new one and all that wait since *creates* cancel out.

    ``leads.delete`` with ``cancel_pair("leads.create")``: a lead that was made
    and deleted offline is never sent at all.

    Args:
        creates: Name of the operation that makes what this one deletes.

    Raises:
        ConfigurationError: It is no name.
    """
    given: object = creates
    if not isinstance(given, str) or not given:
        raise ConfigurationError(
            f"cancel_pair() takes the name of an operation, not {creates!r}."
        )
    return Coalescing("cancel_pair", creates=creates)
