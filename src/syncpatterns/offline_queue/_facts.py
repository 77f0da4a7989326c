"""What every fact of a queue says."""

from __future__ import annotations

from dataclasses import dataclass

from syncpatterns.events import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFact(Fact):
    """Something happened in a queue.

    Args:
        operation: Name of the item's operation; empty where it is about no item.
        key_hash: First 8 hex digits of the key's hash; empty as above.
        engine: Name of the engine.
        queue: Name of the queue.
        seq: Number of the item; 0 as above.
    """

    operation: str = ""
    key_hash: str = ""
    engine: str = ""
    queue: str = ""
    seq: int = 0
