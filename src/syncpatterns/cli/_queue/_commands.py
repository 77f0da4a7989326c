"""``syncpatterns queue``: what waits to be done, looked at and looked after."""

from __future__ import annotations

from typing import Annotated

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED, told
from syncpatterns.cli._output import (
    age,
    count,
    safe,
    say,
    say_facts,
    say_json,
    say_table,
)
from syncpatterns.cli._queue import (
    _care as care,
    _changes as changes,
    _dead as dead,
    _drain as drain,
    _files as queue_files,
    _shapes as shapes,
    _source as source,
)
from syncpatterns.offline_queue._core import Filter, Item, ItemState

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look after queued actions, and deliver them.",
    epilog="Exit code 0: done. 1: not done, not there, or something was found. 2: "
    "named wrongly.",
)

_PAGE = 500

State = Annotated[
    list[ItemState] | None,
    typer.Option("--state", help="Only those in this state; may be said again."),
]
Target = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="Only for this target.")
]
Lane = Annotated[
    str | None, typer.Option("--lane", metavar="NAME", help="Only of this lane.")
]
Reason = Annotated[
    str | None,
    typer.Option("--reason", metavar="WORD", help="Only parked or dead for this."),
]
After = Annotated[
    int,
    typer.Option("--after", metavar="NUMBER", min=0, help="Go on after this number."),
]


@group.command("ls")
@told()
def ls(  # noqa: PLR0913 - one parameter an option, each by keyword
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    state: State = None,
    operation: options.OfOperation = None,
    target: Target = None,
    lane: Lane = None,
    reason: Reason = None,
    after: After = 0,
    limit: options.Limit = 100,
    app: source.Keys = None,
    as_json: options.Json = False,
    fail_if_any: Annotated[
        bool, typer.Option("--fail-if-any", help="Exit code 1 if there is one.")
    ] = False,
) -> None:
    """List items that wait or are dead, oldest first.

    Nothing of what they say is shown: it may be personal data.
    """
    which = Filter(
        tuple(state or ()), operation or "", target or "", lane, reason or ""
    )
    with source.opened(db, queue, app) as place:
        found = listed(place, which, after, limit + 1)
        now = place.now()
        name = place.queue
    shown, more = found[:limit], len(found) > limit
    if as_json:
        items = [shapes.facts(item, now) for item in shown]
        say_json({"queue": name, "items": items, "more": more})
    elif not shown:
        say(f"Nothing{' more' if after else ''} of that kind is in {safe(name)}.")
    else:
        say_table(shapes.COLUMNS, [shapes.row(item, now) for item in shown])
        rest = f"; --after {shown[-1].seq} shows more" if more else ""
        say(f"{count(len(shown), 'item')}{rest}.")
    if fail_if_any and shown:
        raise typer.Exit(FAILED)


def listed(place: source.Place, which: Filter, after: int, limit: int) -> list[Item]:
    """Return up to *limit* items, a page at a time."""
    found: list[Item] = []
    while len(found) < limit:
        page = min(_PAGE, limit - len(found))
        batch = place.store.items(place.queue, which, after, page)
        if not batch:
            break
        found += batch
        after = batch[-1].seq
    return found


@group.command("show")
@told()
def show(
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", min=1, help="Number from `ls`.")
    ],
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    payload: Annotated[
        bool,
        typer.Option(
            "--payload",
            help="Show key, scope, headers and payload too: that is personal data.",
        ),
    ] = False,
    app: source.Keys = None,
    as_json: options.Json = False,
) -> None:
    """Show one item; what it says only with --payload.

    Of one that is sealed only the name of its key is shown, unless --app names
    who has that key.
    """
    with source.opened(db, queue, app) as place:
        item = place.item(number)
        facts = shapes.details(item, place.now())
        facts["sealed"] = place.sealed_with(number)
        if payload:
            facts |= shapes.contents(item)
    if as_json:
        say_json(facts)
        return
    say_facts(facts)


@group.command("stats")
@told()
def stats(
    *,
    db: source.Db = None,
    queue: source.Queue = None,
    as_json: options.Json = False,
    fail_if_older: Annotated[
        float | None,
        typer.Option(
            "--fail-if-older",
            metavar="SECONDS",
            min=0,
            help="Exit code 1 if an item is ready for longer: nobody delivers.",
        ),
    ] = None,
) -> None:
    """Show how much there is, at the same cost however much it is."""
    with source.opened(db, queue) as place:
        found = place.store.stats(place.queue)
        now = place.now()
        name = place.queue
    if as_json:
        say_json({"queue": name} | shapes.figures(found, now))
    else:
        columns = ("target", *(each.value for each in shapes.STATES))
        rows = [
            (target, *(str(of.get(each, 0)) for each in shapes.STATES))
            for target, of in sorted(found.targets.items())
        ]
        if rows:
            say_table(columns, rows)
        say(f"{count(found.live, 'item')} live in {safe(name)}, {found.bytes} bytes.")
        if found.oldest_ready is not None:
            say(f"The oldest that is ready: {age(now - found.oldest_ready)}.")
        if found.blocked_lanes:
            say(f"{count(found.blocked_lanes, 'lane')} held up by a dead item.")
        for pause in found.pauses:
            say(safe(shapes.pause_line(pause)))
    oldest = 0.0 if found.oldest_ready is None else now - found.oldest_ready
    if fail_if_older is not None and oldest > fail_if_older:
        raise typer.Exit(FAILED)


group.command("work")(told()(drain.work))
group.command("drain")(told()(drain.drain))
group.command("pause")(told()(changes.pause))
group.command("resume")(told()(changes.resume))
group.command("cancel")(told()(changes.cancel))
group.add_typer(dead.group, name="dead")
group.command("export")(told()(queue_files.export))
group.command("import")(told()(queue_files.import_))
group.command("doctor")(told()(care.doctor))
group.command("backup")(told()(care.backup))
group.command("salvage")(told()(care.salvage))
