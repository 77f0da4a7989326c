"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import typer

_MOST: Final = 10**9  # a database counts in 64 bits, and nobody reads so many


def _at_most(limit: int) -> int:
    return min(limit, _MOST)


Db: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="SYNCPATTERNS_DB",
        show_envvar=True,
        help="Where the records are, such as sqlite:///app.db.",
    ),
]
App: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTRIBUTE",
        envvar="SYNCPATTERNS_APP",
        show_envvar=True,
        help="An Operation, several in a list or dict, or a function that returns "
        "them. Their engine is the database.",
    ),
]
Hash: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="HASH", help="Key hash from `ls`, or its first digits; at least 6."
    ),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON document.")
]
OfOperation: TypeAlias = Annotated[
    str | None,
    typer.Option("--operation", metavar="NAME", help="Only those of this operation."),
]
Limit: TypeAlias = Annotated[
    int,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        callback=_at_most,
        help="Show at most so many.",
    ),
]
By: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="NAME", help="Who decides; your user name if left out."
    ),
]
