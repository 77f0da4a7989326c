"""What a payload takes from the result of an item that runs before it.

Somebody who is offline makes a lead and writes a note on it: the note needs a
number that does not exist yet. So the place in the payload stays empty, and
`Reference` says which parent's result fills it. References are kept beside
the payload, never in it: a marker in the payload could be a user's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

#: Where something stands in a JSON value: names and indexes, from the outside in.
Place: TypeAlias = tuple[str | int, ...]

_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d{1,9})\]")
_LONGEST: Final = 500


class Reference(NamedTuple):
    """One empty place in a payload.

    Args:
        place: Where in the payload.
        seq: Number of the parent whose result fills it.
        path: What of the result, such as ``$.id``.
    """

    place: Place
    seq: int
    path: str


class Unfilled(LookupError):
    """A result has nothing at the path that a reference names."""


def parse_path(path: str) -> Place:
    """Return the steps of ``$.lines[0].id``.

    Raises:
        ValueError: It is no such path.
    """
    if not path.startswith("$") or len(path) > _LONGEST:
        raise ValueError(path)
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(path)
        steps.append(match[1] if match[2] is None else int(match[2]))
        at = match.end()
    return tuple(steps)


def pick(result: Any, path: str) -> Any:
    """Return what stands in *result* at *path*.

    Raises:
        Unfilled: There is nothing.
    """
    value = result
    for step in parse_path(path):
        try:
            if isinstance(step, int) != isinstance(value, list):
                raise KeyError(step)
            value = value[step]
        except (LookupError, TypeError) as error:
            raise Unfilled(path) from error
    return value


def fill(
    payload: Any, references: Iterable[Reference], results: Mapping[int, Any]
) -> Any:
    """Return *payload* with every reference filled from *results*.

    Args:
        payload: A JSON value, changed in place.
        references: What is empty.
        results: JSON values by number of the parent.

    Raises:
        Unfilled: A result is missing, or has nothing at the path.
    """
    for reference in references:
        if reference.seq not in results:
            raise Unfilled(reference.path)
        value = pick(results[reference.seq], reference.path)
        if not reference.place:
            payload = value
            continue
        home = payload
        for step in reference.place[:-1]:
            home = home[step]
        home[reference.place[-1]] = value
    return payload


def dump(references: Sequence[Reference]) -> list[list[Any]]:
    """Return *references* as JSON values."""
    return [[list(each.place), each.seq, each.path] for each in references]


def load(stored: object) -> tuple[Reference, ...]:
    """Return what `dump` was given.

    Raises:
        ValueError: It is something else.
    """
    try:
        rows = cast("list[tuple[list[str | int], int, str]]", stored)
        return tuple(Reference(tuple(place), seq, path) for place, seq, path in rows)
    except TypeError as error:
        raise ValueError("no references") from error
