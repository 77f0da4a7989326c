"""``syncpatterns unresolved``: what nobody knows, shown and settled."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED, told
from syncpatterns.cli._output import (
    age,
    count,
    instant,
    iso,
    say,
    say_facts,
    say_json,
    say_table,
)
from syncpatterns.cli._source import Entry, digits_needed, opened
from syncpatterns.cli._unresolved import _settle
from syncpatterns.idempotency._core import STEP, Notes, Record
from syncpatterns.operation._fenced._call import COMMAND, RECEIPT

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at calls of which nobody knows, and settle them.",
    epilog="Exit code 0: done. 1: not settled, or not there. 2: named wrongly.",
)

_STATES: Final = {"unknown": "unknown", "abandoned": "owner died"}


@group.command("ls")
@told()
def ls(
    *,
    db: options.Db = None,
    app: options.App = None,
    operation: options.OfOperation = None,
    limit: options.Limit = 100,
    as_json: options.Json = False,
    fail_if_any: Annotated[
        bool, typer.Option("--fail-if-any", help="Exit code 1 if there is one.")
    ] = False,
) -> None:
    """List the calls of which nobody knows, oldest first.

    Nothing of their commands is shown: it may be personal data.
    """
    with opened(db, app) as source:
        found = source.entries(operation)
        shown = found[:limit]
        now = max((place.now() for place in source.places), default=0.0)
    if as_json:
        listed = [_facts(entry, now) for entry in shown]
        say_json({"unresolved": listed, "total": len(found)})
    else:
        _print_list(shown, now)
        _print_total(len(shown), len(found))
    if fail_if_any and found:
        raise typer.Exit(FAILED)


@group.command("show")
@told()
def show(
    prefix: options.Hash,
    *,
    db: options.Db = None,
    app: options.App = None,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal",
            help="Show command, receipt and steps too: that is personal data.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show one call; what it was to do only with --reveal."""
    with opened(db, app) as source:
        entry = source.find(prefix)
        facts = _details(entry, entry.place.now())
    if reveal:
        facts |= _contents(entry.record)
    if as_json:
        say_json(facts)
        return
    say_facts(facts)


group.command("resolve")(told()(_settle.resolve))
group.command("recheck")(told()(_settle.recheck))


@group.command("log")
@told()
def log(
    *,
    db: options.Db = None,
    app: options.App = None,
    limit: options.Limit = 100,
    as_json: options.Json = False,
) -> None:
    """List who settled what and why, newest first."""
    with opened(db, app) as source:
        notes = source.resolutions(limit)
    if as_json:
        listed = [
            {
                "at": iso(note.at),
                "key_hash": note.key[:8],
                "storage_key": note.key,
                "operation": note.operation,
                "outcome": _settle.OUTCOMES[note.happened],
                "by": note.by,
                "reason": note.reason,
            }
            for note in notes
        ]
        say_json({"resolutions": listed})
    elif notes:
        columns = ("at", "hash", "operation", "outcome", "by", "reason")
        say_table(
            columns,
            [
                (
                    instant(note.at),
                    note.key[:8],
                    note.operation,
                    _settle.OUTCOMES[note.happened],
                    note.by,
                    note.reason,
                )
                for note in notes
            ],
        )
    else:
        say("Nothing has been settled.")


# --------------------------------------------------------------------- shapes


def _facts(entry: Entry, now: float) -> dict[str, Any]:
    record = entry.record
    return {
        "key_hash": record.key[:8],
        "storage_key": record.key,
        "operation": record.operation,
        "state": entry.state,
        "since": iso(record.created),
        "age_seconds": round(max(0.0, now - record.created), 3),
        "attempts": record.attempts,
        "has_receipt": RECEIPT in dict(record.notes),
    }


def _details(entry: Entry, now: float) -> dict[str, Any]:
    record = entry.record
    return _facts(entry, now) | {
        "engine": entry.place.engine.name,
        "steps_done": len(_steps(record.notes)),
        "forgotten_after": iso(record.dedupe_until),
    }


def _contents(record: Record) -> dict[str, Any]:
    kept = dict(record.notes)
    return {
        "command": _value(kept.get(COMMAND)),
        "receipt": _value(kept.get(RECEIPT)),
        "steps": {name: _value(body) for name, body in _steps(record.notes)},
    }


def _steps(notes: Notes) -> list[tuple[str, bytes]]:
    steps = [(name, body) for name, body in notes if name.startswith(STEP)]
    return [(name.removeprefix(STEP), body) for name, body in steps]


def _value(body: bytes | None) -> Any:
    """Return what was kept; where a codec of the user's own wrote it, its text."""
    if body is None:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="backslashreplace")


def _print_list(entries: list[Entry], now: float) -> None:
    if not entries:
        return
    digits = digits_needed([entry.record.key for entry in entries])
    columns = ("hash", "operation", "state", "since", "age", "attempts", "receipt")
    rows = [
        (
            entry.record.key[:digits],
            entry.record.operation,
            _STATES[entry.state],
            instant(entry.record.created),
            age(now - entry.record.created),
            str(entry.record.attempts),
            "kept" if RECEIPT in dict(entry.record.notes) else "-",
        )
        for entry in entries
    ]
    say_table(columns, rows)


def _print_total(shown: int, total: int) -> None:
    if not total:
        say("Nothing is unresolved.")
    elif shown < total:
        say(f"{shown} of {count(total, 'unresolved call')}; --limit shows more.")
    else:
        say(f"{count(total, 'unresolved call')}.")
