"""How a command ends that did not do what it was asked: one sentence, one code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Final

import typer

import syncpatterns
from syncpatterns.errors import (
    ConfigurationError,
    DatabaseRefused,
    SyncPatternsError,
)

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_HOME: Final = Path(syncpatterns.__path__[0])


class Stop(Exception):
    """The command ends here.

    Args:
        sentence: What is wrong, and what to do next.
        code: The exit code.
    """

    def __init__(self, sentence: str, code: int = USAGE) -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def told() -> Generator[None]:
    """Turn what a command raises into a sentence on stderr and an exit code."""
    try:
        yield
    except Stop as stop:
        complain(str(stop))
        raise typer.Exit(stop.code) from None
    except (KeyboardInterrupt, typer.Abort):
        complain("stopped. What was settled before is settled.")
        raise typer.Exit(INTERRUPTED) from None
    except SyncPatternsError as error:
        complain(str(error))
        wrong = isinstance(error, (ConfigurationError, DatabaseRefused))
        raise typer.Exit(USAGE if wrong else FAILED) from None


def complain(sentence: str) -> None:
    """Write *sentence* to stderr, as typer writes its own complaints."""
    typer.echo(f"Error: {sentence}", err=True)


@contextmanager
def users_code(what: str) -> Generator[None]:
    """Run functions of the application; what they print goes to stderr.

    Their exceptions are told by class and place only: a database's message may
    quote the row, and with it somebody's phone number.

    Raises:
        Stop: They raised.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except Exception as error:
        if isinstance(error, SyncPatternsError) and not _frames_of_theirs(error):
            raise  # the library's own words name nobody
        raise Stop(
            f"{what} failed with {type(error).__name__} at {place_of(error)}. It is "
            "as unsettled as before.",
            FAILED,
        ) from error


def place_of(error: BaseException) -> str:
    """Return file and line where the application's code raised *error*."""
    frames = _frames_of_theirs(error) or traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _frames_of_theirs(error: BaseException) -> list[traceback.FrameSummary]:
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not Path(frame.filename).is_relative_to(_HOME)
        and "site-packages" not in frame.filename
        and not frame.filename.startswith("<")
    ]
