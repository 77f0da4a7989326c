"""``syncpatterns queue`` over what is sealed: with the keys, and without."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.sealing import Keyring
from tests.unit.cli.conftest import Shop, document
from tests.unit.cli.queues import CANARY, DB, Field, run

KEY, INDEX = Keyring.new_key(), Keyring.new_key()

#: What an application looks like to ``--app``.
APP = f"""
from __future__ import annotations
from syncpatterns import connect
from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.sealing import Keyring

keyring = Keyring(
    {{"2026-11": "{base64.b64encode(KEY).decode()}"}},
    index="{base64.b64encode(INDEX).decode()}",
)
other = Keyring({{"2026-11": Keyring.new_key()}}, index=Keyring.new_key())
engine = connect("sqlite:///app.db")
queue = OfflineQueue("field", engine, sealer=keyring)
wrong = OfflineQueue("field", engine, sealer=other)
office = OfflineQueue("office", engine, sealer=keyring)
strange = OfflineQueue("strange", engine, sealer=keyring)
"""
MINE = ("--app", "sealing_field:queue")


def made(engine: Any, name: str = "field") -> OfflineQueue:
    """Return the application's queue."""
    sealer = Keyring({"2026-11": KEY}, index=INDEX)
    queue = OfflineQueue(name, engine, sealer=sealer, compress=1024)

    @queue.handler("leads.update", lane=lambda lead: f"lead:{lead['phone']}")
    def update(lead: dict[str, Any]) -> str:
        return str(lead["phone"])

    return queue


@pytest.fixture
def field(shop: Shop) -> Field:
    """Leave a queue with a sealed item, a long one that is sealed, and a plain one."""
    shop.change("DROP TABLE sent")
    Path("sealing_field.py").write_text(APP)
    with SqliteEngine(Path("app.db")) as engine:
        queue = made(engine)
        for n, text in ((1, "short"), (2, "long " * 1000)):
            lead = {"phone": CANARY, "text": text}
            queue.enqueue(
                "leads.update", lead, key=f"k{n}", scope="acme", headers={"by": CANARY}
            )
        plain = OfflineQueue("field", engine, compress=1024)
        plain.handler("leads.note")(note)
        plain.enqueue("leads.note", "x" * 2000, key="k3", scope="acme")
    return Field()


def note(text: str) -> None:
    """A handler that nobody calls here."""


def test_without_the_key_only_its_name_is_shown(field: Field) -> None:
    """Neither lists nor --payload fail, and none of them shows what is sealed."""
    shown = [
        run("ls", "--db", DB),
        run("show", "1", "--db", DB),
        run("show", "1", "--db", DB, "--payload"),
        run("show", "2", "--db", DB, "--payload", "--json"),
        run("stats", "--db", DB),
        run("dead", "ls", "--db", DB),
        run("doctor", "--db", DB),
        run("export", "-", "--db", DB),
    ]

    assert [each.exit_code for each in shown] in ([0] * 8, [0] * 6 + [1, 0])
    assert CANARY not in "".join(each.output for each in shown)
    facts = document(run("show", "2", "--db", DB, "--payload", "--json"))
    assert (facts["sealed"], facts["payload"]) == ("2026-11", {"sealed": "2026-11"})
    assert facts["lane"].startswith("sealed:")
    assert "sealed         2026-11" in shown[1].output


def test_what_is_compressed_is_shown_to_everybody(field: Field) -> None:
    """It is no secret."""
    facts = document(run("show", "3", "--db", DB, "--payload", "--json"))

    assert (facts["sealed"], facts["payload"]) == (None, "x" * 2000)
    assert facts["payload_bytes"] < 100


def test_with_the_key_all_is_shown_as_ever(field: Field) -> None:
    """Payload, headers and lane; and a lane is found by its name."""
    arguments = ("--db", DB, "--payload", "--json", *MINE)
    facts = document(run("show", "1", *arguments))
    listed = document(
        run("ls", "--db", DB, "--json", "--lane", f"lead:{CANARY}", *MINE)
    )

    assert facts["payload"] == {"phone": CANARY, "text": "short"}
    assert facts["headers"] == {"by": CANARY}
    assert (facts["lane"], facts["sealed"]) == (f"lead:{CANARY}", "2026-11")
    assert [each["number"] for each in listed["items"]] == [1, 2]


def test_another_key_shows_no_more_than_none(field: Field) -> None:
    """And fails no more."""
    result = run("show", "1", "--db", DB, "--payload", "--app", "sealing_field:wrong")

    assert result.exit_code == 0
    assert CANARY not in result.output


