"""What the surface refuses with a sentence, before anything is stored or waited for."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, cast

import pytest

from syncpatterns import connect
from syncpatterns.errors import ConfigurationError, EngineClosed, KeyInvalid
from syncpatterns.offline_queue import ItemState, OfflineQueue
from tests.unit.offline_queue.surface import World

HALF = "\ud800"  # what json.loads makes of "\ud800": text without a UTF-8 form


@pytest.fixture
def plain(make: Callable[..., OfflineQueue]) -> OfflineQueue:
    """A queue with a handler of texts."""
    queue = make()

    @queue.handler("n.note", lane=lambda text: text)
    def note(payload: str) -> str:
        return payload

    return queue


def test_a_key_without_a_form_in_bytes_is_no_key(plain: OfflineQueue) -> None:
    """Each engine says so, in the same words, and keeps nothing."""
    with pytest.raises(KeyInvalid):
        plain.enqueue("n.note", "a", key=f"click-{HALF}")

    assert plain.stats().live == 0


@pytest.mark.parametrize("option", ["lane", "scope"])
@pytest.mark.parametrize("text", [HALF, "x" * 1001])
def test_lanes_and_scopes_can_be_stored(
    plain: OfflineQueue, option: str, text: str
) -> None:
    """What cannot is refused without being quoted: it may be personal data."""
    given: dict[str, Any] = {option: text}
    with pytest.raises(ConfigurationError) as caught:
        plain.enqueue("n.note", "a", **given)

    assert text not in str(caught.value)
    assert plain.stats().live == 0


def test_headers_are_a_mapping(plain: OfflineQueue) -> None:
    """Pairs are not, and are told so."""
    pairs: Any = [("x", "y")]
    with pytest.raises(ConfigurationError, match="headers="):
        plain.enqueue("n.note", "a", headers=pairs)


@pytest.mark.parametrize("probe", [3, {"crm": 3}, {"crm": object}])
def test_a_probe_can_be_asked(make: Callable[..., OfflineQueue], probe: Any) -> None:
    """Said at construction, and not by the first outage."""
    with pytest.raises(ConfigurationError, match="probe="):
        make(probe=probe)


def test_nobody_waits_for_a_time_that_never_comes(plain: OfflineQueue) -> None:
    """NaN is less than nothing and more than nothing: it would wait for ever."""
    receipt = plain.enqueue("n.note", "a")
    with pytest.raises(ConfigurationError, match="seconds"):
        receipt.wait(math.nan)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0, -1, 1e6, "10", True])
def test_a_lease_is_extended_by_a_length_of_time(
    make: Callable[..., OfflineQueue], seconds: Any, world: World
) -> None:
    """One without an end would never come back from a worker that died."""
    queue = make()
    refused: list[str] = []

    @queue.handler("n.long")
    def long(payload: int, ctx: Any) -> None:
        with pytest.raises(ConfigurationError, match="seconds") as caught:
            ctx.extend(seconds)
        refused.append(str(caught.value))

    queue.enqueue("n.long", 1)
    world.flush(queue)

    assert len(refused) == 1
    assert queue.stats().live == 0


def test_an_item_is_stored_in_a_transaction_or_not_at_all(tmp_path: Any) -> None:
    """None is no transaction: the store would make one of its own."""
    with connect(f"sqlite:///{tmp_path}/q.db") as engine:
        queue = OfflineQueue("field", engine)

        @queue.handler("n.note")
        def note(payload: str) -> str:
            return payload

        with pytest.raises(ConfigurationError, match="transaction"):
            queue.enqueue_tx(None, note, "a")

        assert queue.stats().live == 0


def test_an_item_ends_in_a_transaction_or_by_its_result(tmp_path: Any) -> None:
    """done_in(None) would end it whatever becomes of the handler's rows."""
    with connect(f"sqlite:///{tmp_path}/q.db") as engine:
        queue = OfflineQueue("field", engine)

        @queue.handler("n.note")
        def note(payload: str, ctx: Any) -> None:
            ctx.done_in(None)

        receipt = queue.enqueue(note, "a")
        queue.flush()

        assert receipt.state() is ItemState.SCHEDULED  # it has failed, and comes again


@pytest.mark.parametrize("target", [3, b"crm", HALF])
def test_a_target_is_a_text(plain: OfflineQueue, target: Any) -> None:
    """Stored as something else it would pause nobody, and resume nobody."""
    with pytest.raises(ConfigurationError, match="target"):
        plain.pause(target)
    with pytest.raises(ConfigurationError, match="target"):
        plain.resume(target)

    assert plain.stats().pauses == ()


@pytest.mark.parametrize("reason", [None, b"x", "", HALF, "\x1b[31m"])
def test_a_reason_is_a_word(plain: OfflineQueue, reason: Any) -> None:
    """It is shown to people, in terminals too."""
    with pytest.raises(ConfigurationError, match="reason="):
        plain.pause("crm", 10, reason)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": "9"},
        {"limit": 0},
        {"limit": 1001},
        {"limit": 1.5},
        {"after": "9"},
        {"operation": 3},
        {"target": HALF},
        {"reason": b"x"},
    ],
)
def test_lists_say_what_they_take(plain: OfflineQueue, options: Any) -> None:
    """All three lists, in the same words."""
    for listed in (plain.items, plain.dead.list, plain.parked.list):
        with pytest.raises(ConfigurationError):
            listed(**options)


@pytest.mark.parametrize("states", [3, None, "nowhere"])
def test_states_are_states(plain: OfflineQueue, states: Any) -> None:
    """The sentence names them."""
    with pytest.raises(ConfigurationError, match="parked"):
        plain.items(states=states)


def test_a_result_that_cannot_be_kept_is_not_quoted(
    make: Callable[..., OfflineQueue], caplog: pytest.LogCaptureFixture
) -> None:
    """What the validation says of it holds the value, which may be personal data."""
    queue = make()

    @queue.handler("n.who")
    def who(payload: int) -> int:
        return cast("int", "Ada Lovelace")

    queue.enqueue("n.who", 1)
    with caplog.at_level(logging.ERROR, "syncpatterns.offline_queue"):
        report = queue.flush()

    assert report.sent == 1
    assert "cannot be kept" in caplog.text
    assert "Ada" not in caplog.text


@pytest.mark.parametrize("way", ["flush", "drain"])
def test_a_closed_engine_is_said_as_such(
    make: Callable[..., OfflineQueue], engine: Any, way: str
) -> None:
    """By each way of a single pass; no group of errors hides it."""
    queue = make()
    engine.close()
    options = {"once": True} if way == "drain" else {}
    with pytest.raises(EngineClosed):
        getattr(queue, way)(**options)
