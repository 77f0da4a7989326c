"""``syncpatterns queue dead``: what was given up, or waits for somebody to look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED, Stop, told
from syncpatterns.cli._output import count, safe, say, say_json, say_table
from syncpatterns.cli._queue import (
    _changes as changes,
    _shapes as shapes,
    _source as source,
)
from syncpatterns.offline_queue._core import Filter, ItemState

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at items that are dead or parked, and decide about them.",
)

_PAGE = 500
_WAITING_FOR_SOMEBODY = (ItemState.DEAD, ItemState.PARKED)

Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="NUMBER", min=1, help="Numbers from `dead ls`."),
]
Every = Annotated[
    bool, typer.Option("--all", help="Every one that the other options choose.")
]
Target = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="Only for this target.")
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="WORD", help="Only for this reason.")
]


@group.command("ls")
@told()
def ls(
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    operation: options.OfOperation = None,
    target: Target = None,
    reason: Reason = None,
    limit: options.Limit = 100,
    as_json: options.Json = False,
    fail_if_any: Annotated[
        bool, typer.Option("--fail-if-any", help="Exit code 1 if there is one.")
    ] = False,
) -> None:
    """List items that are dead or parked, with what was said last."""
    with source.opened(db, queue) as place:
        states = place.store.stats(place.queue).states
        total = sum(states.get(state, 0) for state in _WAITING_FOR_SOMEBODY)
        which = _which(operation, target, reason)
        found = place.store.items(place.queue, which, 0, limit)
        now = place.now()
        name = place.queue
    if as_json:
        items = [shapes.facts(item, now) | {"error": item.error} for item in found]
        say_json({"queue": name, "items": items, "total": total})
    elif not found:
        say(f"Nothing is dead or parked in {safe(name)}.")
    else:
        rows = [(*shapes.row(item, now), item.error or "-") for item in found]
        say_table((*shapes.COLUMNS, "said last"), rows)
        say(f"{len(found)} of {count(total, 'item')} that somebody has to look at.")
    if fail_if_any and found:
        raise typer.Exit(FAILED)


@group.command("requeue")
@told()
def requeue(  # noqa: PLR0913 - one parameter an option, each by keyword
    numbers: Numbers = None,
    *,
    every: Every = False,
    db: source.Db = None,
    queue: source.Queue = None,
    operation: options.OfOperation = None,
    target: Target = None,
    reason: Reason = None,
    tail: Annotated[
        bool,
        typer.Option("--tail", help="At the end of their lane, not where they were."),
    ] = False,
    yes: changes.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Let items run again, under the same key and with all their attempts.

    The key makes that safe for as long as whoever executes them remembers it.
    """
    which = _chosen(numbers, operation, target, reason, every=every)
    with source.opened(db, queue) as place:
        chosen = numbers or _numbers(place, which)
        changes.confirm(f"Requeue {count(len(chosen), 'item')}?", yes=yes)
        done: set[int] = set()
        for some in _batches(sorted(chosen)):  # parents first
            done.update(place.store.requeue(place.queue, some, tail=tail))
        changes.report(place, chosen, done, "requeued", "Requeued", as_json=as_json)


@group.command("discard")
@told()
def discard(  # noqa: PLR0913 - one parameter an option, each by keyword
    numbers: Numbers = None,
    *,
    every: Every = False,
    db: source.Db = None,
    queue: source.Queue = None,
    operation: options.OfOperation = None,
    target: Target = None,
    reason: Reason = None,
    yes: changes.Yes = False,
    as_json: options.Json = False,
) -> None:
    """End items for good; what they say is deleted."""
    which = _chosen(numbers, operation, target, reason, every=every)
    with source.opened(db, queue) as place:
        chosen = numbers or _numbers(place, which)
        changes.confirm(f"Discard {count(len(chosen), 'item')}?", yes=yes)
        done: set[int] = set()
        for some in _batches(chosen):
            done.update(each.seq for each in place.store.discard(place.queue, some))
        changes.report(place, chosen, done, "discarded", "Discarded", as_json=as_json)


def _which(operation: str | None, target: str | None, reason: str | None) -> Filter:
    return Filter(
        _WAITING_FOR_SOMEBODY, operation or "", target or "", None, reason or ""
    )


def _chosen(
    numbers: list[int] | None,
    operation: str | None,
    target: str | None,
    reason: str | None,
    *,
    every: bool,
) -> Filter:
    """Return what --all means.

    Raises:
        Stop: It is not clear which items are meant.
    """
    if bool(numbers) is every:
        raise Stop("Name items by their NUMBER, or take --all.")
    if not every and (operation, target, reason) != (None, None, None):
        raise Stop("--operation, --target and --reason go with --all.")
    return _which(operation, target, reason)


def _numbers(place: source.Place, which: Filter) -> list[int]:
    found: list[int] = []
    while batch := place.store.items(
        place.queue, which, found[-1] if found else 0, _PAGE
    ):
        found += [item.seq for item in batch]
    return found


def _batches(numbers: list[int]) -> Iterator[list[int]]:
    """Return *numbers* in portions that hold up no writer for long."""
    for start in range(0, len(numbers), _PAGE):
        yield numbers[start : start + _PAGE]
