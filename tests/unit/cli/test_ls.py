"""``unresolved ls``: what there is, and nothing of what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import CANARY, DB, Run, Shop, document


def test_nothing_unresolved_is_said_in_words(shop: Shop, run: Run) -> None:
    """An empty list is good news and no empty table."""
    result = run("ls", "--db", DB)

    assert (result.exit_code, result.output) == (0, "Nothing is unresolved.\n")


def test_the_table_shows_hash_operation_age_attempts_and_receipt(
    shop: Shop, run: Run
) -> None:
    """One line a call, in the order in which they got lost."""
    first = shop.lose("k1")
    second = shop.lose("k2", operation="mail.send", fails_after=True)

    lines = run("ls", "--db", DB).stdout.splitlines()

    columns = ["hash", "operation", "state", "since", "age", "attempts", "receipt"]
    assert columns == lines[0].split()
    assert [first[:8], "sms.send", "unknown"] == lines[1].split()[:3]
    assert lines[1].split()[-2:] == ["1", "-"]
    assert [second[:8], "mail.send", "unknown"] == lines[2].split()[:3]
    assert lines[2].split()[-2:] == ["1", "kept"]
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +\d+ (s|min)", lines[1])
    assert lines[3] == "2 unresolved calls."


def test_json_is_one_document_with_stable_names(shop: Shop, run: Run) -> None:
    """A program reads it without guessing."""
    key = shop.lose()

    found = document(run("ls", "--db", DB, "--json"))

    (call,) = found["unresolved"]
    assert {"unresolved", "total"} == set(found)
    assert found["total"] == 1
    assert (key[:8], key) == (call["key_hash"], call["storage_key"])
    assert (
        call["operation"],
        call["state"],
        call["attempts"],
        call["has_receipt"],
    ) == ("sms.send", "unknown", 1, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", call["since"])
    assert 0 <= call["age_seconds"] < 60


def test_what_the_application_prints_is_not_in_the_document(
    shop: Shop, run: Run
) -> None:
    """An import that says hello says it on stderr."""
    shop.lose()

    result = run("ls", "--app", "shop:send_sms", "--json")

    assert document(result)["total"] == 1
    assert "the shop says hello" in result.stderr


def test_a_call_whose_owner_died_is_listed(shop: Shop, run: Run) -> None:
    """Nobody marked it unknown, and nobody knows all the same."""
    key = shop.lose()
    shop.orphan()

    result = run("ls", "--db", DB)

    assert f"{key[:8]}  sms.send   owner died" in result.stdout
    listed = document(run("ls", "--db", DB, "--json"))["unresolved"]
    assert [call["state"] for call in listed] == ["abandoned"]


def test_a_call_that_runs_is_not_listed(shop: Shop, run: Run) -> None:
    """Its owner still holds the lease."""
    shop.lose()
    shop.change(
        "UPDATE syncpatterns_record SET state = 'in_progress', lease_until = 9e9"
    )

    assert run("ls", "--db", DB).output == "Nothing is unresolved.\n"


def test_operation_and_limit_choose(shop: Shop, run: Run) -> None:
    """The oldest first; the total says what was left out."""
    keys = [shop.lose(f"k{number}") for number in range(3)]
    shop.lose("m", operation="mail.send")

    mails = document(run("ls", "--db", DB, "--json", "--operation", "mail.send"))
    two = document(run("ls", "--db", DB, "--json", "--limit", "2"))
    table = run("ls", "--db", DB, "--limit", "2").stdout

    assert [call["operation"] for call in mails["unresolved"]] == ["mail.send"]
    assert mails["total"] == 1
    assert keys[:2] == [call["storage_key"] for call in two["unresolved"]]
    assert two["total"] == 4
    assert table.endswith("2 of 4 unresolved calls; --limit shows more.\n")


def test_a_limit_below_one_is_refused(shop: Shop, run: Run) -> None:
    """No call would be shown."""
    assert run("ls", "--db", DB, "--limit", "0").exit_code == 2


def test_fail_if_any_is_for_cron(shop: Shop, run: Run) -> None:
    """1 with something to do, 0 without; and 0 where nobody asked."""
    before = run("ls", "--db", DB, "--fail-if-any").exit_code
    shop.lose()

    assert [
        before,
        run("ls", "--db", DB, "--fail-if-any").exit_code,
        run("ls", "--db", DB).exit_code,
    ] == [0, 1, 0]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_nothing_personal_is_listed(shop: Shop, run: Run, options: list[str]) -> None:
    """Neither the command nor the names and results of its steps."""
    shop.lose("k1", note=f"sms {CANARY}")
    shop.lose("k2", fails_after=True)

    result = run("ls", "--db", DB, *options)

    assert CANARY not in result.output
    assert "SMkept" not in result.output


def test_environment_names_database_and_application(shop: Shop, run: Run) -> None:
    """Who is on call types neither."""
    shop.lose()

    by_db = run("ls", "--json", SYNCPATTERNS_DB=DB)
    by_app = run("ls", "--json", SYNCPATTERNS_APP="shop:send_sms")

    assert [document(by_db)["total"], document(by_app)["total"]] == [1, 1]


def test_hostile_names_reach_no_terminal(shop: Shop, run: Run) -> None:
    """What would move the cursor or look like markup is shown as it is."""
    shop.lose()
    shop.change(
        "UPDATE syncpatterns_record SET operation = 'sms' || char(27) || '[2J [red]'"
    )

    result = run("ls", "--db", DB)

    assert "\x1b" not in result.output
    assert r"sms\x1b[2J [red]" in result.output


#: Of a record, beside its key, as long as somebody has to look at it.
COLUMNS = (
    "operation, fingerprint, state, token, nonce, attempts, created, lease_until, "
    "replay_until, dedupe_until, notes"
)


def test_hashes_are_as_long_as_it_takes(shop: Shop, run: Run) -> None:
    """Two calls whose first digits agree are told apart."""
    key = shop.lose()
    twin = key[:10] + ("0" if key[10] != "0" else "1") + key[11:]
    shop.change(
        f"INSERT INTO syncpatterns_record (key, {COLUMNS}) "
        f"SELECT x'{twin}', {COLUMNS} FROM syncpatterns_record",
    )

    output = run("ls", "--db", DB).stdout
    ambiguous = run("show", key[:8], "--db", DB)

    assert key[:11] in output
    assert twin[:11] in output
    assert ambiguous.exit_code == 2
    assert key[:11] in ambiguous.stderr
    assert twin[:11] in ambiguous.stderr


def test_a_table_in_a_file_cuts_nothing_off(shop: Shop, run: Run) -> None:
    """A pipe has no width that a name would have to fit in."""
    name = "a-rather-long-operation-name." * 3
    shop.lose(operation=name)

    assert name in run("ls", "--db", DB).stdout


def test_looking_leaves_the_file_as_it_was(
    shop: Shop, run: Run, tmp_path: Path
) -> None:
    """No row changes, and nothing else appears beside the database."""
    shop.lose()
    before = (
        shop.rows("SELECT * FROM syncpatterns_record"),
        sorted(tmp_path.iterdir()),
    )

    run("ls", "--db", DB)

    after = (shop.rows("SELECT * FROM syncpatterns_record"), sorted(tmp_path.iterdir()))
    assert before == after
