"""Stopping deliveries and letting them go on; taking items back."""

from __future__ import annotations

import math
from typing import Annotated, Final

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED, Stop, complain
from syncpatterns.cli._output import count, is_interactive, safe, say, say_json
from syncpatterns.cli._queue import _source as source
from syncpatterns.cli._queue._shapes import pause_line

Target = Annotated[
    str,
    typer.Option(
        "--target", metavar="NAME", help="Which target; the whole queue if left out."
    ),
]
#: As many as the library takes.
_LONGEST: Final = 500

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to go on.")]


def pause(
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    target: Target = "",
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for",
            metavar="SECONDS",
            min=1,
            help="For how long; until `resume` if left out.",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="WORD", help="Why, as one word.")
    ] = "by-hand",
) -> None:
    """Stop deliveries.

    What is under way ends, and new items are taken all the same.
    """
    if not reason.isprintable() or not 1 <= len(reason) <= _LONGEST:
        raise Stop(f"--reason takes one word of at most {_LONGEST} characters.")
    with source.opened(db, queue) as place:
        until = math.inf if seconds is None else seconds
        place.store.pause(place.queue, target, until, reason)
        pauses = place.store.stats(place.queue).pauses
    for each in pauses:
        if each.target == target:
            say(safe(pause_line(each)))


def resume(
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    target: Annotated[
        str,
        typer.Option(
            "--target", metavar="NAME", help="Which target; every pause if left out."
        ),
    ] = "",
) -> None:
    """Let deliveries go on.

    Items that were parked because nobody was signed in are ready again.
    """
    with source.opened(db, queue) as place:
        ended = place.store.resume(place.queue, target)
    if not ended:
        say("Nothing was paused.")
    for each in ended:
        what = f"target {safe(each.target)}" if each.target else "the whole queue"
        say(f"Resumed: {what} (was paused: {safe(each.reason) or 'no reason given'}).")


def cancel(
    numbers: source.Numbers,
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Cancel items that nobody is delivering, for good."""
    with source.opened(db, queue) as place:
        confirm(f"Cancel {count(len(set(numbers)), 'item')}?", yes=yes)
        ended = place.store.cancel(place.queue, numbers)
        gone = {each.seq for each in ended}
        report(place, numbers, gone, "cancelled", "Cancelled", as_json=as_json)


def report(
    place: source.Place,
    numbers: list[int],
    changed: set[int],
    name: str,
    word: str,
    *,
    as_json: bool,
) -> None:
    """Say what was changed, and why the rest was not.

    Raises:
        typer.Exit: With exit code 1, if there is a rest.
    """
    rest = [number for number in dict.fromkeys(numbers) if number not in changed]
    if as_json:
        say_json({name: sorted(changed), "left": rest})
    else:
        also = len(changed - set(numbers))
        say(f"{word} {count(len(changed & set(numbers)), 'item')}.")
        if also:
            say(f"{count(also, 'item')} ended with them.")
    for number in rest:
        item = place.store.get(place.queue, number)
        if item is None:
            complain(place.missing(number))
        else:
            complain(f"Item {number} is {item.state.value}, and stays as it is.")
    if rest:
        raise typer.Exit(FAILED)


def confirm(question: str, *, yes: bool) -> None:
    """Ask whether to go on.

    Raises:
        Stop: Nobody can be asked, or the answer is no.
    """
    if yes:
        return
    if not is_interactive():
        raise Stop("Nobody can be asked here whether to go on; say --yes.")
    if not typer.confirm(question, err=True):
        raise Stop("Nothing was changed.", FAILED)
