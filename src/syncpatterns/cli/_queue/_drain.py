"""Delivering what is in a queue, with the application's own handlers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED
from syncpatterns.cli._output import count, safe, say, say_json
from syncpatterns.cli._progress import Bar
from syncpatterns.cli._queue import _source as source
from syncpatterns.events import Fact, Swept

if TYPE_CHECKING:
    from syncpatterns.offline_queue import DrainReport

Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency", metavar="N", min=1, help="Most items under way at once."
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        metavar="SECONDS",
        min=0,
        help="How long handlers get to end when it is stopped.",
    ),
]


def work(
    *,
    app: source.App = None,
    concurrency: Concurrency = 8,
    grace: Grace = 5.0,
) -> None:
    """Deliver what is there and what comes, until SIGTERM or Ctrl-C.

    Then nothing new begins, and what runs gets --grace.
    """
    queue = source.application(app, "work")
    say(f"Working on {safe(queue.name)}; SIGTERM or Ctrl-C ends it.")
    with redirect_stdout(sys.stderr):
        report = queue.drain(concurrency=concurrency, grace=grace)
    _say_report(report)


def drain(
    *,
    app: source.App = None,
    concurrency: Concurrency = 8,
    grace: Grace = 5.0,
    as_json: options.Json = False,
) -> None:
    """Deliver what can be delivered now, and end.

    Exit code 1 if something is left: it is not due yet, its target is away, or
    somebody has to look at it.
    """
    queue = source.application(app, "drain")
    with (
        Bar("Delivered", quiet=as_json) as bar,
        _heard(queue, bar.update),
        redirect_stdout(sys.stderr),
    ):
        report: DrainReport = queue.drain(
            once=True, concurrency=concurrency, grace=grace
        )
    if as_json:
        say_json(report._asdict())
    else:
        _say_report(report)
    if report.left or report.dead:
        raise typer.Exit(FAILED)


@contextmanager
def _heard(queue: Any, update: Callable[[int, int], None]) -> Generator[None]:
    """Let *update* hear how far the drain is, beside the application's hooks."""
    from syncpatterns.offline_queue import (  # noqa: PLC0415 - slow, rarely used
        DrainProgress,
    )

    def hear(fact: Fact | Swept) -> None:
        if isinstance(fact, DrainProgress):
            update(fact.done, fact.total)

    leave = queue.listen(hear)
    try:
        yield
    finally:
        leave()


def _say_report(report: DrainReport) -> None:
    say(f"{count(report.sent, 'item')} delivered.")
    for figure, words in (
        (report.failed, "answered with a failure, to be tried again"),
        (report.released, "given back, no attempt used"),
        (report.parked, "parked: somebody has to look, see `dead ls`"),
        (report.dead, "dead, see `dead ls`"),
        (report.left, "left"),
    ):
        if figure:
            say(f"{figure} {words}.")
    for target in report.offline:
        say(f"Target {safe(target)} is away.")
