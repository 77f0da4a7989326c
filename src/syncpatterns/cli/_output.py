"""Tables for people, JSON for programs; never a control character of others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Columns for a table that goes into a file or a pipe: nothing is cut off.
_WIDE: Final = 400

_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


class Unwritten(Exception):
    """What was found could not be written: mostly a full disk behind ``>``."""


@contextmanager
def _written() -> Generator[None]:
    """Tell a stream that takes nothing from a mistake of ours.

    Raises:
        Unwritten: It takes nothing.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # somebody has read enough, which typer knows
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Unwritten(f"the output could not be written: {why}.") from error


def say(line: str) -> None:
    """Print one line."""
    with _written():
        typer.echo(line)


def say_json(document: Any) -> None:
    """Print *document* as one JSON document."""
    say(json.dumps(document, indent=2))


def say_facts(facts: Mapping[str, Any]) -> None:
    """Print one thing's *facts*, a line each: names in words, one below the other."""
    width = max(map(len, facts))
    for name, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value)
        say(f"{name.replace('_', ' '):{width}}  {safe(text)}".rstrip())


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; in colour only on a terminal, and not with NO_COLOR."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, header_style="bold", overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(cell)) for cell in row))
    with _written():
        console = _console()
        with console.capture() as drawn:
            console.print(table)
    for line in drawn.get().splitlines():
        say(line.rstrip())


def _console() -> Console:
    plain = not sys.stdout.isatty()
    wide = _WIDE if plain and "COLUMNS" not in os.environ else None
    # The stream of this moment: tests and callers may have replaced it.
    return Console(
        file=sys.stdout,
        color_system=None if plain or os.environ.get("NO_COLOR") else "auto",
        width=wide,
        highlight=False,
    )


def safe(text: str) -> str:
    r"""Return *text* with what a terminal would obey shown as ``\x1b``."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def is_interactive() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def instant(seconds: float) -> str:
    """Return an instant of the store's clock for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def iso(seconds: float) -> str:
    """Return an instant of the store's clock as ISO 8601, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(seconds: float) -> str:
    """Return a length of time, in the largest unit that is not 0."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def count(number: int, noun: str) -> str:
    """Return *number* with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
