"""What can never work is said when it is declared, and what to do instead."""

from __future__ import annotations

import re
from typing import Any

import pytest

from syncpatterns import CircuitBreaker, Operation, Windows, connect
from syncpatterns.codec import JsonCodec, TypedCodec
from syncpatterns.errors import ConfigurationError, ResultNotStorable
from syncpatterns.offline_queue import (
    Action,
    OfflineQueue,
    Ref,
    cancel_pair,
    last_write,
    merge,
)
from syncpatterns.retry import decorrelated_jitter
from tests.unit.offline_queue.surface import Update


def shown(value: object) -> str:
    """Return a test's name for *value*: the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))[:40]


MEMORY = connect("memory://")


def plain(payload: Update) -> None:
    """A handler that would do."""


def nothing() -> None:
    """Take no payload."""


def untyped(payload) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the mistake
    """Say nothing of its payload."""


def three(payload: Update, ctx: Any, more: int) -> None:
    """Take more than there is."""


def generator(payload: Update) -> Any:
    """Never run."""
    yield payload


def formless(payload: threading_lock) -> None:  # type: ignore[name-defined]  # noqa: F821 - the mistake
    """Name a type that nobody knows."""


async def awaited(payload: Any) -> str:
    """Be what nobody awaits."""
    return str(payload)


class Opaque:
    """Pydantic knows no schema of it."""


def no_json(payload: Opaque) -> None:
    """Take what has no JSON form."""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": ""}, "name="),
        ({"name": "a b"}, "name="),
        ({"name": 7}, "name="),
        ({"max_items": 0}, "max_items="),
        ({"max_items": True}, "max_items="),
        ({"max_bytes": -1}, "max_bytes="),
        ({"max_payload": 0}, "max_payload="),
        ({"max_payload": 10, "max_bytes": 5}, "would never fit"),
        ({"overflow": "drop"}, "overflow="),
        ({"block_for": -1}, "block_for="),
        ({"max_age": 0}, "max_age="),
        ({"max_age": float("nan")}, "max_age="),
        ({"redeliver_within": float("inf")}, "redeliver_within="),
        ({"lease": 0}, "lease="),
        ({"lease": "30"}, "lease="),
        ({"max_attempts": 0}, "max_attempts="),
        ({"max_deliveries": 1.5}, "max_deliveries="),
        ({"backoff": 2.0}, "full_jitter"),
        ({"backoff": decorrelated_jitter()}, "no store keeps"),
        ({"durability": "fsync"}, "durability="),
        ({"on_dead": "stop"}, "on_dead="),
        ({"keep_results": -1}, "keep_results="),
        ({"keep_failed": 1}, "keep_failed="),
        ({"clock": object()}, "clock="),
        ({"rng": 7}, "rng="),
        ({"hooks": [7]}, "hooks="),
        ({"hooks": "x"}, "hooks="),
        ({"breaker": {7: None}}, "breaker="),
        ({"breaker": object()}, "retry_after"),
        ({"store": object()}, "needs an engine"),
        ({"store": OfflineQueue}, "needs an engine"),
    ],
    ids=shown,
)
def test_a_queue_that_cannot_work(options: dict[str, Any], says: str) -> None:
    """Each figure is checked when the queue is made."""
    given: dict[str, Any] = {"name": "q", "store": MEMORY, **options}
    with pytest.raises(ConfigurationError, match=says):
        OfflineQueue(given.pop("name"), given.pop("store"), **given)


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        (nothing, {}, "called as handler"),
        (three, {}, "called as handler"),
        (generator, {}, "is a generator"),
        (Update, {}, "is a function"),
        (7, {}, "is a function"),
        (untyped, {}, "no annotation"),
        (formless, {}, "cannot be read"),
        (no_json, {}, "No JSON form"),
        (plain, {"version": 0}, "version="),
        (plain, {"version": True}, "version="),
        (plain, {"version": 2}, "needs upcast="),
        (plain, {"version": 3, "upcast": {1: dict}}, "2 is missing"),
        (plain, {"version": 2, "upcast": {1: dict, 2: dict}}, "leads nowhere"),
        (plain, {"version": 2, "upcast": {"1": dict}}, "by version number"),
        (plain, {"version": 2, "upcast": [dict]}, "by version number"),
        (plain, {"version": 2, "upcast": {1: awaited}}, "is async"),
        (plain, {"lane": "lead:7"}, "lane="),
        (plain, {"lane": awaited}, "lane=.* is async"),
        (plain, {"entity": awaited}, "entity=.* is async"),
        (plain, {"lane": lambda: "x"}, "lane="),
        (plain, {"entity": 7}, "entity="),
        (plain, {"coalesce": last_write()}, "needs entity="),
        (plain, {"coalesce": "last_write", "lane": str}, "coalesce= takes"),
        (plain, {"target": "a b"}, "target="),
        (plain, {"breaker": CircuitBreaker}, "breaker="),
        (plain, {"conflicts": "x"}, "conflicts="),
        (plain, {"conflicts": (KeyboardInterrupt,)}, "conflicts="),
        (plain, {"on_conflict": lambda p: p}, "on_conflict="),
        (plain, {"on_conflict": 7}, "on_conflict="),
        (plain, {"on_parent": "wait"}, "on_parent="),
        (plain, {"codec": JsonCodec}, "codec="),
        (plain, {"codec": 7}, "codec="),
        (plain, {"model": Opaque}, "No JSON form"),
        (plain, {"retries": 3}, "no option retries="),
    ],
    ids=shown,
)
def test_a_handler_that_cannot_work(
    function: Any, options: dict[str, Any], says: str
) -> None:
    """What would fail at two in the night fails at import."""
    queue = OfflineQueue("q", MEMORY)
    with pytest.raises(ConfigurationError, match=says):
        queue.handler("leads.update", **options)(function)


@pytest.mark.parametrize("name", ["", "a b", "x" * 201, "ä"])
def test_a_name_that_cannot_be_stored(name: str) -> None:
    """It is stored, logged and used as a metrics label."""
    with pytest.raises(ConfigurationError, match="a name is"):
        OfflineQueue("q", MEMORY).handler(name)(plain)


def test_one_name_has_one_handler() -> None:
    """Two would make the order of imports decide."""
    queue = OfflineQueue("q", MEMORY)
    queue.handler("leads.update")(plain)
    with pytest.raises(ConfigurationError, match="has a handler already"):
        queue.handler("leads.update")(no_ctx)


def no_ctx(payload: Update) -> None:
    """Another one that would do."""


def test_a_decorator_needs_a_name() -> None:
    """The function's own name changes with every refactoring."""
    queue: Any = OfflineQueue("q", MEMORY)
    with pytest.raises(ConfigurationError, match=r'@queue\.handler\("'):
        queue.handler(plain)


