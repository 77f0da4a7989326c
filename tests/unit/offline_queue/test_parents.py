"""Actions that wait for others, and take something of their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from syncpatterns.errors import ConfigurationError, OutcomeGone, Refusal
from syncpatterns.offline_queue import OfflineQueue, Ref
from syncpatterns.offline_queue._core import _references as references
from tests.unit.offline_queue.surface import Crm, Update, World, states


@dataclass(frozen=True)
class Note:
    """A note on a lead."""

    lead: int
    text: str
    tags: list[str]


def desk(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    on_parent: Literal["cascade", "hold", "run"] = "cascade",
) -> tuple[OfflineQueue, list[Note]]:
    """A queue that makes leads, and notes on them."""
    queue, notes = make(), list[Note]()

    @queue.handler("leads.create")
    def create(payload: Update, ctx: Any) -> dict[str, Any]:
        lead = crm.answer(payload, ctx)
        return {"id": lead.id, "tags": [{"name": "hot"}, {"name": "new"}]}

    @queue.handler("notes.add", on_parent=on_parent)
    def add(payload: Note) -> None:
        notes.append(payload)

    return queue, notes


@pytest.mark.case("QUE-27", part="filled")
def test_a_child_gets_what_its_parent_returned(
    make: Callable[..., OfflineQueue], crm: Crm, world: World
) -> None:
    """It waits, is filled when it is delivered, and is the type it should be."""
    queue, notes = desk(make, crm)
    lead = queue.enqueue("leads.create", Update(42, "new"))
    child = world(
        queue,
        "enqueue",
        "notes.add",
        {
            "lead": Ref(lead, "$.id"),
            "text": "Hi",
            "tags": [Ref(lead, "$.tags[1].name")],
        },
    )

    assert states(queue, [child.id]) == ["waiting"]
    world.flush(queue)
    world.flush(queue)
    assert notes == [Note(42, "Hi", ["new"])]
    assert states(queue, [lead.id, child.id]) == ["done", "done"]


@pytest.mark.case("QUE-27", part="failed")
@pytest.mark.parametrize(
    ("policy", "plain", "filled"),
    [
        ("cascade", "dead", "dead"),
        ("hold", "waiting", "waiting"),
        ("run", "done", "dead"),
    ],
)
def test_a_child_of_what_failed_does_as_declared(
    make: Callable[..., OfflineQueue],
    crm: Crm,
    policy: Any,
    plain: str,
    filled: str,
    world: World,
) -> None:
    """DEAD too, held until somebody requeues the parent, or run all the same."""
    queue, notes = desk(make, crm, policy)
    crm.script = [Refusal("no")]
    lead = queue.enqueue("leads.create", Update(42, "new"))
    first = queue.enqueue("notes.add", Note(1, "Hi", []), after=[lead])
    second = queue.enqueue(
        "notes.add", {"lead": Ref(lead, "$.id"), "text": "Hi", "tags": []}
    )
    world.flush(queue)
    world.flush(queue)

    assert states(queue, [first.id, second.id]) == [plain, filled]
    reasons = {item.reason for item in queue.dead.list() if item.seq != lead.id}
    assert reasons == ({"parent"} if "dead" in (plain, filled) else set())
    if policy == "hold":
        world(queue.dead, "requeue", [lead])
        world.flush(queue)
        world.flush(queue)
        assert states(queue, [first.id, second.id]) == ["done", "done"]
        assert notes[1] == Note(42, "Hi", [])


def test_a_child_of_a_parent_whose_answer_is_gone_is_parked(
    make: Callable[..., OfflineQueue], crm: Crm, world: World
) -> None:
    """It was done, but nobody knows its number: a person has to look it up."""
    queue, notes = desk(make, crm)
    crm.script = [OutcomeGone()]
    lead = queue.enqueue("leads.create", Update(42, "new"))
    queue.enqueue("notes.add", {"lead": Ref(lead, "$.id"), "text": "", "tags": []})
    world.flush(queue)
    world.flush(queue)

    assert [item.reason for item in queue.parked.list()] == ["parent-result"]
    assert notes == []


def test_a_path_that_leads_nowhere_is_parked(
    make: Callable[..., OfflineQueue], crm: Crm
) -> None:
    """The result has no such part; the child is kept."""
    queue, _ = desk(make, crm)
    lead = queue.enqueue("leads.create", Update(42, "new"))
    queue.enqueue("notes.add", {"lead": Ref(lead, "$.no"), "text": "", "tags": []})
    queue.flush()
    queue.flush()

    assert [item.reason for item in queue.parked.list()] == ["parent-result"]


def test_a_result_of_another_type_is_dead(
    make: Callable[..., OfflineQueue], crm: Crm
) -> None:
    """What was filled in is validated like everything else."""
    queue, _ = desk(make, crm)
    lead = queue.enqueue("leads.create", Update(42, "new"))
    queue.enqueue("notes.add", {"lead": Ref(lead, "$.tags"), "text": "", "tags": []})
    queue.flush()
    queue.flush()

    assert [item.reason for item in queue.dead.list()] == ["payload-invalid"]


def test_a_key_stands_for_its_references_too(
    make: Callable[..., OfflineQueue], crm: Crm
) -> None:
    """The same again is a duplicate; another parent is another wish."""
    queue, _ = desk(make, crm)
    lead = queue.enqueue("leads.create", Update(42, "new"))
    note = {"lead": Ref(lead, "$.id"), "text": "Hi", "tags": []}
    first = queue.enqueue("notes.add", note, key="k")

    assert queue.enqueue("notes.add", dict(note), key="k").id == first.id


def test_a_lane_that_is_not_known_yet_is_refused(
    make: Callable[..., OfflineQueue], crm: Crm
) -> None:
    """lane= needs what its parent will return: say lane= by hand, or none."""
    queue, _ = desk(make, crm)

    @queue.handler("notes.move", lane=lambda p: f"lead:{p.lead}")
    def move(payload: Note) -> None: ...

    lead = queue.enqueue("leads.create", Update(42, "new"))
    note = {"lead": Ref(lead, "$.id"), "text": "Hi", "tags": []}
    with pytest.raises(ConfigurationError, match="lane=None"):
        queue.enqueue(move, note)  # type: ignore[arg-type]  # a dict for its Ref

    assert queue.enqueue("notes.move", note, lane=None).lane is None
    assert queue.enqueue("notes.move", note, lane="lead:new").lane == "lead:new"


@pytest.mark.parametrize(
    "after", ["seven", 7, [None], ["7"], [0], [True], [1.0]], ids=repr
)
def test_parents_are_receipts(
    make: Callable[..., OfflineQueue], crm: Crm, after: Any
) -> None:
    """What is none is said at once, by the caller's line."""
    queue, _ = desk(make, crm)
    with pytest.raises(ConfigurationError, match="after="):
        queue.enqueue("notes.add", Note(1, "", []), after=after)


