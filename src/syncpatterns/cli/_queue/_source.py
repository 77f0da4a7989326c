"""Which queue a command is about: a database and a name, or the application's own."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

import syncpatterns
from syncpatterns.cli._errors import FAILED, Stop
from syncpatterns.cli._loading import made
from syncpatterns.cli._output import safe
from syncpatterns.cli._queue import _shapes as shapes
from syncpatterns.cli._source import refuse_absent
from syncpatterns.clock import SystemClock
from syncpatterns.engines import connect
from syncpatterns.errors import DatabaseCorrupt, SyncPatternsError
from syncpatterns.offline_queue._core import Item

if TYPE_CHECKING:
    from syncpatterns.offline_queue._ports import QueueStore

Db: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="SYNCPATTERNS_DB",
        show_envvar=True,
        help="Where the queue is, such as sqlite:///app.db.",
    ),
]
Queue: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--queue",
        metavar="NAME",
        envvar="SYNCPATTERNS_QUEUE",
        show_envvar=True,
        help="Which one; may be left out where there is only one.",
    ),
]
App: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTRIBUTE",
        envvar="SYNCPATTERNS_QUEUE_APP",
        show_envvar=True,
        help="The application's OfflineQueue, or a function that returns it.",
    ),
]
Keys: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:ATTRIBUTE",
        help="The application's OfflineQueue: its keys open what is sealed.",
    ),
]
Numbers: TypeAlias = Annotated[
    list[int], typer.Argument(metavar="NUMBER", min=1, help="Numbers from `ls`.")
]

_HOME: Final = Path(syncpatterns.__path__[0])
#: What comes of a value of another kind, too large, or not to be decoded.
_STUMBLES: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    sqlite3.Error,
)
_WANTED: Final = "an OfflineQueue, or a function without arguments that returns one"


@dataclass(frozen=True, slots=True)
class Place:
    """One queue, and the store that it is in.

    Args:
        engine: Of the store.
        store: Opens what is sealed, if the application was named.
        queue: Name of the queue.
        kept: The store itself.
    """

    engine: Any
    store: QueueStore
    queue: str
    kept: QueueStore

    def sealed_with(self, number: int) -> str | None:
        """Return the name of the key that an item is sealed with; None: of none."""
        item = self.kept.get(self.queue, number)
        return None if item is None else shapes.sealed_with(item.payload)

    def now(self) -> float:
        """Return the engine's time."""
        clock = getattr(self.engine, "clock", None) or SystemClock()
        return float(clock.time())

    def item(self, number: int) -> Item:
        """Return an item that is live or DEAD.

        Raises:
            Stop: There is none; says how it ended, if that is known.
        """
        item = self.store.get(self.queue, number)
        if item is None:
            raise Stop(self.missing(number), FAILED)
        return item

    def missing(self, number: int) -> str:
        """Return the sentence about an item that is not there."""
        ended = self.store.ended(self.queue, number)
        if ended is None:
            return f"There is no item {number} in {safe(self.queue)}; `ls` shows them."
        why = f" ({safe(ended.reason)})" if ended.reason else ""
        return f"Item {number} has ended: {ended.state.value}{why}."


@contextmanager
def opened(
    db: str | None, queue: str | None, app: str | None = None
) -> Generator[Place]:
    """Open the queue that the options name; close it at the end.

    Args:
        db: Its database.
        queue: Its name.
        app: The application's queue, whose keys open what is sealed.

    Raises:
        Stop: Nothing is named, or nothing is there.
    """
    with engine_of(db) as engine:
        kept = engine.queue_store()
        yield place_of(engine, _chosen(kept.queues(), queue), app)


def place_of(engine: Any, queue: str, app: str | None) -> Place:
    """Return *queue* in *engine*, opened with the keys of the application.

    Raises:
        Stop: The application's queue has another name: its seal fits no other.
    """
    kept = engine.queue_store()
    if app is None:
        return Place(engine, kept, queue, kept)
    found = application(app, "--app")
    if found.name != queue:
        raise Stop(
            f"--app {app} is the queue {safe(found.name)!r}, whose keys open nothing "
            f"of {safe(queue)!r}."
        )
    store: Any = found._shared.stores.store()  # noqa: SLF001 - of the same library
    return Place(engine, store.over(kept), queue, kept)


@contextmanager
def engine_of(db: str | None) -> Generator[Any]:
    """Open the database that the option names; close it at the end.

    Raises:
        Stop: None is named, or it is not there.
        DatabaseCorrupt: A row holds what the library never wrote.
    """
    if db is None:
        raise Stop("Name the database with --db sqlite:///app.db (or SYNCPATTERNS_DB).")
    engine = connect(db)
    if engine.name == "memory":
        raise Stop("memory:// is empty in every new process; name a database file.")
    refuse_absent(engine, "--db")
    with engine, _in_our_words(engine.name):
        yield engine


@contextmanager
def _in_our_words(engine: str) -> Generator[None]:
    """Tell of a row that was changed by hand by a sentence that quotes no value.

    A column takes any value in SQLite. Python stumbles over it with the value in
    its message, and that may be somebody's phone number, on a terminal that is
    shared or logged. Class and place are enough to find a mistake of ours by.

    Raises:
        DatabaseCorrupt: Something stumbled.
    """
    try:
        yield
    except SyncPatternsError:
        raise  # some are ValueErrors too, and in our words already
    except _STUMBLES as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [each for each in frames if Path(each.filename).is_relative_to(_HOME)]
        last = ours[-1]
        raise DatabaseCorrupt(
            f"{engine}: a row holds a value that this library does not write "
            f"({type(error).__name__} at {Path(last.filename).name}:{last.lineno}); "
            "somebody else has changed it, and the command ended there. Run "
            "`syncpatterns queue doctor`, and correct the row or restore a backup."
        ) from None


def _chosen(names: list[str], queue: str | None) -> str:
    shown = ", ".join(safe(name) for name in names)
    if queue is not None:
        if queue not in names:
            there = f"it holds {shown}" if names else "it holds no queue"
            raise Stop(
                f"There is no queue {safe(queue)!r} in this database; {there}.", FAILED
            )
        return queue
    if not names:
        raise Stop(
            "This database holds no queue yet. The application makes it when it first "
            "uses it.",
            FAILED,
        )
    if len(names) > 1:
        raise Stop(f"This database holds several queues: {shown}. Name one by --queue.")
    return names[0]


def application(app: str | None, what: str) -> Any:
    """Return the application's queue object.

    Raises:
        Stop: None is named, or it is something else.
    """
    from syncpatterns.offline_queue import (  # noqa: PLC0415 - slow, rarely used
        OfflineQueue,
    )

    if app is None:
        raise Stop(
            f"{what} calls the handlers of the application: name its OfflineQueue with "
            "--app module:attribute (or SYNCPATTERNS_QUEUE_APP)."
        )
    found = made(app, lambda value: isinstance(value, OfflineQueue), _WANTED)
    if not isinstance(found, OfflineQueue):
        raise Stop(f"--app {app} is of type {type(found).__name__}, not {_WANTED}.")
    return found
