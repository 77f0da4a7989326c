"""What every store says of an item that it does not store; none of it was stored."""

from __future__ import annotations

import math
from typing import Final

from syncpatterns.errors import ConfigurationError, KeyReused, QueueFull
from syncpatterns.offline_queue._core._values import (
    NewItem,
    Outdated,
    QueueRules,
    key_hash,
)

_SECONDS: Final = ("delay", "expires_in", "keep_result")


def named(new: NewItem) -> str:
    """Return how errors call an item: never by its key."""
    return f"{new.operation!r} [{key_hash(new.scope, new.operation, new.key)}]"


def check_seconds(engine: str, new: NewItem) -> None:
    """Refuse lengths of time that are no number; all others mean something.

    Raises:
        ConfigurationError: There is one.
    """
    if not math.isnan(new.delay + new.expires_in + new.keep_result):
        return
    for name in _SECONDS:
        value = getattr(new, name)
        if math.isnan(value):
            raise ConfigurationError(
                f"{engine}: {named(new)}: {name}= takes seconds, not {value!r}. "
                "Nothing was stored."
            )


def key_reused(engine: str, queue: str, new: NewItem, seq: int) -> KeyReused:
    """Return the error for a key that belongs to item *seq*, of another payload."""
    return KeyReused(
        f"{engine}: {named(new)} was enqueued before with another payload, as item "
        f"{seq} of queue {queue!r}. Nothing was stored. Another payload needs another "
        "key."
    )


def parent_unknown(
    engine: str, queue: str, new: NewItem, parent: int
) -> ConfigurationError:
    """Return the error for an item that is to wait for one that nobody knows."""
    return ConfigurationError(
        f"{engine}: {named(new)} is to wait for item {parent}, which queue {queue!r} "
        "does not know, or no longer. Nothing was stored. Enqueue the parent first, "
        "and keep its outcome longer."
    )


def merged_meanwhile(engine: str, queue: str, new: NewItem, seq: int) -> Outdated:
    """Return the error for an item that was merged with one that has moved on."""
    return Outdated(
        f"{engine}: {named(new)} was merged with item {seq} of queue {queue!r}, which "
        "is no longer the one that waits. Nothing was stored. Merge it again."
    )


def queue_full(
    engine: str, queue: str, new: NewItem, rules: QueueRules, live: int, size: int
) -> QueueFull:
    """Return the error for a queue that has *live* items of *size* bytes."""
    return QueueFull(
        f"{engine}: queue {queue!r} has {live} of {rules.max_items} items and {size} "
        f"of {rules.max_bytes} bytes, so {named(new)} with {len(new.payload)} bytes "
        "was not stored, nor what came with it. Let the queue be drained, or raise "
        "its limits."
    )
