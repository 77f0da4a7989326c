"""What is said wrongly about one action or one item: told what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.errors import ConfigurationError, KeyInvalid
from syncpatterns.offline_queue import OfflineQueue
from tests.unit.offline_queue.surface import Update, World

OP = "leads.update"


@pytest.mark.parametrize("number", ["1", None, 1.0, True, b"one"])
@pytest.mark.parametrize("method", ["get", "receipt"])
def test_an_item_is_found_by_its_number(
    queue: OfflineQueue, world: World, method: str, number: Any
) -> None:
    """Also ``True``, which Python would take for 1."""
    queue.enqueue(OP, Update(7, "won"))

    with pytest.raises(ConfigurationError, match=f"not by a {type(number).__name__}"):
        world(queue, method, number)


@pytest.mark.parametrize(
    ("lane", "said"),
    [
        ("x" * 501, "it gave 501 characters"),
        ("\ud800", "it gave half of a surrogate pair"),
        ("", "it gave none"),
        (7, "it gave a int"),
    ],
)
def test_a_lane_that_cannot_be_one_is_told_apart(
    queue: OfflineQueue, lane: Any, said: str
) -> None:
    """Without quoting it: a lane may name a person."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        queue.enqueue(OP, Update(7, "won"), lane=lane)

    assert "xxx" not in str(caught.value)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\ud800", 7])
def test_a_key_that_cannot_be_one_is_told(queue: OfflineQueue, key: Any) -> None:
    """Nor is it quoted."""
    with pytest.raises(KeyInvalid, match="text of 1 to 255 characters") as caught:
        queue.enqueue(OP, Update(7, "won"), key=key)

    assert "xxx" not in str(caught.value)
    assert queue.stats().live == 0
