"""A queue that nobody holds any more is collected, wherever the collector runs."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

from syncpatterns import connect
from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.offline_queue._changes import Changes


def listening(engine: Any) -> OfflineQueue:
    """Return a queue that hears of the store's commits, as one with a receipt does."""
    queue = OfflineQueue("field", engine)

    @queue.handler("say")
    def say(text: str) -> str:
        return text

    receipt = queue.enqueue(say, "x")
    queue.flush()
    assert receipt.wait(0).value == "x"
    return queue


def changes_of(queue: OfflineQueue) -> weakref.ref[Changes]:
    """Return what tells whether *queue* is gone."""
    return weakref.ref(queue._shared.changes)


def test_the_collector_may_run_inside_of_the_store() -> None:
    """Where the lock is held, on the same thread: it is not waited for."""
    engine: Any = connect("memory://")
    store = engine.queue_store()
    gone = changes_of(listening(engine))
    with store.lock:  # as in the middle of a claim
        gc.collect()

    assert gone() is None


@pytest.mark.parametrize("url", ["memory://", "sqlite:///{}/q.db"])
def test_who_is_gone_is_taken_off_at_the_next_commit(url: str, tmp_path: Any) -> None:
    """A store that outlives many queues keeps none of them, and calls none."""
    with connect(url.format(tmp_path)) as engine:
        heard = threading.Event()
        kept = [changes_of(listening(engine)) for _ in range(3)]
        gc.collect()
        queue = listening(engine)
        store: Any = engine.queue_store()
        store.on_change(heard.set)  # told after those that were there before
        queue.enqueue("say", "again")

        assert heard.wait(60)
        assert [each() for each in kept] == [None] * 3
        assert listeners(engine) == 2  # of the last queue, and of this test


def listeners(engine: Any) -> int:
    """Count those that the engine tells of its queues' commits."""
    life = getattr(engine, "_life", None)
    if life is not None:
        return len(life.queue_listeners._entries)
    return len(engine.queue_store()._listeners)
