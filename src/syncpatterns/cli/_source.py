"""Where the records are: databases and operations as the command line names them."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from syncpatterns.cli._errors import FAILED, Stop
from syncpatterns.cli._loading import AnyOperation, load
from syncpatterns.cli._output import instant, safe
from syncpatterns.clock import SystemClock
from syncpatterns.engines import connect
from syncpatterns.idempotency._core import Record, Resolution, State

if TYPE_CHECKING:
    from syncpatterns.idempotency import IdempotencyStore

#: Records looked through at once, as `Operation.unresolved` does.
_MANY: Final = 100_000
_SHOWN: Final = 8
_PREFIX: Final = re.compile("[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class Place:
    """One engine, and the operations that were named for it."""

    engine: Any
    store: IdempotencyStore
    operations: tuple[AnyOperation, ...] = ()

    def now(self) -> float:
        """Return the engine's time."""
        clock = getattr(self.engine, "clock", None) or SystemClock()
        return float(clock.time())


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of which nobody knows, and where it is."""

    record: Record
    place: Place

    @property
    def state(self) -> str:
        """``unknown``, or ``abandoned``: its owner died and nobody came back."""
        unknown = self.record.state is State.UNKNOWN
        return "unknown" if unknown else "abandoned"

    @property
    def where(self) -> str:
        """Operation and hash, as errors name it."""
        return f"{safe(self.record.operation)} {self.record.key[:_SHOWN]}"


@dataclass(frozen=True, slots=True)
class Source:
    """Every place that a command looks at."""

    places: tuple[Place, ...]

    def entries(self, operation: str | None = None) -> list[Entry]:
        """Return what nobody knows, oldest first."""
        found = [
            Entry(record, place)
            for place in self.places
            for record in (*place.store.unresolved(_MANY), *place.store.lapsed(_MANY))
            if operation is None or record.operation == operation
        ]
        return sorted(found, key=lambda entry: entry.record.created)

    def find(self, prefix: str) -> Entry:
        """Return the one entry whose hash begins with *prefix*.

        Raises:
            Stop: None or several do, or it is no prefix of a hash.
        """
        wanted = prefix.lower()
        if not _PREFIX.fullmatch(wanted):
            raise Stop(
                "HASH takes 6 to 64 hex digits, the first ones of a key hash that "
                f"`ls` shows; not {safe(prefix)!r}."
            )
        found = [each for each in self.entries() if each.record.key.startswith(wanted)]
        if not found:
            raise Stop(self._missing(wanted), FAILED)
        if len(found) > 1:
            digits = digits_needed([each.record.key for each in found])
            names = ", ".join(
                f"{each.record.key[:digits]} ({safe(each.record.operation)})"
                for each in found
            )
            raise Stop(f"{wanted} stands for {len(found)} calls: {names}.")
        return found[0]

    def resolutions(self, limit: int) -> list[Resolution]:
        """Return who settled what, newest first.

        Raises:
            Stop: No engine here writes that down.
        """
        keeping = [each for each in self.places if hasattr(each.engine, "resolutions")]
        if not keeping:
            names = ", ".join(each.engine.name for each in self.places)
            raise Stop(f"The engine {names} does not write down who settled what.")
        found = [note for each in keeping for note in each.engine.resolutions(limit)]
        return sorted(found, key=lambda note: -note.at)[:limit]

    def _missing(self, prefix: str) -> str:
        places = (each for each in self.places if hasattr(each.engine, "resolutions"))
        notes = (note for each in places for note in each.engine.resolutions(_MANY))
        for note in notes:
            if note.key.startswith(prefix):
                done = "it was done" if note.happened else "it was not done"
                return (
                    f"{safe(note.operation)} {note.key[:_SHOWN]} is settled already: "
                    f"{done}, says {safe(note.by) or 'somebody'} at {instant(note.at)}."
                )
        return f"No unresolved call begins with {prefix}; `ls` shows what there is."


@contextmanager
def opened(db: str | None, app: str | None) -> Generator[Source]:
    """Open what the options name; close what was opened for them.

    Raises:
        Stop: Nothing is named, or nothing is there.
    """
    with ExitStack() as stack:
        if app is not None:
            yield Source(_named(load(app), db, app))
            return
        if db is None:
            raise Stop(
                "Name the database with --db sqlite:///app.db (or SYNCPATTERNS_DB), or "
                "the operations with --app module:attribute (or SYNCPATTERNS_APP)."
            )
        engine = connect(db)
        if engine.name == "memory":
            raise Stop(
                "memory:// is empty in every new process. Name the application that "
                "fills it with --app module:attribute."
            )
        refuse_absent(engine, "--db")
        stack.enter_context(engine)
        yield Source((Place(engine, engine.idempotency_store()),))


def refuse_absent(engine: Any, said: str) -> None:
    """Refuse a file that opening would change: looking must not make a database.

    Nor must it upgrade one, under an application that may still be running: that
    one would refuse the file at its next start.

    Raises:
        Stop: The file is not there, this library has written nothing in it, or
            an older release has.
        DatabaseRefused: It cannot be used.
    """
    from syncpatterns.engines.sqlite import SqliteEngine  # noqa: PLC0415 - on demand
    from syncpatterns.engines.sqlite._connection import (  # noqa: PLC0415 - on demand
        inspect_file,
    )
    from syncpatterns.engines.sqlite._migrations import (  # noqa: PLC0415 - on demand
        scripts,
    )

    if not isinstance(engine, SqliteEngine):
        return
    path = Path(os.path.realpath(engine.path))
    schema = inspect_file(path, engine.busy_timeout)
    if schema == scripts()[-1][0]:
        return
    if schema:
        raise Stop(
            f"sqlite: {path} is of an older release, and was not changed. Start the "
            "application with this one: that upgrades it."
        )
    what = "holds no records of this library" if path.exists() else "does not exist"
    raise Stop(
        f"sqlite: {path} {what}, and nothing was made of it. Correct {said}, or start "
        "the application once."
    )


def _named(
    operations: tuple[AnyOperation, ...], db: str | None, app: str
) -> tuple[Place, ...]:
    """Return one place for each engine of *operations*; only that of *db*, if given."""
    engines = {id(engine_of(each)): engine_of(each) for each in operations}
    if db is not None:
        wanted = _identity(connect(db))
        engines = {
            key: engine
            for key, engine in engines.items()
            if _identity(engine) == wanted
        }
    if not engines:
        raise Stop(
            f"No operation of --app {app} keeps its records in --db. Leave --db (and "
            "SYNCPATTERNS_DB) out, or name the application that uses this database."
        )
    for engine in engines.values():
        refuse_absent(engine, "the application's database URL")
    return tuple(
        Place(
            engine,
            engine.idempotency_store(),
            tuple(each for each in operations if engine_of(each) is engine),
        )
        for engine in engines.values()
    )


def _identity(engine: Any) -> str:
    path = getattr(engine, "path", None)
    return str(getattr(engine, "url", "") if path is None else os.path.realpath(path))


def engine_of(operation: AnyOperation) -> Any:
    """Return the engine that keeps the records of *operation*."""
    return operation.engine


def digits_needed(keys: list[str]) -> int:
    """Return how many digits tell *keys* apart; 8 if those do."""
    digits = _SHOWN
    while len({key[:digits] for key in keys}) < len(set(keys)):
        digits += 1
    return digits