def test_a_handler_keeps_its_signature() -> None:
    """It stays what it was: a function to call in a test."""
    queue = OfflineQueue("q", MEMORY)

    assert queue.handler("leads.update")(plain) is plain


@pytest.mark.parametrize(
    "what", ["leads.delete", plain, object()], ids=["name", "function", "thing"]
)
def test_what_nobody_delivers_is_not_stored(what: Any) -> None:
    """It would wait for ever; the known names are told."""
    queue = OfflineQueue("q", MEMORY)
    queue.handler("leads.update")(no_ctx)
    with pytest.raises(ConfigurationError, match=r"Registered: leads\.update"):
        queue.enqueue(what, Update(7, "won"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scope": 7}, "scope="),
        ({"priority": 1.5}, "priority="),
        ({"priority": 1 << 40}, "priority="),
        ({"delay": -1}, "delay="),
        ({"delay": float("nan")}, "delay="),
        ({"expires_in": "60"}, "expires_in="),
        ({"headers": {"Authorization": "Bearer x"}}, "credential"),
        ({"headers": {"cookie": "x"}}, "credential"),
        ({"headers": {"a": 7}}, "headers="),
        ({"headers": {"$refs": "x"}}, "no header"),
        ({"headers": {"a": "x" * 9000}}, "Put what is long"),
        ({"lane": 7}, "lane="),
        ({"lane": ""}, "lane="),
        ({"lane": "x" * 501}, "lane="),
        ({"prio": 1}, "no option prio="),
    ],
    ids=shown,
)
def test_an_action_that_cannot_work(options: dict[str, Any], says: str) -> None:
    """Said in the caller's own line; nothing is stored."""
    queue = OfflineQueue("bad", MEMORY)
    queue.handler("leads.update")(plain)
    with pytest.raises(ConfigurationError, match=says):
        queue.enqueue("leads.update", Update(7, "won"), **options)

    assert queue.stats().live == 0


@pytest.mark.parametrize(
    "lane",
    [lambda p: 7, lambda p: b"x", lambda p: ""],
    ids=["number", "bytes", "empty"],
)
def test_a_lane_that_is_no_text(lane: Any) -> None:
    """Two numbers that print alike would share a lane."""
    queue = OfflineQueue("q", MEMORY)
    queue.handler("leads.update", lane=lane)(plain)
    with pytest.raises(ConfigurationError, match="must give text"):
        queue.enqueue("leads.update", Update(7, "won"))


@pytest.mark.parametrize(
    "payload", [7, None, Update, {"lead": "x"}, object()], ids=shown
)
def test_a_payload_of_another_type(payload: Any) -> None:
    """It could not be read back by the handler that it is for."""
    queue = OfflineQueue("q", MEMORY)
    queue.handler("leads.update")(plain)
    with pytest.raises(ResultNotStorable, match=r"leads\.update"):
        queue.enqueue("leads.update", payload)


