"""Receipts of one queue are no numbers of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError, ItemFailed, Refusal
from syncpatterns.offline_queue import OfflineQueue, Receipt, Ref
from tests.unit.offline_queue.surface import Lead, Update, World, states

OP = "leads.update"


@pytest.fixture
def foreign(engine: Any) -> Receipt[Any]:
    """The receipt of item 1 of another queue on the same engine."""
    other = OfflineQueue("sms", engine)

    @other.handler("sms.send")
    def send(payload: str) -> None: ...

    return other.enqueue(send, "hi")


@pytest.mark.parametrize("what", ["after", "ref"])
def test_nobody_waits_for_an_item_of_another_queue(
    queue: OfflineQueue, world: World, foreign: Receipt[Any], what: str
) -> None:
    """Its number is another item's here, which would be waited for instead."""
    first = queue.enqueue(OP, Update(7, "won"))
    named: dict[str, Any] = {"after": [foreign]} if what == "after" else {}
    payload: Any = {"lead": 8, "status": Ref(foreign) if what == "ref" else "new"}
    with pytest.raises(ConfigurationError, match="one of the queue 'sms'"):
        world(queue, "enqueue", OP, payload, **named)

    assert [item.seq for item in queue.items()] == [first.id]


def test_nothing_is_cancelled_with_the_receipt_of_another_queue(
    queue: OfflineQueue, world: World, foreign: Receipt[Any]
) -> None:
    """Item 1 of this queue is not what was meant."""
    first = queue.enqueue(OP, Update(7, "won"))
    with pytest.raises(ConfigurationError, match="item 1 is one of the queue 'sms'"):
        world(queue, "cancel", [foreign])

    assert states(queue, [first.id]) == ["ready"]


@pytest.mark.parametrize("shelf", ["dead", "parked"])
@pytest.mark.parametrize("method", ["requeue", "discard"])
def test_no_shelf_takes_the_receipt_of_another_queue(
    queue: OfflineQueue, world: World, foreign: Receipt[Any], shelf: str, method: str
) -> None:
    """Requeued or discarded would be whatever has this number here."""
    with pytest.raises(ConfigurationError, match="Use the queue that gave"):
        world(getattr(queue, shelf), method, [foreign])


def test_a_second_object_of_the_same_queue_knows_its_receipts(
    make: Callable[..., OfflineQueue],
) -> None:
    """A web process hands in, a worker's object looks after it."""
    queues = [make(), make()]
    for each in queues:

        @each.handler(OP)
        def update(payload: Update) -> None: ...

    first = queues[0].enqueue(OP, Update(7, "won"))
    child = queues[1].enqueue(OP, Update(7, "lost"), after=[first])

    assert states(queues[1], [child.id]) == ["waiting"]
    assert queues[1].cancel([first]) == 1
    assert states(queues[1], [first.id, child.id]) == ["cancelled", "dead"]


@pytest.mark.parametrize(
    "given", ["1", None, 1.5, 0, -1, True, Lead(7, "won")], ids=repr
)
def test_a_ref_names_a_stored_item(given: Any) -> None:
    """What is none is said where it is written."""
    with pytest.raises(ConfigurationError, match="receipt of an item that is stored"):
        Ref(given)


def test_what_is_no_receipt_is_named_without_what_is_in_it(
    queue: OfflineQueue, crm: Any
) -> None:
    """A `Done` holds what was answered, which may be somebody's name."""
    out: Any = queue.call(OP, Update(7, "won"))
    with pytest.raises(ConfigurationError, match="not a Done") as ref:
        Ref(out)
    with pytest.raises(ConfigurationError, match="not a Done") as after:
        queue.enqueue(OP, Update(7, "lost"), after=[out])

    assert "won" not in f"{ref.value} {after.value}"


def test_a_ref_to_what_was_done_without_being_stored_is_refused(
    queue: OfflineQueue, crm: Any
) -> None:
    """It has no number, and its value is at hand."""
    out = queue.call(OP, Update(7, "won"), journal=False)
    with pytest.raises(ConfigurationError, match="has a value: use that"):
        Ref(out.receipt)


@pytest.mark.parametrize("actions", [None, 7, "ab", {"a": 1}], ids=repr)
def test_many_are_a_list(queue: OfflineQueue, world: World, actions: Any) -> None:
    """Anything else is told what it is."""
    with pytest.raises(ConfigurationError, match="takes a list of Action"):
        world(queue, "enqueue_many", actions)


def test_the_options_of_one_action_are_a_dict(
    queue: OfflineQueue, world: World
) -> None:
    """None of them is an empty dict, not None."""
    with pytest.raises(ConfigurationError, match="options are a dict"):
        world(queue, "enqueue_many", [(OP, Update(7, "won"), None)])


def test_the_receipt_of_what_was_discarded_does_not_say_requeue_only(
    queue: OfflineQueue, crm: Any
) -> None:
    """There is nothing left that could be requeued."""
    crm.script = [Refusal("no")]
    receipt = queue.enqueue(OP, Update(7, "won"))
    queue.flush()
    queue.dead.discard([receipt])
    with pytest.raises(ItemFailed, match="unless it was discarded"):
        receipt.wait(0)
