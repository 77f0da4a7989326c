"""What `call` returns, and what of a result is kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from syncpatterns.codec import JsonCodec
from syncpatterns.errors import ResultNotStorable
from syncpatterns.offline_queue._core import Item

if TYPE_CHECKING:
    from syncpatterns.offline_queue._registering._handlers import Handler
    from syncpatterns.offline_queue._taking._receipts import Receipt

_log = logging.getLogger("syncpatterns.offline_queue")

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Done(Generic[R_co]):
    """It was done.

    Args:
        value: What the handler returned; None if its answer is not kept.
        receipt: Of the item.
    """

    value: R_co
    receipt: Receipt[R_co]


@dataclass(frozen=True, slots=True)
class Queued(Generic[R_co]):
    """It is stored, and will be delivered.

    Args:
        receipt: Of the item; waits for the result.
        reason: Why it was not done at once, as one word: ``asked`` (mode
            ``queue``), ``lane`` (others wait before it, or its target is
            paused), ``offline`` (its target is known to be away), ``not-sent``,
            ``no-answer``, ``failed`` (tried again later), ``sign-in``,
            ``in-progress``, ``duplicate`` (its key waits already),
            ``coalesced``, ``conflict`` (the hook put another in its place),
            ``lease-lost`` (another worker has it)...
    """

    receipt: Receipt[R_co]
    reason: str = ""


def stored_result(handler: Handler, item: Item, value: Any) -> tuple[bytes, Any]:
    """Return *value* as it is kept, and as its caller sees it.

    The effect has happened, so a value without a JSON form ends nothing: it is
    logged, and receipts say None.
    """
    if handler.operation is not None:
        return value.body, value.value
    try:
        return handler.results.encode(value), value
    except ResultNotStorable as error:
        # Without its cause, which quotes the value: that may be personal data.
        _log.error(
            "%s [%s]: it was done, but its result cannot be kept; receipts will say "
            "None. %s",
            item.operation,
            item.key_hash,
            error,
        )
        return b"", value


def read_result(handler: Handler | None, result: bytes) -> Any:
    """Return a kept result; as plain JSON where nobody knows its type."""
    if not result:
        return None
    codec = JsonCodec() if handler is None else handler.results
    return codec.decode(result)
