"""Settling a call: by somebody who has looked, or by asking the provider again."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from syncpatterns.cli import _options as options
from syncpatterns.cli._errors import FAILED, Stop, users_code
from syncpatterns.cli._loading import AnyOperation
from syncpatterns.cli._output import (
    age,
    count,
    instant,
    is_interactive,
    say,
    say_json,
)
from syncpatterns.cli._source import Entry, opened
from syncpatterns.cli._unresolved import _receipt
from syncpatterns.errors import SyncPatternsError
from syncpatterns.idempotency import (
    Committed,
    NotCommitted,
    State,
    StoredOutcome,
    Windows,
)

OUTCOMES: Final = {True: "happened", False: "not-happened"}


def resolve(  # noqa: PLR0913 - one parameter an option, each by keyword
    prefix: options.Hash,
    *,
    db: options.Db = None,
    app: options.App = None,
    happened: Annotated[bool, typer.Option("--happened", help="It was done.")] = False,
    not_happened: Annotated[
        bool,
        typer.Option("--not-happened", help="It was not; the key may be used again."),
    ] = False,
    receipt: Annotated[
        str | None,
        typer.Option(
            "--receipt",
            metavar="JSON",
            help="What the provider's answer was, for commit=; the one that was "
            "kept if left out.",
        ),
    ] = None,
    receipt_file: Annotated[
        Path | None,
        typer.Option(
            "--receipt-file", metavar="FILE", help="The same from a file; - is stdin."
        ),
    ] = None,
    record_only: Annotated[
        bool,
        typer.Option(
            "--record-only",
            help="With --happened: only say so, and write no rows. Later calls are "
            "told that it was done, without its result.",
        ),
    ] = False,
    by: options.By = None,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="What was seen, and where."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether to go on.")
    ] = False,
) -> None:
    """Settle one call, after looking whether the provider has done it.

    Who decided and why is kept with the database; `log` shows it.
    """
    if happened == not_happened:
        raise Stop("Say what came of it: --happened or --not-happened.")
    given = _receipt.given(receipt, receipt_file)
    if given is not None and (not_happened or record_only):
        raise Stop("A receipt goes with --happened, where commit= writes the rows.")
    if record_only and not_happened:
        raise Stop("--record-only goes with --happened; --not-happened writes no rows.")
    with opened(db, app) as source:
        entry = source.find(prefix)
        if not_happened:
            settle = _denied(entry)
            means = "It was not done; the key may be used again."
        elif record_only:
            settle, means = _noted(entry), "It was done; NO rows are written."
        else:
            settle = _done(entry, given, app)
            means = "It was done; its rows are written."
        who, why = _who(by), _why(reason)
        if not yes:
            _confirm(entry, means)
        if not settle(who, why):
            raise Stop(
                f"{entry.where} is settled already, or its owner came back; `log` and "
                "`ls` tell.",
                FAILED,
            )
    say(f"Settled {entry.where}. {means}")


def recheck(
    prefix: Annotated[
        str | None,
        typer.Argument(metavar="HASH", help="Key hash from `ls`, or its first digits."),
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Ask about every unresolved call.")
    ] = False,
    db: options.Db = None,
    app: options.App = None,
    operation: options.OfOperation = None,
    by: options.By = None,
    as_json: options.Json = False,
) -> None:
    """Ask the operation's lookup= again, and settle what it can tell."""
    if (prefix is None) != every:
        raise Stop("Name one call by its HASH, or ask about --all.")
    if app is None:
        raise Stop(
            "recheck asks the lookup= of the operation: name it with --app "
            "module:attribute."
        )
    who = _who(by)
    with opened(db, app) as source:
        entries = source.entries(operation) if prefix is None else [source.find(prefix)]
        if prefix is not None:
            operation_of(entries[0], app)
        results: list[dict[str, str]] = []
        for entry in entries:
            result = _recheck(entry, app, who)
            results.append(result)
            if not as_json:
                say(f"{entry.where}: {result['detail']}")
    if as_json:
        say_json({"rechecked": results})
    elif not entries:
        say("Nothing is unresolved.")
    left = sum(result["outcome"] == "unknown" for result in results)
    if left:
        raise Stop(f"{count(left, 'call')} still unresolved.", FAILED)


