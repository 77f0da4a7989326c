"""What people cancel, discard and requeue is counted and told as what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syncpatterns.errors import NotPermitted, Refusal
from syncpatterns.offline_queue import Action, OfflineQueue
from tests.unit.offline_queue.surface import Crm, Facts, Update, World, states

OP = "leads.update"


def test_children_that_end_with_a_cancelled_item_are_not_counted(
    queue: OfflineQueue, facts: Facts, world: World
) -> None:
    """One was taken back; the other is DEAD, and can be requeued."""
    parent = queue.enqueue(OP, Update(1, "new"))
    child = queue.enqueue(OP, Update(2, "new"), after=[parent])
    count = world(queue, "cancel", [parent])

    assert count == 1
    assert states(queue, [parent.id, child.id]) == ["cancelled", "dead"]
    assert facts.about(child.id) == ["ItemEnqueued", "ItemDead"]


def test_children_that_end_with_a_discarded_item_are_not_discarded(
    queue: OfflineQueue, crm: Crm, facts: Facts, world: World
) -> None:
    """They are DEAD and kept: whoever reads the facts looks for them on the shelf."""
    crm.script = [NotPermitted("403")]
    parent = queue.enqueue(OP, Update(1, "new"))
    child = queue.enqueue(OP, Update(2, "new"), after=[parent])
    queue.flush()
    count = world(queue.parked, "discard", [parent])

    assert count == 1
    assert facts.about(parent.id)[-1] == "ItemDiscarded"
    assert facts.about(child.id) == ["ItemEnqueued", "ItemDead"]
    assert [item.seq for item in queue.dead.list()] == [child.id]


def test_parents_are_requeued_first_however_many_they_are(
    make: Callable[..., OfflineQueue], world: World
) -> None:
    """A child that was requeued in an earlier portion ran without its parent."""
    queue, done = make(max_items=2000), list[int]()

    @queue.handler(OP)
    def number(payload: int) -> None:
        if not done:
            done.append(-1)
            raise Refusal("no")
        done.append(payload)

    parent = queue.enqueue(OP, 0)
    children = queue.enqueue_many(
        Action(OP, n, {"after": [parent]}) for n in range(1, 700)
    )
    world.flush(queue)
    queue.pause()
    everything: list[Any] = [*reversed(children), parent]
    count = world(queue.dead, "requeue", everything)

    assert count == 700
    assert queue.items(states=["ready"]) == queue.items(limit=1)
