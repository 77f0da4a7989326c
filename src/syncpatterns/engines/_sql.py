"""Read named statements from a commented ``.sql`` file."""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: *(\w+) *$")


def load(package: str, file: str) -> dict[str, str]:
    """Return the statements of *file* in *package* by their names.

    A block begins with ``-- name: x``; comment lines are dropped, so that the
    text sent to the database is the statement alone.

    Raises:
        ValueError: A name is used twice, or a block holds no statement.
    """
    blocks: dict[str, list[str]] = {}
    lines: list[str] | None = None
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    for line in text.splitlines():
        match = _NAME.match(line)
        if match:
            if match[1] in blocks:
                raise ValueError(f"{file}: the name {match[1]!r} is used twice")
            lines = blocks[match[1]] = []
        elif lines is not None and not line.startswith("--") and line.strip():
            lines.append(line.strip())
    empty = [name for name, found in blocks.items() if not found]
    if empty:
        raise ValueError(f"{file}: no statement under {', '.join(empty)}")
    return {name: " ".join(found) for name, found in blocks.items()}
