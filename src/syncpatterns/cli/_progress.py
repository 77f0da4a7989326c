"""How far something is: a bar on a terminal, now and then a line elsewhere.

On standard error, so that what a command prints stays what was asked for.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Final, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn as Remaining,
)

#: Percent between two lines.
_STEP: Final = 10
_ALL: Final = 100


class Bar:
    """Tells how far *what* is.

    Args:
        what: As in "Delivering 3 of 10".
        quiet: Tell nothing.
    """

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self._what = what
        self._quiet = quiet
        self._next = _STEP
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            plain = bool(os.environ.get("NO_COLOR"))
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                Remaining(),
                console=Console(stderr=True, no_color=plain),
            )
            self._bar.start()
            self._bar.add_task(self._what, total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """Say that *done* of *total* is done."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total)
            return
        percent = _ALL * done // total if total else _ALL
        if percent >= self._next:
            self._next = percent // _STEP * _STEP + _STEP
            typer.echo(f"{self._what} {done} of {total} ({percent} %)", err=True)
