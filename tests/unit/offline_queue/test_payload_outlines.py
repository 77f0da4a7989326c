"""What ``lane=`` and ``entity=`` see of a payload whose places are still empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import OfflineQueue, Receipt, Ref


@dataclass(frozen=True)
class Note:
    """A note on a lead, for a team."""

    lead: int
    text: str = ""
    team: str = "sales"


@pytest.fixture
def desk(make: Callable[..., OfflineQueue]) -> tuple[OfflineQueue, Receipt[Any]]:
    """A queue, and the receipt of a parent."""
    queue = make()

    @queue.handler("leads.create")
    def create(payload: dict[str, Any]) -> dict[str, Any]:
        return {"id": 42}

    return queue, queue.enqueue(create, {"name": "Ada"})


@pytest.mark.parametrize(
    "lane",
    [
        lambda p: p.get("team"),
        lambda p: p.get("nobody", p["team"]),
        lambda p: p["team"] if "team" in p else None,  # noqa: SIM401 - not get()
        lambda p: p["team"] if len(p) == len(p.keys()) else None,
        lambda p: next(v for k, v in zip(p, ["", "sales"], strict=True) if k == "team"),
        lambda p: p.team,
    ],
    ids=["get", "default", "in", "keys", "names", "attribute"],
)
def test_a_lane_of_a_dict_is_found_with_a_ref_in_it_too(
    desk: tuple[OfflineQueue, Receipt[Any]], lane: Callable[[Any], str | None]
) -> None:
    """What works for the dict itself works for the one with an empty place."""
    queue, parent = desk
    queue.handler("notes.add", lane=lane)(_add)
    note = queue.enqueue("notes.add", {"lead": Ref(parent, "$.id"), "team": "sales"})

    assert note.lane == "sales"


def _add(payload: dict[str, Any]) -> None:
    """Take a note."""


@pytest.mark.parametrize("views", ["items", "values"])
def test_a_view_of_a_dict_does_not_show_a_ref(
    desk: tuple[OfflineQueue, Receipt[Any]], views: str
) -> None:
    """A lane made of what is not known yet would be another lane."""
    queue, parent = desk
    queue.handler("notes.add", lane=lambda p: str(getattr(p, views)()))(_add)
    with pytest.raises(ConfigurationError, match="a Ref and not known yet"):
        queue.enqueue("notes.add", {"lead": Ref(parent, "$.id")})


def test_a_lane_is_not_made_of_a_default_that_nobody_has_filled_in(
    desk: tuple[OfflineQueue, Receipt[Any]],
) -> None:
    """``team:None`` would overtake what waits in ``team:sales``."""
    queue, parent = desk

    @queue.handler("notes.add", lane=lambda p: f"team:{p.team}")
    def add(payload: Note) -> None: ...

    payload: Any = {"lead": Ref(parent, "$.id"), "text": "Hi"}
    with pytest.raises(ConfigurationError, match="'team', which the payload does not"):
        queue.enqueue("notes.add", payload)

    assert queue.enqueue("notes.add", payload, lane="team:sales").lane == "team:sales"
    assert queue.enqueue(add, Note(1)).lane == "team:sales"


def test_a_lane_may_say_what_it_takes_instead(
    desk: tuple[OfflineQueue, Receipt[Any]],
) -> None:
    """As for any object that has no such name."""
    queue, parent = desk
    queue.handler("notes.add", lane=lambda p: getattr(p, "team", None))(_add)
    note = queue.enqueue("notes.add", {"lead": Ref(parent, "$.id")})

    assert note.lane is None


def test_a_lane_may_catch_what_a_dict_raises(
    desk: tuple[OfflineQueue, Receipt[Any]],
) -> None:
    """`KeyError`, with a sentence that reads as one where nobody catches it."""
    queue, parent = desk
    queue.handler("notes.add", lane=_team_or_none)(_add)
    queue.handler("notes.keep", lane=lambda p: p["team"])(_add)
    payload = {"lead": Ref(parent, "$.id")}
    with pytest.raises(KeyError) as caught:
        queue.enqueue("notes.keep", payload)

    assert str(caught.value).startswith("notes.keep: lane= or entity= needs 'team'")
    assert queue.enqueue("notes.add", payload).lane is None


def _team_or_none(payload: Any) -> str | None:
    try:
        return f"{payload['team']}"
    except KeyError:
        return None


def test_what_the_payload_says_wins_over_a_method_of_a_dict(
    desk: tuple[OfflineQueue, Receipt[Any]],
) -> None:
    """``items`` of an order are its items, as they are of a model."""
    queue, parent = desk
    queue.handler("orders.add", lane=lambda p: p.items[0] + p["items"][1])(_add)
    order = queue.enqueue(
        "orders.add", {"of": Ref(parent, "$.id"), "items": ["a", "b"]}
    )

    assert order.lane == "ab"