def _recheck(entry: Entry, app: str, who: str) -> dict[str, str]:
    try:
        declared = operation_of(entry, app)
        with users_code("commit="):
            verdict = declared.recheck(entry.record, by=who)
    except (Stop, SyncPatternsError) as error:
        outcome, detail = "unknown", str(error)
    else:
        if isinstance(verdict, Committed):
            outcome, detail = OUTCOMES[True], "it was done; its rows are written."
        elif isinstance(verdict, NotCommitted):
            outcome, detail = OUTCOMES[False], "not done; the key may be used again."
        else:
            outcome, detail = _undecided(entry)
    return {
        "key_hash": entry.record.key[:8],
        "storage_key": entry.record.key,
        "operation": entry.record.operation,
        "outcome": outcome,
        "detail": detail,
    }


def _undecided(entry: Entry) -> tuple[str, str]:
    """Tell a provider that cannot be asked from somebody who was quicker."""
    record = entry.place.store.inspect(entry.record.key)
    if record is not None and record.state in (State.COMPLETED, State.FREE):
        happened = record.state is State.COMPLETED
        return OUTCOMES[happened], "settled by somebody else meanwhile."
    return "unknown", "still unknown: the provider could not be asked."


def operation_of(entry: Entry, app: str) -> AnyOperation:
    """Return the operation that made the record.

    Raises:
        Stop: None has its name, or several have.
    """
    named = [
        each for each in entry.place.operations if each.name == entry.record.operation
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise Stop(
            f"--app {app} has {len(named)} operations of the name "
            f"{entry.record.operation} on one engine. Name the one that is meant."
        )
    known = ", ".join(sorted({each.name for each in entry.place.operations}))
    raise Stop(
        f"{entry.where}: --app {app} has no operation of that name, only {known}."
    )


# ------------------------------------------------------------------- verdicts


def _denied(entry: Entry) -> Callable[[str, str], bool]:
    if _receipt.is_kept(entry.record):
        raise Stop(
            f"{entry.where} was done: its receipt is kept, only the rows are missing. "
            "Settle it with --happened."
        )
    named = [
        each for each in entry.place.operations if each.name == entry.record.operation
    ]
    if len(named) == 1:  # its hooks hear of it
        return lambda by, reason: named[0].resolve(
            entry.record, NotCommitted(), by=by, reason=reason
        )
    return partial(_store, entry, None)


def _noted(entry: Entry) -> Callable[[str, str], bool]:
    return partial(_store, entry, StoredOutcome("tombstone"))


def _store(entry: Entry, outcome: StoredOutcome | None, by: str, reason: str) -> bool:
    key = entry.record.key
    return entry.place.store.resolve(key, outcome, Windows(), by=by, reason=reason)


def _done(
    entry: Entry, given: bytes | None, app: str | None
) -> Callable[[str, str], bool]:
    if app is None:
        raise Stop(
            f"{entry.where}: without --app the operation's commit= cannot run, and its "
            "rows would be missing. Name it with --app module:attribute, or accept "
            "that with --record-only."
        )
    declared = operation_of(entry, app)
    value = _receipt.decoded(declared, entry, given)

    def settle(by: str, reason: str) -> bool:
        with users_code("commit="):
            return declared.resolve(
                entry.record, Committed(value), by=by, reason=reason
            )

    return settle


# --------------------------------------------------------------------- people


def _who(by: str | None) -> str:
    if by is None:
        try:
            by = getpass.getuser()
        except (ImportError, KeyError, OSError):  # no such user in a container
            by = ""
    if not by.strip():
        raise Stop("Say who decides: --by NAME.")
    return _kept("--by", by)


def _why(reason: str | None) -> str:
    if reason is None and is_interactive():
        answer: Any = typer.prompt("Reason", err=True)
        reason = str(answer)
    if reason is None or not reason.strip():
        raise Stop("Say what was seen: --reason TEXT. It is kept for good.")
    return _kept("--reason", reason)


def _kept(option: str, text: str) -> str:
    """Return *text* without blanks around it, if it can be kept.

    Raises:
        Stop: The terminal sent bytes that are no UTF-8.
    """
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise Stop(f"{option} is no text in UTF-8.")
    return text.strip()


def _confirm(entry: Entry, means: str) -> None:
    if not is_interactive():
        raise Stop("Nobody can be asked here: say --yes to go on without a question.")
    record = entry.record
    since = age(entry.place.now() - record.created)
    tries = count(record.attempts, "attempt")
    typer.echo(
        f"{entry.where}, claimed {instant(record.created)} ({since} ago), {tries}.\n"
        f"{means}",
        err=True,
    )
    if not typer.confirm("Settle it so?", err=True):
        raise Stop("Nothing was changed.", FAILED)
