"""Who hears of a queue for a while only."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns import ConfigurationError, OfflineQueue, _forks, connect
from syncpatterns.offline_queue import DrainFinished, ItemEnqueued


def a_queue(**options: Any) -> OfflineQueue:
    """Return a queue with one handler."""
    queue = OfflineQueue("field", connect("memory://"), **options)

    @queue.handler("leads.move")
    def move(lead: str) -> str:
        return lead

    return queue


def test_a_listener_hears_beside_the_hooks_until_it_leaves() -> None:
    """Who listens hears what hooks hear, from then on and not for ever."""
    hooked: list[Any] = []
    heard: list[Any] = []
    queue = a_queue(hooks=[hooked.append])
    queue.enqueue("leads.move", "lead-1")

    leave = queue.listen(heard.append)
    queue.flush()
    leave()
    leave()
    queue.enqueue("leads.move", "lead-2")

    assert [ItemEnqueued, ItemEnqueued] == [
        type(fact) for fact in hooked if isinstance(fact, ItemEnqueued)
    ]
    assert [fact for fact in heard if isinstance(fact, ItemEnqueued)] == []
    assert DrainFinished in map(type, heard)


def test_one_hook_that_listens_twice_hears_twice() -> None:
    """Each call of `listen` is a listener of its own, and leaves by itself."""
    heard: list[Any] = []
    queue = a_queue()
    leave = queue.listen(heard.append)
    queue.listen(heard.append)
    queue.enqueue("leads.move", "lead-1")
    twice = len(heard)
    leave()
    queue.enqueue("leads.move", "lead-2")

    assert (twice, len(heard)) == (2, 3)


def test_a_listener_that_cannot_be_called_is_refused() -> None:
    """What cannot be called is said at once, not at the first fact."""
    with pytest.raises(ConfigurationError, match="hooks="):
        a_queue().listen(7)  # type: ignore[arg-type]  # what is refused


def test_a_forked_child_listens_although_the_parent_was_about_to() -> None:
    """A lock that another thread of the parent held is nobody's in the child."""
    heard: list[Any] = []
    queue = a_queue()
    queue._shared._lock.acquire()

    _forks._renew()
    queue.listen(heard.append)
    queue.enqueue("leads.move", "lead-1")

    assert [ItemEnqueued] == list(map(type, heard))
