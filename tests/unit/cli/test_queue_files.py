"""``queue export`` and ``import``: there and back, exact to the byte, and again."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue._core import Fail, Item, Parent, Park, QueueRules
from tests.unit.cli.conftest import Shop, document
from tests.unit.cli.queues import CANARY, DB, HOSTILE, Field, item, run

OTHER = "sqlite:///other.db"


@pytest.fixture
def field(shop: Shop) -> Field:
    """Put one item of each kind into the queue, and make another database."""
    with SqliteEngine("other.db") as engine:
        engine.open()
    field = Field()
    field.put(
        item("a", priority=7, headers='{"trace": "1"}'),
        item("b", payload=bytes(range(256))),
        item("c", payload=b'{ "spaces" :  [1,2] }', lane="l"),
        item("d", lane="l", entity="lead 7", version=3, target="sms"),
        item(HOSTILE, operation=HOSTILE, target=HOSTILE, lane=HOSTILE),
        item("e", delay=3600.0, expires_in=7200.0, keep_result=5.0),
    )
    field.dead("f", error="no such lead")
    field.parked("g")
    return field


def other() -> Field:
    """Return the same queue in the other database."""
    return Field(path="other.db")


def what_it_says(each: Item) -> tuple[Any, ...]:
    """Return everything of an item that must survive the way."""
    return (
        each.state,
        each.operation,
        each.key,
        each.scope,
        each.fingerprint,
        each.payload,
        each.version,
        each.target,
        each.lane,
        each.entity,
        each.priority,
        each.reason,
        each.error,
        each.headers,
        each.keep_result,
        math.isinf(each.expires_at),
        each.sent_at is None,
    )


def test_there_and_back_nothing_has_changed(field: Field) -> None:
    """Hostile names, any bytes, dead and parked ones: all as it was."""
    exported = run("export", "items.jsonl", "--db", DB)
    imported = run("import", "items.jsonl", "--db", OTHER)

    before = sorted(map(what_it_says, field.items()), key=repr)
    after = sorted(map(what_it_says, other().items()), key=repr)
    assert exported.stdout == "Exported 8 items of field to items.jsonl.\n"
    assert imported.stdout == "Imported 8 items into field.\n"
    assert (exported.exit_code, imported.exit_code) == (0, 0)
    assert after == before
    assert other().within(lambda store: store.check("field")) == []


def test_order_times_and_lanes_survive(field: Field) -> None:
    """Who was first is first; what is due later still is."""
    run("export", "items.jsonl", "--db", DB)
    run("import", "items.jsonl", "--db", OTHER)

    live = [each for each in other().items() if each.state != "dead"]
    before = {each.key: each for each in field.items()}
    assert [each.key for each in live] == [
        each.key for each in field.items() if each.state != "dead"
    ]
    for each in live:
        assert each.due_at == pytest.approx(before[each.key].due_at, abs=60)
        if not math.isinf(each.expires_at):
            assert each.expires_at == pytest.approx(before[each.key].expires_at, abs=60)
    assert [each.key for each in other().claim(9)][:2] == ["a", "b"]
    assert other().states()["d"] == "waiting"


def test_imported_twice_is_imported_once(field: Field) -> None:
    """Into where it came from, and into another: same identities, no second item."""
    run("export", "items.jsonl", "--db", DB)
    run("import", "items.jsonl", "--db", OTHER)
    before = (field.states(), other().states())

    home = document(run("import", "items.jsonl", "--db", DB, "--json"))
    again = run("import", "items.jsonl", "--db", OTHER)

    assert home == {
        "queue": "field",
        "imported": 0,
        "parked": 0,
        "duplicates": 8,
        "clashing": 0,
        "left_out": 0,
    }
    assert again.stdout == ("Imported 0 items into field.\n8 were there already.\n")
    assert (field.states(), other().states()) == before


def test_what_was_done_meanwhile_is_not_done_again(field: Field) -> None:
    """Its outcome is remembered, and the import sees it."""
    from syncpatterns.offline_queue._core import Ack

    run("export", "items.jsonl", "--db", DB)
    (held,) = field.claim(1)
    field.within(lambda store: store.settle("field", [Ack(held.hold)]))

    done = document(run("import", "items.jsonl", "--db", DB, "--json"))

    assert done["duplicates"] == 8
    assert held.key not in field.states()


def test_into_a_queue_of_another_name(field: Field) -> None:
    """Beside the first, if need be."""
    run("export", "items.jsonl", "--db", DB)

    result = run("import", "items.jsonl", "--db", DB, "--queue", "copy")

    assert result.stdout == "Imported 8 items into copy.\n"
    assert Field("copy").states() == field.states()


def test_items_that_may_have_been_sent_keep_the_time_when(
    field: Field, shop: Shop
) -> None:
    """Whoever executes them forgets their key by that; the queue goes by it too."""
    field.sent("a day ago")
    field.sent("an hour ago", lane="sent")
    field.parked("parked an hour ago")
    shop.change(
        "UPDATE syncpatterns_queue_item SET sent_at = sent_at - "
        "iif(key = 'a day ago', 86400, 3600) WHERE sent_at IS NOT NULL"
    )
    sent = {each.key: each.sent_at for each in field.items()}
    run("export", "items.jsonl", "--db", DB)

    result = run("import", "items.jsonl", "--db", OTHER)

    assert result.stdout == "Imported 11 items into field.\n"
    assert {each.key: each.sent_at for each in other().items()} == sent
    assert other().states()["an hour ago"] == "ready"
    other().within(lambda store: store.stage("field"))
    found = {each.key: each for each in other().items()}
    assert (found["a day ago"].state, found["a day ago"].reason) == (
        "parked",
        "unknown",
    )
    assert found["an hour ago"].state == "ready"
    assert other().within(lambda store: store.check("field")) == []


def test_what_was_sent_in_the_future_was_sent_now(field: Field, shop: Shop) -> None:
    """The clock of the other machine was wrong; it cannot make the key last longer."""
    field.sent("tomorrow")
    shop.change(
        "UPDATE syncpatterns_queue_item SET sent_at = sent_at + 86400 "
        "WHERE key = 'tomorrow'"
    )
    before = {each.key: each.sent_at for each in field.items()}["tomorrow"]
    run("export", "items.jsonl", "--db", DB)
    run("import", "items.jsonl", "--db", OTHER)
    after = {each.key: each.sent_at for each in other().items()}["tomorrow"]

    assert before is not None
    assert after is not None
    assert after <= before - 86000


def test_children_wait_for_a_person(field: Field) -> None:
    """Whom they waited for is not in the file."""
    field.put(item("child", parents=(Parent(1),)))
    run("export", "items.jsonl", "--db", DB)

    run("import", "items.jsonl", "--db", OTHER)

    found = {each.key: each for each in other().items()}
    assert (found["child"].state, found["child"].reason) == ("parked", "parents")
    assert found["child"].sent_at is None


def test_a_key_used_for_something_else_is_left_out(field: Field) -> None:
    """It is counted, and the exit code says so; the rest is imported."""
    run("export", "items.jsonl", "--db", DB)
    other().put(item("a")._replace(fingerprint=b"another"))

    result = run("import", "items.jsonl", "--db", OTHER)

    assert result.exit_code == 1
    assert "Imported 7 items" in result.stdout
    assert "1 left out: their key is used for something else" in result.stdout


def test_a_lane_that_is_busy_keeps_dead_ones_out(field: Field) -> None:
    """Behind somebody else they could not be made dead again; nothing half is left."""
    field.dead("lane dead", lane="busy")
    run("export", "items.jsonl", "--db", DB)
    other().put(item("first", lane="busy"))

    result = run("import", "items.jsonl", "--db", OTHER)

    assert result.exit_code == 1
    assert "1 left out: their lane or the queue is held up" in result.stdout
    assert "lane dead" not in other().states()


def test_a_full_queue_ends_the_import_which_can_go_on(field: Field) -> None:
    """What was imported stays, and is not imported twice."""
    run("export", "items.jsonl", "--db", DB)
    other().make(QueueRules(max_items=3))

    full = run("import", "items.jsonl", "--db", OTHER)
    other().make(QueueRules(max_items=100))
    rest = document(run("import", "items.jsonl", "--db", OTHER, "--json"))

    assert full.exit_code == 1
    assert "import the file again" in full.stderr
    assert rest["imported"] + rest["duplicates"] == 8
    assert len(other().items()) == 8


def test_a_pipe_needs_no_file(field: Field) -> None:
    """From standard output into standard input."""
    exported = run("export", "-", "--db", DB)

    imported = run("import", "-", "--db", OTHER, stdin=exported.stdout_bytes)

    assert imported.stdout == "Imported 8 items into field.\n"
    assert len(exported.stdout.splitlines()) == 10


def test_lines_are_ascii_and_say_what_they_are(field: Field) -> None:
    """A header with a version, an item a line, and an end that counts."""
    run("export", "items.jsonl", "--db", DB)

    lines = Path("items.jsonl").read_bytes().splitlines()

    assert json.loads(lines[0]) == {
        "syncpatterns": "queue-export",
        "version": 1,
        "queue": "field",
    }
    assert json.loads(lines[-1]) == {"end": 8}
    assert all(line.isascii() for line in lines)
    assert json.loads(json.loads(lines[1])["payload"]) == {"phone": CANARY}


@pytest.mark.skipif(os.name == "nt", reason="has no such modes")
def test_the_file_is_the_owners_alone(field: Field) -> None:
    """It holds everything that the items say."""
    run("export", "items.jsonl", "--db", DB)

    assert Path("items.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_kept(field: Field) -> None:
    """Nothing is overwritten, and no half file is left."""
    Path("items.jsonl").write_text("precious")

    result = run("export", "items.jsonl", "--db", DB)

    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert Path("items.jsonl").read_text() == "precious"
    assert not Path("items.jsonl.part").exists()


# ---------------------------------------------------------- files of others


def without_end(lines: list[bytes]) -> list[bytes]:
    """Cut the last line off."""
    return lines[:-1]


def one_less(lines: list[bytes]) -> list[bytes]:
    """Lose an item on the way."""
    return [*lines[:3], *lines[4:]]


def with_field(**more: Any) -> Callable[[list[bytes]], list[bytes]]:
    """Return what changes an item."""

    def change(lines: list[bytes]) -> list[bytes]:
        said = json.loads(lines[1]) | more
        return [lines[0], json.dumps(said).encode() + b"\n", *lines[2:]]

    return change


HOSTILE_FILES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "cut off": (without_end, "was cut off"),
    "an item less": (one_less, "was cut off"),
    "empty": (lambda _: [], "is empty"),
    "no header": (lambda lines: lines[1:], "Line 1 is at the wrong place"),
    "two headers": (lambda lines: [lines[0], *lines], "Line 2 is at the wrong place"),
    "two files": (lambda lines: [*lines, *lines], "is at the wrong place"),
    "binary": (lambda lines: [b"\x00\xff\xfe\n", *lines], "no JSON"),
    "deep": (lambda lines: [lines[0], b"[" * 100_000 + b"\n"], "no JSON"),
    "another file": (lambda _: [b'{"syncpatterns": "x"}\n'], "begins another file"),
    "a later release": (
        lambda lines: [lines[0].replace(b"1", b"2"), *lines[1:]],
        "another release",
    ),
    "another field": (with_field(shell="rm"), "shell"),
    "a missing field": (lambda lines: [lines[0], b'{"key": "a"}\n'], "Line 2"),
    "a state": (with_field(state="done"), "state"),
    "two payloads": (with_field(payload_base64="eA=="), "no payload, or two"),
    "no payload": (with_field(payload=None), "no payload, or two"),
    "no base64": (with_field(fingerprint="???"), "no base64"),
    "a wrong type": (with_field(priority="7"), "priority"),
    "no moment": (with_field(sent_at=math.inf), "a time in it is no number"),
    "no number": (with_field(due_at=math.nan), "a time in it is no number"),
    "an end of words": (lambda lines: [lines[0], b'{"end": "x"}\n'], "Line 2"),
}


@pytest.mark.parametrize(
    ("change", "sentence"), HOSTILE_FILES.values(), ids=HOSTILE_FILES
)
def test_a_file_that_is_none_of_ours_changes_nothing(
    field: Field, change: Callable[[list[bytes]], list[bytes]], sentence: str
) -> None:
    """It is looked through before anything is stored; the error repeats no data."""
    run("export", "items.jsonl", "--db", DB)
    lines = Path("items.jsonl").read_bytes().splitlines(keepends=True)
    Path("items.jsonl").write_bytes(b"".join(change(lines)))

    result = run("import", "items.jsonl", "--db", OTHER)

    assert result.exit_code in (1, 2)
    assert sentence in result.stderr
    assert "Nothing was imported" in result.stderr
    assert CANARY not in result.output
    assert other().within(lambda store: store.queues()) == []


def test_a_file_that_is_not_there_is_said(field: Field) -> None:
    """In one sentence."""
    result = run("import", "no.jsonl", "--db", OTHER)

    assert result.exit_code == 2
    assert result.stderr == "Error: no.jsonl: No such file or directory.\n"


def test_progress_is_said_where_nobody_watches(field: Field) -> None:
    """Plain lines on standard error, ten at most."""
    field.put(*(item(f"k{n}") for n in range(92)))

    exported = run("export", "items.jsonl", "--db", DB)
    imported = run("import", "items.jsonl", "--db", OTHER)

    assert exported.stderr.splitlines()[0] == "Exported 10 of 100 (10 %)"
    assert imported.stderr.splitlines()[-1] == "Imported 100 of 100 (100 %)"
    assert len(imported.stderr.splitlines()) == 10


def test_parked_and_dead_keep_their_reasons(field: Field) -> None:
    """Whoever looks later sees what was seen before."""
    field.end(item("x"), lambda hold: Park(hold, "newer", "version 9"))
    field.end(item("y"), lambda hold: Fail(hold, "attempts", "500"))
    run("export", "items.jsonl", "--db", DB)
    run("import", "items.jsonl", "--db", OTHER)

    found = {
        each.key: (each.state, each.reason, each.error) for each in other().items()
    }
    assert found["x"] == ("parked", "newer", "version 9")
    assert found["y"] == ("dead", "attempts", "500")
