"""Queues in files of other releases, and in two engines at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import (
    Ended,
    ItemState,
    Pause,
    QueueRules,
    key_hash,
)
from syncpatterns.testing import FakeClock
from tests.unit.engines.queues import (
    QUEUE,
    acknowledge,
    claim,
    keys,
    load,
    new,
    put,
)

OpenEngine = Callable[..., SqliteEngine]

START = 1_700_000_000.0


@pytest.mark.parametrize("schema", [2, 3])
def test_a_file_from_before_there_were_queues_gets_them(
    open_engine: OpenEngine, path: Path, schema: int
) -> None:
    """With its events and records left as they are."""
    load(path, schema)
    engine = open_engine()
    store = engine.queue_store()

    put(store, new("a"))
    (item,) = claim(store)

    assert (item.key, acknowledge(store, item)) == ("a", True)
    assert len(engine.outbox().after(0, 10)) == 2


def test_the_queue_of_schema_4_is_read_and_goes_on(
    open_engine: OpenEngine, path: Path
) -> None:
    """Every state, a result, a pause, a blocked lane, a child and its parent."""
    load(path, 4)
    clock = FakeClock(START + 1, monotonic=1.0)
    store = open_engine(clock=clock).queue_store()
    items = {item.key: item for item in store.items(QUEUE)}
    states = {key: item.state.value for key, item in items.items()}
    done = store.ended(QUEUE, 1)
    hashed = key_hash("acme", "leads.update_status", "done")

    assert states == {
        "dead": "dead",
        "behind": "waiting",
        "parked": "parked",
        "nacked": "scheduled",
        "parent": "leased",
        "child": "waiting",
        "large": "ready",
        "entity": "scheduled",
    }
    assert done == Ended(
        1,
        ItemState.DONE,
        b'{"id":7}',
        at=START,
        operation="leads.update_status",
        key_hash=hashed,
    )
    assert store.find(QUEUE, "acme", "leads.update_status", "done") == 1
    assert items["large"].payload == b'"' + b"x" * 1100 + b'"'
    assert (items["child"].headers, items["child"].blocked) == ('{"lang":"de"}', 1)
    assert items["child"].expires_at == START + 604800
    assert (items["nacked"].attempts, items["nacked"].error) == (1, "500")
    assert (items["parked"].sent_at, items["parked"].reason) == (None, "sign-in")
    assert store.blocked_lanes(QUEUE) == {"lead:1": items["dead"].seq}
    assert [(pause.target, pause.reason) for pause in store.stats(QUEUE).pauses] == [
        ("mail", "by-hand"),
        ("sms", "retry-after"),
    ]
    assert store.check(QUEUE) == []
    store.configure(QUEUE, QueueRules())
    assert acknowledge(store, items["parent"])
    assert keys(claim(store, 9)) == ["behind", "child", "large"]
    assert isinstance(store.resume(QUEUE, "sms")[0], Pause)
    assert keys(claim(store, 9)) == ["parked"]


def test_two_engines_on_one_file_share_the_queue(open_engine: OpenEngine) -> None:
    """Two processes would see the same: numbers, words, rules and holds."""
    one, two = open_engine().queue_store(), open_engine().queue_store()
    one.configure(QUEUE, QueueRules(max_items=5))
    put(one, new("a"), new("b", operation="mail.send", target="mail"))
    put(two, new("c", operation="sms.send", target="sms"))
    (first,) = claim(one)

    rest = claim(two, 9)

    assert [(item.seq, item.operation, item.target) for item in (first, *rest)] == [
        (1, "leads.update", "default"),
        (2, "mail.send", "mail"),
        (3, "sms.send", "sms"),
    ]
    assert acknowledge(two, first)
    assert not acknowledge(one, first)


@pytest.mark.case("QUE-47", part="SQLite")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_with_an_open_queue(open_engine: OpenEngine) -> None:
    """Both sides go on, each with connections of its own."""
    store = open_engine().queue_store()
    put(store, new("before"))
    child = os.fork()
    if not child:
        status = 1
        try:
            put(store, *[new(f"child {n}") for n in range(50)])
            (item,) = claim(store)
            status = 0 if acknowledge(store, item) else 2
        finally:
            os._exit(status)
    for n in range(50):
        put(store, new(f"parent {n}"))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert store.stats(QUEUE).live == 100
    assert store.check(QUEUE) == []
