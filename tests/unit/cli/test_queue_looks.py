"""``queue ls``, ``show`` and ``stats``: what there is, and nothing of what it says."""

from __future__ import annotations

import json

import pytest

from syncpatterns.offline_queue._core import Fail, QueueRules
from syncpatterns.offline_queue._ports import ClaimRequest, EnqueueRequest, QueueStore
from tests.unit.cli.conftest import Shop, document
from tests.unit.cli.queues import CANARY, DB, HOSTILE, Field, item, masked, run

ITEMS = "SELECT * FROM syncpatterns_queue_item"


@pytest.fixture
def field(shop: Shop) -> Field:
    """Put one item of each kind into the queue."""
    field = Field()
    field.put(item("a", priority=2), item("b", lane="lead 7"), item("c", delay=600.0))
    field.put(item("d", "sms.send", target="sms", lane="lead 7"))
    field.parked("e")
    field.dead("f", error="no such lead")
    return field


def test_an_empty_queue_is_said_in_words(shop: Shop) -> None:
    """No empty table."""
    Field().make()

    result = run("ls", "--db", DB)

    assert (result.exit_code, result.output) == (
        0,
        "Nothing of that kind is in field.\n",
    )


def test_the_table_says_where_each_item_stands(field: Field) -> None:
    """One line an item, in the order of their numbers."""
    lines = masked(run("ls", "--db", DB).stdout)

    assert lines == [
        "number hash operation target state reason age tried",
        "1 HASH leads.update default ready - AGE 0",
        "2 HASH leads.update default ready - AGE 0",
        "3 HASH leads.update default scheduled - AGE 0",
        "4 HASH sms.send sms waiting - AGE 0",
        "5 HASH leads.update default parked sign-in AGE 1",
        "6 HASH leads.update default dead rejected AGE 1",
        "6 items.",
    ]


def test_json_has_stable_names(field: Field) -> None:
    """A program reads it without guessing."""
    found = document(run("ls", "--db", DB, "--json", "--limit", "1"))

    (first,) = found["items"]
    assert (found["queue"], found["more"]) == ("field", True)
    assert list(first) == [
        "number",
        "key_hash",
        "operation",
        "target",
        "state",
        "reason",
        "priority",
        "since",
        "age_seconds",
        "deliveries",
        "attempts",
    ]
    assert (first["number"], first["priority"], first["state"]) == (1, 2, "ready")


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--state", "dead"], [6]),
        (["--state", "ready", "--state", "waiting"], [1, 2, 4]),
        (["--operation", "sms.send"], [4]),
        (["--target", "sms"], [4]),
        (["--lane", "lead 7"], [2, 4]),
        (["--reason", "sign-in"], [5]),
        (["--after", "4"], [5, 6]),
        (["--limit", "2"], [1, 2]),
        (["--limit", "2", "--after", "1", "--target", "default"], [2, 3]),
        (["--state", "leased"], []),
    ],
)
def test_options_choose(field: Field, options: list[str], numbers: list[int]) -> None:
    """All of them together, each narrowing further."""
    found = document(run("ls", "--db", DB, "--json", *options))

    assert [each["number"] for each in found["items"]] == numbers


def test_more_than_a_page_is_listed(shop: Shop) -> None:
    """The store gives a page at a time."""
    field = Field()
    field.put(*(item(f"k{n}") for n in range(1203)))

    all_of_them = run("ls", "--db", DB, "--limit", "2000").stdout.splitlines()
    some = run("ls", "--db", DB, "--limit", "600").stdout.splitlines()

    assert all_of_them[-1] == "1203 items."
    assert some[-1] == "600 items; --after 600 shows more."


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("command", ["ls", "stats", "dead ls", "show 1", "show 6"])
def test_nothing_personal_is_shown(
    field: Field, command: str, options: list[str]
) -> None:
    """Neither the payload nor the key; that takes --payload."""
    field.put(item(CANARY))

    result = run(*command.split(), "--db", DB, *options)

    assert CANARY not in result.output
    assert "acme" not in result.output


def test_an_item_is_shown_with_where_it_stands(field: Field) -> None:
    """What people ask first when something did not arrive."""
    lines = masked(run("show", 6, "--db", DB).stdout)

    assert lines == [
        "number 6",
        "key hash HASH",
        "operation leads.update",
        "target default",
        "state dead",
        "reason rejected",
        "priority 0",
        "since MOMENT",
        "age seconds SECONDS",
        "deliveries 1",
        "attempts 0",
        "error no such lead",
        "lane null",
        "entity null",
        "version 1",
        "lapses 0",
        "waits for 0",
        "due MOMENT",
        "lease until null",
        "expires null",
        "sent MOMENT",
        "payload bytes 25",
        "sealed null",
    ]


def test_payload_is_shown_to_who_asks(field: Field) -> None:
    """Key, scope, headers and payload, as JSON where it is some."""
    shown = document(run("show", 1, "--db", DB, "--json", "--payload"))

    assert (shown["key"], shown["scope"], shown["headers"], shown["payload"]) == (
        "a",
        "acme",
        {},
        {"phone": CANARY},
    )


def test_a_payload_that_is_no_json_is_shown_in_base64(shop: Shop) -> None:
    """Nothing that a terminal would obey, and nothing lost."""
    Field().put(item("a", payload=b"\xff\x1b[2J"))

    shown = document(run("show", 1, "--db", DB, "--json", "--payload"))
    plain = run("show", 1, "--db", DB, "--payload").output

    assert shown["payload"] == {"base64": "/xtbMko="}
    assert "\x1b" not in plain