def test_a_parent_that_does_not_exist_is_refused(
    make: Callable[..., OfflineQueue], crm: Crm
) -> None:
    """Nothing would ever wake the child."""
    queue, _ = desk(make, crm)
    with pytest.raises(ConfigurationError):
        queue.enqueue("notes.add", Note(1, "", []), after=[999])

    assert queue.items() == []


@pytest.mark.parametrize(
    "path",
    ["", "id", "$id", "$.", "$..a", "$.a.", "$[x]", "$[-1]", "$.a b", "$" + ".a" * 999],
)
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """When it is written, not a week later when it is filled."""
    with pytest.raises(ConfigurationError, match="no path"):
        Ref(1, path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", {"a": [1, {"b": None}]}),
        ("$.a", [1, {"b": None}]),
        ("$.a[0]", 1),
        ("$.a[1].b", None),
    ],
)
def test_what_a_path_picks(path: str, value: Any) -> None:
    """Names of objects, indexes of lists, null where there is null."""
    assert references.pick({"a": [1, {"b": None}]}, path) == value


@pytest.mark.parametrize("path", ["$.b", "$.a[2]", "$.a.b", "$[0]", "$.a[1].b.c"])
def test_a_path_to_nothing_picks_nothing(path: str) -> None:
    """It says so instead of filling in something else."""
    with pytest.raises(references.Unfilled):
        references.pick({"a": [1, {"b": None}]}, path)


def test_references_survive_the_store() -> None:
    """They are kept beside the payload, and a user's text is never taken for one."""
    given = (
        references.Reference(("a", 0, "b"), 7, "$.id"),
        references.Reference((), 8, "$"),
    )

    assert references.load(references.dump(given)) == given
    with pytest.raises(ValueError, match="no references"):
        references.load(7)


def test_a_whole_payload_can_be_a_result() -> None:
    """A reference at the root takes the payload's place."""
    whole = (references.Reference((), 8, "$"),)

    assert references.fill(None, whole, {8: {"x": 1}}) == {"x": 1}
