"""``unresolved log``: who settled what, and why."""

from __future__ import annotations

import re

from tests.unit.cli.conftest import DB, Run, Shop, document


def settle(run: Run, key: str, reason: str) -> None:
    """Say that it was not done."""
    words = ("--not-happened", "--by", "kim", "--reason", reason, "--yes")
    assert run("resolve", key[:8], "--db", DB, *words).exit_code == 0


def test_an_empty_trail_is_said_in_words(shop: Shop, run: Run) -> None:
    """No empty table."""
    assert run("log", "--db", DB).output == "Nothing has been settled.\n"


def test_the_newest_stands_first(shop: Shop, run: Run) -> None:
    """With everything that was written down."""
    first, second = shop.lose("k1"), shop.lose("k2")
    settle(run, first, "none listed")
    settle(run, second, "asked by telephone")

    lines = run("log", "--db", DB).stdout.splitlines()
    notes = document(run("log", "--db", DB, "--json"))["resolutions"]

    assert lines[0].split() == ["at", "hash", "operation", "outcome", "by", "reason"]
    assert "asked by telephone" in lines[1]
    assert [second, first] == [note["storage_key"] for note in notes]
    assert {
        "at",
        "key_hash",
        "storage_key",
        "operation",
        "outcome",
        "by",
        "reason",
    } == set(notes[0])
    assert (
        notes[0]["outcome"],
        notes[0]["by"],
        notes[0]["reason"],
    ) == ("not-happened", "kim", "asked by telephone")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", notes[0]["at"])


def test_limit_leaves_out_the_oldest(shop: Shop, run: Run) -> None:
    """The newest is what was asked for."""
    first, second = shop.lose("k1"), shop.lose("k2")
    settle(run, first, "a")
    settle(run, second, "b")

    notes = document(run("log", "--app", "shop:send_sms", "--json", "--limit", "1"))

    assert [note["reason"] for note in notes["resolutions"]] == ["b"]


def test_a_hostile_reason_reaches_no_terminal(shop: Shop, run: Run) -> None:
    """Neither its colours nor its markup are obeyed."""
    settle(run, shop.lose(), "seen\x1b[31m [bold]there\nTwice")

    output = run("log", "--db", DB).output

    assert "\x1b" not in output
    assert r"seen\x1b[31m [bold]there\nTwice" in output


def test_memory_keeps_no_trail(shop: Shop, run: Run) -> None:
    """It says so instead of showing an empty one."""
    (shop.folder / "fleeting.py").write_text(
        "from shop import send\nfrom syncpatterns import Operation, connect\n"
        "op = Operation('sms.send', connect('memory://'), call=send)\n"
    )

    result = run("log", "--app", "fleeting:op")

    assert result.exit_code == 2
    assert "memory does not write down" in result.stderr