def test_what_is_shown_of_a_payload_is_json_that_anybody_reads(shop: Shop) -> None:
    """NaN is JSON for Python only, so it is shown as the bytes that it is."""
    Field().put(item("a", payload=b'{"price": NaN}'))
    shown = document(run("show", 1, "--db", DB, "--json", "--payload"))

    assert shown["payload"] == {"base64": "eyJwcmljZSI6IE5hTn0="}


def test_an_item_that_has_ended_is_told_as_such(field: Field) -> None:
    """Not only that it is not there."""
    run("cancel", 1, "--db", DB, "--yes")

    gone = run("show", 1, "--db", DB)
    never = run("show", 99, "--db", DB)

    assert (gone.exit_code, gone.stderr) == (
        1,
        "Error: Item 1 has ended: cancelled (by-hand).\n",
    )
    assert (never.exit_code, never.stderr) == (
        1,
        "Error: There is no item 99 in field; `ls` shows them.\n",
    )


def test_stats_count_without_looking_at_items(field: Field) -> None:
    """By target and state, with what holds things up."""
    run("pause", "--db", DB, "--target", "sms")

    lines = masked(run("stats", "--db", DB).stdout)

    assert lines == [
        "target ready waiting scheduled leased parked dead",
        "default 2 0 1 0 1 1",
        "sms 0 1 0 0 0 0",
        "5 items live in field, 125 bytes.",
        "The oldest that is ready: AGE.",
        "Paused: target sms, until somebody resumes it (by-hand).",
    ]


def test_stats_as_json(field: Field) -> None:
    """With every state named, also where nothing is in it."""
    run("pause", "--db", DB, "--for", 60, "--reason", "deploy")

    found = document(run("stats", "--db", DB, "--json"))

    assert found["queue"] == "field"
    assert found["live"] == 5
    assert found["states"] == {
        "ready": 2,
        "waiting": 1,
        "scheduled": 1,
        "leased": 0,
        "parked": 1,
        "dead": 1,
    }
    assert 0 <= found["oldest_ready_seconds"] < 60
    assert found["blocked_lanes"] == 0
    (pause,) = found["paused"]
    assert (pause["target"], pause["reason"]) == ("", "deploy")


def test_a_lane_that_is_held_up_is_counted(shop: Shop) -> None:
    """By a dead item whose queue asks for that."""
    field = Field()
    field.make(QueueRules(on_dead="block"))

    def work(store: QueueStore) -> None:
        items = [item("a", lane="l"), item("b", lane="l")]
        store.enqueue(EnqueueRequest("field", items))
        (held,) = store.claim(ClaimRequest("field", 1, 30.0))
        store.settle("field", [Fail(held.hold, "rejected")])

    field.within(work)

    output = run("stats", "--db", DB).stdout

    assert "1 lane held up by a dead item." in output


def test_exit_codes_for_cron(field: Field) -> None:
    """1 with something to do; 0 where nobody asked."""
    codes = [
        run("ls", "--db", DB).exit_code,
        run("ls", "--db", DB, "--fail-if-any").exit_code,
        run("ls", "--db", DB, "--state", "leased", "--fail-if-any").exit_code,
        run("dead", "ls", "--db", DB, "--fail-if-any").exit_code,
        run("stats", "--db", DB, "--fail-if-older", 3600).exit_code,
        run("stats", "--db", DB, "--fail-if-older", 0).exit_code,
    ]

    assert codes == [0, 1, 0, 1, 0, 1]


def test_hostile_names_reach_no_terminal(shop: Shop) -> None:
    """What would move the cursor or look like markup is shown as it is."""
    field = Field(name=HOSTILE)
    field.dead("a", operation=HOSTILE, target=HOSTILE, lane=HOSTILE, error=HOSTILE)

    outputs = [
        run(*command, "--db", DB).output
        for command in (["ls"], ["show", 1], ["stats"], ["dead", "ls"])
    ]

    for output in outputs:
        assert "\x1b" not in output
        assert "\u202e" not in output
        assert "[red]" in output


# ------------------------------------------------------------------- naming


@pytest.mark.parametrize(
    ("args", "code", "sentence"),
    [
        ([], 2, "Name the database with --db"),
        (["--db", "memory://"], 2, "memory:// is empty in every new process"),
        (["--db", "sqlite:///no.db"], 2, "does not exist, and nothing was made"),
        (["--db", DB, "--queue", "other"], 1, "no queue 'other' in this database; it"),
    ],
)
def test_what_is_named_wrongly_is_said(
    field: Field, args: list[str], code: int, sentence: str
) -> None:
    """In one sentence, and nothing is made."""
    result = run("ls", *args)

    assert result.exit_code == code
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_database_without_a_queue_says_so(shop: Shop) -> None:
    """It is made by the application, not by a look."""
    result = run("ls", "--db", DB)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "holds no queue yet" in result.stderr


def test_of_several_queues_one_must_be_named(field: Field) -> None:
    """Or the environment does."""
    Field("office").put(item("x"))

    unclear = run("ls", "--db", DB)
    named = run("ls", "--db", DB, "--queue", "office", "--json")
    by_env = run("ls", "--json", SYNCPATTERNS_DB=DB, SYNCPATTERNS_QUEUE="office")

    assert unclear.exit_code == 2
    assert "several queues: field, office" in unclear.stderr
    assert json.loads(named.stdout)["queue"] == "office"
    assert json.loads(by_env.stdout)["queue"] == "office"


def test_looking_leaves_everything_as_it_was(field: Field, shop: Shop) -> None:
    """No item moves, and nothing appears beside the database."""
    before = (shop.rows(ITEMS), sorted(shop.folder.iterdir()))

    for command in ("ls", "stats", "dead ls", "show 1"):
        run(*command.split(), "--db", DB)

    assert (shop.rows(ITEMS), sorted(shop.folder.iterdir())) == before
