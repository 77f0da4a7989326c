"""``queue pause``, ``resume``, ``cancel`` and ``dead``: what people decide."""

from __future__ import annotations

import pytest

from syncpatterns.offline_queue._core import Fail
from syncpatterns.offline_queue._ports import ClaimRequest
from tests.unit.cli.conftest import Shop, document
from tests.unit.cli.queues import CANARY, DB, Field, item, masked, run


@pytest.fixture
def field(shop: Shop) -> Field:
    """Put some items into the queue, some of them past helping themselves."""
    field = Field()
    field.put(item("a"), item("b", target="sms"))
    field.dead("c")
    field.dead("d", operation="sms.send", target="sms", error="wrong number")
    field.parked("e")
    return field


def test_a_pause_stops_claims_until_it_is_resumed(field: Field) -> None:
    """Of the whole queue, or of one target."""
    paused = run("pause", "--db", DB, "--reason", "deploy")
    claimed = field.claim(9)
    resumed = run("resume", "--db", DB)

    assert paused.stdout == (
        "Paused: the whole queue, until somebody resumes it (deploy).\n"
    )
    assert claimed == []
    assert resumed.stdout == "Resumed: the whole queue (was paused: deploy).\n"
    assert len(field.claim(9)) >= 2


def test_one_target_is_paused_for_a_while(field: Field) -> None:
    """The others go on; the pause says when it ends."""
    paused = run("pause", "--db", DB, "--target", "sms", "--for", 600)

    assert masked(paused.stdout) == ["Paused: target sms, until DATE (by-hand)."]
    assert {each.target for each in field.claim(9)} == {"default"}
    assert masked(run("resume", "--db", DB, "--target", "sms").stdout) == [
        "Resumed: target sms (was paused: by-hand)."
    ]


def test_resuming_what_runs_says_so(field: Field) -> None:
    """It is no error."""
    result = run("resume", "--db", DB)

    assert (result.exit_code, result.stdout) == (0, "Nothing was paused.\n")


def test_cancelled_items_are_gone(field: Field) -> None:
    """One that somebody is delivering stays, and is named."""
    held = field.claim(1)[0].seq

    result = run("cancel", held, 2, 99, "--db", DB, "--yes")

    assert result.exit_code == 1
    assert result.stdout == "Cancelled 1 item.\n"
    assert result.stderr.splitlines() == [
        f"Error: Item {held} is leased, and stays as it is.",
        "Error: There is no item 99 in field; `ls` shows them.",
    ]
    assert "b" not in field.states()


def test_what_cannot_be_undone_is_asked_for(field: Field) -> None:
    """Where nobody can be asked, it must be said beforehand."""
    before = field.states()

    for words in (["cancel", "1"], ["dead", "requeue", "3"], ["dead", "discard", "3"]):
        result = run(*words, "--db", DB)

        assert result.exit_code == 2
        assert "say --yes" in result.stderr
    assert field.states() == before


def test_asked_on_a_terminal_no_changes_nothing(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And yes does it."""
    monkeypatch.setattr("syncpatterns.cli._queue._changes.is_interactive", lambda: True)

    no = run("dead", "discard", 3, "--db", DB, stdin="n\n")
    kept = field.states()
    yes = run("dead", "discard", 3, "--db", DB, stdin="y\n")

    assert (no.exit_code, yes.exit_code) == (1, 0)
    assert "Discard 1 item?" in no.stderr
    assert kept["c"] == "dead"
    assert "c" not in field.states()


def test_dead_lists_what_waits_for_somebody(field: Field) -> None:
    """Dead and parked ones, with what was said last."""
    lines = masked(run("dead", "ls", "--db", DB).stdout)

    assert lines == [
        "number hash operation target state reason age tried said last",
        "3 HASH leads.update default dead rejected AGE 1 said no",
        "4 HASH sms.send sms dead rejected AGE 1 wrong number",
        "5 HASH leads.update default parked sign-in AGE 1 -",
        "3 of 3 items that somebody has to look at.",
    ]


def test_dead_as_json(field: Field) -> None:
    """With the total, whatever is chosen of it."""
    found = document(run("dead", "ls", "--db", DB, "--json", "--target", "sms"))

    assert found["total"] == 3
    assert [(each["number"], each["error"]) for each in found["items"]] == [
        (4, "wrong number")
    ]


def test_nothing_dead_is_good_news(shop: Shop) -> None:
    """Said in words."""
    Field().put(item("a"))

    assert run("dead", "ls", "--db", DB).stdout == (
        "Nothing is dead or parked in field.\n"
    )


def test_requeued_items_run_again(field: Field) -> None:
    """Under their own number and key."""
    result = run("dead", "requeue", 3, 5, "--db", DB, "--yes")

    assert (result.exit_code, result.stdout) == (0, "Requeued 2 items.\n")
    assert {each.key for each in field.claim(9)} == {"a", "b", "c", "e"}


def test_all_takes_what_the_options_choose(field: Field) -> None:
    """And nothing else."""
    done = document(
        run(
            "dead", "requeue", "--all", "--db", DB, "--yes", "--json", "--target", "sms"
        )
    )

    assert done == {"requeued": [4], "left": []}
    assert field.states()["c"] == "dead"


def test_all_takes_more_than_a_page(shop: Shop) -> None:
    """A portion at a time."""
    field = Field()
    field.put(*(item(f"k{n}") for n in range(1100)))
    field.within(
        lambda store: store.settle(
            "field",
            [
                Fail(each.hold, "rejected")
                for each in store.claim(ClaimRequest("field", 1100, 30.0))
            ],
        )
    )

    result = run("dead", "discard", "--all", "--db", DB, "--yes")

    assert result.stdout == "Discarded 1100 items.\n"
    assert field.items() == []


def test_what_is_alive_is_not_requeued(field: Field) -> None:
    """It is named, and the exit code says that not all was done."""
    result = run("dead", "requeue", 1, 3, 77, "--db", DB, "--yes")

    assert result.exit_code == 1
    assert result.stdout == "Requeued 1 item.\n"
    assert result.stderr.splitlines() == [
        "Error: Item 1 is ready, and stays as it is.",
        "Error: There is no item 77 in field; `ls` shows them.",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["requeue"], "Name items by their NUMBER, or take --all"),
        (["discard", "3", "--all"], "Name items by their NUMBER, or take --all"),
        (["requeue", "3", "--reason", "x"], "go with --all"),
    ],
)
def test_it_must_be_clear_which_are_meant(
    field: Field, words: list[str], sentence: str
) -> None:
    """Before anything is changed."""
    result = run("dead", *words, "--db", DB, "--yes")

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_number_is_a_number_above_0(field: Field) -> None:
    """Typer says so itself."""
    assert run("cancel", "0", "--db", DB, "--yes").exit_code == 2
    assert run("cancel", "x", "--db", DB, "--yes").exit_code == 2


def test_nothing_personal_is_said(field: Field) -> None:
    """Whatever is done."""
    outputs = [
        run("cancel", 1, "--db", DB, "--yes").output,
        run("dead", "requeue", 3, "--db", DB, "--yes").output,
        run("dead", "discard", 4, "--db", DB, "--yes").output,
    ]

    assert not any(CANARY in output for output in outputs)


@pytest.mark.parametrize("reason", ["", "two\nlines", "\x1b[31mred", "x" * 501])
def test_a_reason_is_one_word(field: Field, reason: str) -> None:
    """As in the library: it is shown to whoever looks, and written to logs."""
    result = run("pause", "--db", DB, "--reason", reason)

    assert len(field.claim(9)) >= 2
    assert result.exit_code == 2
    assert "--reason takes one word" in result.stderr
