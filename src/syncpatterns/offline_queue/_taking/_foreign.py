"""Receipts of another queue are no numbers of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:
    from syncpatterns.offline_queue._shared import Shared


def refuse_foreign(shared: Shared, given: object) -> None:
    """Refuse the receipt of another queue; anything else is let through.

    Numbers begin at 1 in every queue. Worked failure: item 7 of ``sms`` was to be
    cancelled, and item 7 of ``leads`` was, which nobody had asked for.

    Raises:
        ConfigurationError: It is one.
    """
    other: Shared | None = getattr(given, "_shared", None)
    if other is None or other is shared:
        return
    here, there = (shared.name, shared.stores.name), (other.name, other.stores.name)
    if here != there:
        raise ConfigurationError(
            f"{shared.name}: item {getattr(given, 'id', 0)} is one of the queue "
            f"{other.name!r} on {other.stores.name}, not of {shared.name!r} on "
            f"{shared.stores.name}, where that number is another item's. Use the "
            "queue that gave the receipt."
        )