def test_an_application_with_another_queue_is_refused(field: Field) -> None:
    """Its seal would open nothing here."""
    result = run("show", "1", "--db", DB, "--app", "sealing_field:office")

    assert (result.exit_code, CANARY in result.output) == (2, False)
    assert "is the queue 'office'" in result.stderr


def deliver(path: str, name: str = "field") -> list[Any]:
    """Deliver all there is with the key; return what was kept of each."""
    with SqliteEngine(Path(path)) as engine:
        queue = made(engine, name)
        queue.handler("leads.note")(note)
        ids = [item.seq for item in queue.items()]
        queue.flush()
        return [queue.receipt(each).wait(0).value for each in ids]


def test_an_export_is_sealed_and_comes_back_without_the_key(field: Field) -> None:
    """Whoever moves a queue needs no key, and the items are the same to the byte."""
    assert run("export", "out.jsonl", "--db", DB).exit_code == 0
    assert CANARY not in Path("out.jsonl").read_text()
    Field(path="other.db").within(lambda store: store.queues())
    result = run("import", "out.jsonl", "--db", "sqlite:///other.db")

    assert result.exit_code == 0, result.output
    kept = [(each.payload, each.lane, each.headers) for each in field.items()]
    assert kept == [
        (each.payload, each.lane, each.headers)
        for each in Field(path="other.db").items()
    ]
    assert deliver("other.db") == [CANARY, CANARY, None]


def test_sealed_items_go_into_no_queue_of_another_name(field: Field) -> None:
    """They could not be opened there; it is said before anything is stored."""
    run("export", "out.jsonl", "--db", DB)
    result = run("import", "out.jsonl", "--db", DB, "--queue", "office")

    assert result.exit_code == 1
    assert "Line 2 is sealed for the queue 'field'" in result.stderr
    assert "office" not in run("stats", "--db", DB, "--queue", "field").output


def test_with_the_keys_items_move_to_a_queue_of_another_name(field: Field) -> None:
    """Opened on their way out, sealed again on their way in."""
    assert run("export", "out.jsonl", "--db", DB, *MINE).exit_code == 0
    lines = [json.loads(each) for each in Path("out.jsonl").read_text().splitlines()]
    assert lines[1]["payload"] == f'{{"phone":"{CANARY}","text":"short"}}'
    arguments = ("--queue", "office", "--app", "sealing_field:office")
    result = run("import", "out.jsonl", "--db", DB, *arguments)

    assert result.exit_code == 0, result.output
    office = Field("office").items()
    assert [each.payload[:3] for each in office] == [b"\x00S1"] * 3
    assert CANARY not in f"{[tuple(each) for each in office]}"
    with SqliteEngine(Path("app.db")) as engine:  # pressed again, it is the same
        lead = {"phone": CANARY, "text": "short"}
        again = made(engine, "office").enqueue(
            "leads.update", lead, key="k1", scope="acme"
        )
    assert again.id == office[0].seq
    assert deliver("app.db", "office") == [CANARY, CANARY, None]


def test_a_sealed_file_goes_through_the_seal_of_its_own_queue(field: Field) -> None:
    """What is sealed already is not sealed twice; what lies open is."""
    run("export", "out.jsonl", "--db", DB)
    Field(path="other.db").within(lambda store: store.queues())
    result = run("import", "out.jsonl", "--db", "sqlite:///other.db", *MINE)

    assert result.exit_code == 0, result.output
    other = Field(path="other.db").items()
    assert [each.payload[:3] for each in other] == [b"\x00S1"] * 3
    assert deliver("other.db") == [CANARY, CANARY, None]


def damage(index: str) -> None:
    """Overwrite the first page of an index."""
    with closing(sqlite3.connect("app.db")) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)
        ).fetchone()
    with Path("app.db").open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(4096))


def test_a_salvaged_database_keeps_what_is_sealed(field: Field) -> None:
    """Without the key, byte by byte."""
    before = [each.payload for each in field.items()]
    damage("syncpatterns_queue_item_lane")
    result = run("salvage", "--db", DB, "--yes")

    assert result.exit_code == 0, result.output
    assert [each.payload for each in field.items()] == before
    assert deliver("app.db") == [CANARY, CANARY, None]


def test_an_item_without_its_key_is_found_among_the_parked(field: Field) -> None:
    """With the name of the key that is missing; requeued, it is delivered."""
    with SqliteEngine(Path("app.db")) as engine:
        keyless = OfflineQueue("field", engine)
        for name in ("leads.update", "leads.note"):
            keyless.handler(name)(note)
        keyless.flush()
    listed = run("dead", "ls", "--db", DB, "--reason", "key")

    assert "SealKeyMissing: 2026-11" in listed.output
    assert run("dead", "requeue", "1", "--db", DB, "--yes").exit_code == 0
    assert deliver("app.db") == [CANARY, CANARY]
