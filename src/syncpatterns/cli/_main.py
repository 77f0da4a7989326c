"""Where the command begins and ends: before typer is there, and after Ctrl-C."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

_NEEDED: Final = frozenset({"rich", "typer"})
_INTERRUPTED: Final = 130  # what shells call a program that Ctrl-C ended


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done; 1: not settled, or something was found that ``--fail-if-any`` asks
    for; 2: the command, the database or the application was named wrongly;
    130: Ctrl-C, which also ends lookups that hang.

    Args:
        args: The words after the command's name; those of the process if None.
    """
    _fill_in()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name no encoding can say
            stream.reconfigure(errors="backslashreplace")
    try:
        from syncpatterns.cli._app import app  # noqa: PLC0415 - may not be installed
        from syncpatterns.cli._output import Unwritten  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _NEEDED:
            raise
        _say(
            "Error: the command line needs typer and rich. Install the extra: "
            "pip install 'syncpatterns[cli]'"
        )
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    try:
        app(args=None if args is None else list(args), prog_name="syncpatterns")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except Unwritten as lost:
        _say(f"Error: {lost}")
        code = 1
    else:
        code = 0
    if code == _INTERRUPTED and args is None:
        _leave_at_once()
    return code


def _fill_in() -> None:
    """Give a process whose streams were closed (``>&-``) some that lead nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, io.TextIOWrapper(io.FileIO(nowhere, "w", closefd=False)))


def _leave_at_once() -> None:
    """End the process without waiting for the threads it has.

    A lookup that hangs on the event loop's thread would be waited for at the
    normal end, and Ctrl-C would seem to do nothing. Whatever is cut off here
    is what a crash cuts off: committed whole, or not at all.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
