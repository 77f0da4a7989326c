"""A part of a transaction that may fail without the rest."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from examples.critical_buttons.domain.lead_refusals import row_not_written
from syncpatterns.errors import Refusal
from syncpatterns.operation import Transaction


def unless_refused(tx: Transaction, write: Callable[[], object]) -> Refusal | None:
    """Call *write* in a savepoint; return why if it is refused.

    Only what is wrong with the row itself is taken so: a refusal, a constraint, a
    trigger. A full disk or a lost database is raised on and undoes everything;
    the savepoint is then left to the engine, whose rollback may have taken it
    already.

    Args:
        tx: The open transaction.
        write: Writes the row.
    """
    savepoint = tx.sqlalchemy().begin_nested()
    try:
        write()
    except Refusal as refusal:
        savepoint.rollback()
        return refusal
    except IntegrityError as error:
        savepoint.rollback()
        # The name of the error, for its text would quote the row.
        kind = getattr(error.orig, "sqlite_errorname", type(error).__name__)
        return row_not_written(str(kind))
    savepoint.commit()
    return None
