"""``unresolved show``: the facts of one call, its contents only when asked for."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import CANARY, DB, Run, Shop, document

FACTS = {
    "key_hash",
    "storage_key",
    "operation",
    "state",
    "since",
    "age_seconds",
    "attempts",
    "has_receipt",
    "engine",
    "steps_done",
    "forgotten_after",
}


def test_the_facts_are_shown_without_the_contents(shop: Shop, run: Run) -> None:
    """Enough to go on with, and nobody's number."""
    key = shop.lose(note=f"sms {CANARY}", fails_after=True)

    text = run("show", key[:8], "--db", DB)
    facts = document(run("show", key[:8], "--db", DB, "--json"))

    assert set(facts) == FACTS
    assert (key, "sms.send", "sqlite", 1, True) == (
        facts["storage_key"],
        facts["operation"],
        facts["engine"],
        facts["steps_done"],
        facts["has_receipt"],
    )
    assert "forgotten after" in text.stdout
    assert CANARY not in text.output + str(facts)
    assert "SMkept" not in text.output + str(facts)


def test_reveal_shows_command_receipt_and_steps(shop: Shop, run: Run) -> None:
    """Who has to look at the provider needs to know what for."""
    key = shop.lose(note="lookup", fails_after=True)

    facts = document(run("show", key[:8], "--db", DB, "--reveal", "--json"))
    text = run("show", key[:8], "--db", DB, "--reveal").stdout

    assert FACTS | {"command", "receipt", "steps"} == set(facts)
    assert facts["command"] == {"to": CANARY, "body": "Hi"}
    assert facts["receipt"] == {"sid": "SMkept"}
    assert facts["steps"] == {"lookup": CANARY}
    assert CANARY in text


@pytest.mark.parametrize("digits", [6, 7, 8, 20, 64])
def test_a_hash_is_named_by_its_first_digits(shop: Shop, run: Run, digits: int) -> None:
    """Six are enough, in capitals too."""
    key = shop.lose()

    facts = document(run("show", key[:digits].upper(), "--db", DB, "--json"))

    assert key == facts["storage_key"]


@pytest.mark.parametrize("prefix", ["abcde", "a" * 65, "xyzxyz", "+12025550147", " "])
def test_what_is_no_hash_is_refused(shop: Shop, run: Run, prefix: str) -> None:
    """With the rule, before anything is looked for."""
    result = run("show", prefix, "--db", DB)

    assert result.exit_code == 2
    assert "6 to 64 hex digits" in result.stderr


def test_what_is_not_there_is_said(shop: Shop, run: Run) -> None:
    """Nothing unresolved begins like that; 1, as nothing is wrong with the words."""
    result = run("show", "abcdef01", "--db", DB)

    assert result.exit_code == 1
    assert (
        result.stderr
        == "Error: No unresolved call begins with abcdef01; `ls` shows what there is.\n"
    )


def test_a_call_settled_before_is_said_to_be(shop: Shop, run: Run) -> None:
    """By whom, so that the next question goes to the right desk."""
    key = shop.lose()
    words = ("--not-happened", "--by", "kim", "--reason", "none listed", "--yes")
    run("resolve", key[:8], "--db", DB, *words)

    result = run("show", key[:8], "--db", DB)

    assert result.exit_code == 1
    assert f"sms.send {key[:8]} is settled already: it was not done, says kim at" in (
        result.stderr
    )


def test_control_characters_of_a_command_reach_no_terminal(
    shop: Shop, run: Run
) -> None:
    """Nor from a record that somebody else's release wrote."""
    key = shop.lose()
    notes = '{"command": "G1sySiBub3QganNvbg=="}'  # ESC [2J not json, in base64
    shop.change(f"UPDATE syncpatterns_record SET notes = '{notes}'")

    result = run("show", key[:8], "--db", DB, "--reveal")

    assert result.exit_code == 0
    assert "\x1b" not in result.output
    assert r"\x1b[2J not json" in result.output
