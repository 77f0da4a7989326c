"""The command and its groups; each group lives in a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

import syncpatterns
from syncpatterns.cli._queue import _commands as _queue
from syncpatterns.cli._unresolved import _commands as _unresolved

# Plain text, whatever is installed beside: the same help in a terminal, in a
# file and on the page of the documentation.
app = typer.Typer(
    name="syncpatterns",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(_unresolved.group, name="unresolved")
app.add_typer(_queue.group, name="queue")


def _version(value: bool) -> None:  # noqa: FBT001 - typer calls it with the option
    if value:
        typer.echo(f"syncpatterns {syncpatterns.__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Look after critical actions that happen once."""
