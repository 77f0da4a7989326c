"""Items to a file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._queue import _source as source


def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The new file; - is stdout.")
    ],
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    app: source.Keys = None,
) -> None:
    """Write every item to a file, as lines of JSON.

    It holds everything they say: keep it like the database itself. What is sealed
    stays sealed; with --app it is written in the clear.
    """
    from syncpatterns.cli._queue import _transfer as transfer  # noqa: PLC0415 - slow, rarely used

    transfer.export(file, db, queue, app)


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="From `export`; - is stdin.")
    ],
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    app: source.Keys = None,
    as_json: options.Json = False,
) -> None:
    """Put the items of a file into a queue.

    It can be run again: items that the queue has already stay as they are. The
    queue of the file's name is made if it is not there. Dead and parked items
    come back as such, and items that may have been sent keep the time of that.
    Items that waited for others are parked: somebody has to look. What is sealed
    fits a queue of the same name only. With --app, what lies open in the file is
    sealed.
    """
    from syncpatterns.cli._queue import _transfer as transfer  # noqa: PLC0415 - slow, rarely used

    transfer.import_(file, db, queue, app, as_json=as_json)
