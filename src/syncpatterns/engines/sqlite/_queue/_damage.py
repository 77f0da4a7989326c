"""What becomes of a row that somebody else has changed: one sentence, no value.

SQLite takes any value in any column, whatever the column's type says. Python
stumbles over it far from there, with the value in its message, and that may be
somebody's phone number: `TypeError` from a receipt, `KeyError` from statistics.
"""

from __future__ import annotations

import functools
import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from syncpatterns.errors import DatabaseCorrupt, SyncPatternsError

if TYPE_CHECKING:
    from syncpatterns.engines.sqlite._queue._desk import Desk

P = ParamSpec("P")
T = TypeVar("T")

_HERE: Final = Path(__file__).parent
#: What comes of a value of another kind, or of a row that is not there.
_STUMBLES: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
#: Result codes that speak of the rows; the others speak of the file.
_OF_ROWS: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
)


def at_the_desk(
    work: Callable[Concatenate[Desk, P], T],
) -> Callable[Concatenate[Desk, P], T]:
    """Have *work* on a queue raise `DatabaseCorrupt` where it stumbles over a row.

    Its transaction is undone, so nothing is changed by work that met such a row.
    """

    @functools.wraps(work)
    def told(desk: Desk, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(desk, *args, **kwargs)
        except (SyncPatternsError, UnicodeEncodeError):
            raise  # ours, some are ValueErrors too; or text that no database takes
        except _STUMBLES as error:
            raise _damaged(desk, error) from None
        except sqlite3.Error as error:
            if not _is_of_rows(error):
                raise
            raise _damaged(desk, error) from None

    return told


def _is_of_rows(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own: a text that is no UTF-8
        return type(error) is sqlite3.OperationalError
    return code & 0xFF in _OF_ROWS


def _damaged(desk: Desk, error: Exception) -> DatabaseCorrupt:
    # Class and place, by which a mistake of ours is found too; never the value.
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent == _HERE
    ]
    at = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return DatabaseCorrupt(
        f"sqlite: queue {desk.name!r} holds a row that this library does not write "
        f"({type(error).__name__} at {at}); somebody else has changed it. Nothing was "
        "done. `syncpatterns queue doctor` names what it finds; correct the row, or "
        "restore a backup."
    )