def test_a_payload_that_is_too_large() -> None:
    """A file belongs into a store of files; its address into the queue."""
    queue = OfflineQueue("q", MEMORY, max_payload=100)
    queue.handler("files.put")(_file)
    queue.enqueue("files.put", "x" * 98)
    with pytest.raises(ConfigurationError, match="101 bytes"):
        queue.enqueue("files.put", "x" * 99)


def _file(payload: str) -> None:
    del payload


def test_a_mode_that_is_none() -> None:
    """A typo must not mean "queue it"."""
    queue: Any = OfflineQueue("q", MEMORY)
    queue.handler("leads.update")(plain)
    with pytest.raises(ConfigurationError, match="auto, queue, online"):
        queue.call("leads.update", Update(7, "won"), mode="offline")


@pytest.mark.parametrize(
    "actions", [[7], ["ab"], [("a",)], [("a", 1, {}, 2)]], ids=shown
)
def test_many_actions_that_are_none(actions: Any) -> None:
    """Each is an op and its payload."""
    queue = OfflineQueue("q", MEMORY)
    with pytest.raises(ConfigurationError, match="enqueue_many"):
        queue.enqueue_many(actions)


def test_an_action_of_many_has_options() -> None:
    """As one that is enqueued alone."""
    queue = OfflineQueue("many", MEMORY)
    queue.handler("files.put")(_file)
    first, second = queue.enqueue_many(
        [Action("files.put", "a", {"key": "k"}), ("files.put", "b")]
    )

    assert first.key == "k"
    assert [first.id, second.id] == [1, 2]


@pytest.mark.parametrize(
    ("rule", "given"),
    [(merge, 7), (cancel_pair, ""), (cancel_pair, 7)],
    ids=["merge", "empty", "number"],
)
def test_a_rule_of_merging_that_is_none(rule: Any, given: Any) -> None:
    """Said where it is written."""
    with pytest.raises(ConfigurationError, match="takes"):
        rule(given)


def test_a_reference_needs_a_dict() -> None:
    """A model could not hold one."""
    queue = OfflineQueue("q", MEMORY)
    queue.handler("leads.update")(plain)
    with pytest.raises(ResultNotStorable):
        queue.enqueue("leads.update", Update(Ref(1), "won"))  # type: ignore[arg-type]  # the mistake


def test_a_store_without_transactions_shares_no_commit() -> None:
    """Memory would keep the item although the rows are rolled back."""
    queue = OfflineQueue("q", MEMORY)
    queue.handler("leads.update")(plain)
    with pytest.raises(ConfigurationError, match="no transactions"):
        queue.enqueue_tx(object(), "leads.update", Update(7, "won"))


# --------------------------------------------------------------- operations


def effect(tx: Any, command: Update) -> int:
    """Say what it takes."""
    return command.lead


def vague(tx: Any, command) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the mistake
    """Say nothing of its command."""
    return 1


def test_an_operation_must_know_its_keys_long_enough(tmp_path: Any) -> None:
    """A delivery after 23 h would be done twice by one that forgets after 10 min."""
    engine = connect(f"sqlite:///{tmp_path}/q.db")
    short = Operation("x", engine, effect=effect, windows=Windows(dedupe=600))
    with pytest.raises(ConfigurationError, match=r"Windows\(dedupe=86400\)"):
        OfflineQueue("q", engine).handler(short)

    queue = OfflineQueue("q", engine, redeliver_within=400, margin=200)
    assert queue.handler(short) is short


def test_an_operation_must_say_what_it_takes(tmp_path: Any) -> None:
    """A command that is stored as plain JSON comes back as a dict."""
    engine = connect(f"sqlite:///{tmp_path}/q.db")
    untold = Operation("x", engine, effect=vague)
    queue = OfflineQueue("q", engine)
    with pytest.raises(ConfigurationError, match="Annotate the parameter"):
        queue.handler(untold)

    assert queue.handler(untold, codec=TypedCodec(Update)) is untold


def test_an_operation_needs_a_scope(tmp_path: Any) -> None:
    """Without it two tenants' keys would meet; the delivery would fail for ever."""
    engine = connect(f"sqlite:///{tmp_path}/q.db")
    queue = OfflineQueue("q", engine)
    known = queue.handler(Operation("x", engine, effect=effect))
    with pytest.raises(ConfigurationError, match="SINGLE_TENANT"):
        queue.enqueue(known, Update(7, "won"))


def test_a_merge_that_nobody_awaits() -> None:
    """Its coroutine would be stored, or rather not."""
    with pytest.raises(ConfigurationError, match="a plain function"):
        merge(awaited)  # type: ignore[arg-type]  # the mistake
