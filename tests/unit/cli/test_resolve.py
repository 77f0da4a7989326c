"""``unresolved resolve``: somebody has looked, and says what came of it."""

from __future__ import annotations

import getpass
import sys

import pytest

from syncpatterns.errors import OutcomeGone
from syncpatterns.idempotency import State
from tests.unit.cli.conftest import CANARY, DB, Run, Shop

APP = ("--app", "shop:send_sms")
WHY = ("--by", "kim", "--reason", "console shows it", "--yes")
RECEIPT = ("--receipt", '{"sid": "SM1"}')


def test_happened_writes_rows_record_and_trail(shop: Shop, run: Run) -> None:
    """commit= runs as it would have then, in the commit that settles the call."""
    key = shop.lose()

    result = run("resolve", key[:8], *APP, "--happened", *RECEIPT, *WHY)

    assert result.exit_code == 0, result.stderr
    settled = f"Settled sms.send {key[:8]}. It was done; its rows are written.\n"
    assert settled == result.stdout
    assert shop.rows() == [(CANARY, "SM1")]
    assert [(key, "sms.send", 1, "kim", "console shows it")] == shop.trail()
    assert State.COMPLETED is shop.record(key).state


def test_later_calls_get_the_result(shop: Shop, run: Run) -> None:
    """The key replays what commit= returned."""
    key = shop.lose()
    run("resolve", key[:8], *APP, "--happened", *RECEIPT, *WHY)

    module = sys.modules["shop"]
    again = module.Sms(CANARY, "Hi")
    answer = module.send_sms.call(again, key="k1", scope="acme")

    assert (answer.value, answer.replayed) == ("SM1", True)


def test_not_happened_gives_the_key_back(shop: Shop, run: Run) -> None:
    """It needs no application: there are no rows to write."""
    key = shop.lose()

    result = run("resolve", key[:8], "--db", DB, "--not-happened", *WHY)

    assert result.exit_code == 0, result.stderr
    assert State.FREE is shop.record(key).state
    assert [(key, "sms.send", 0, "kim", "console shows it")] == shop.trail()
    assert shop.rows() == []


def test_not_happened_tells_the_hooks_of_the_operation(shop: Shop, run: Run) -> None:
    """Where the application is named, it hears of it."""
    key = shop.lose()
    (shop.folder / "hooked.py").write_text(
        "from shop import engine, send\nfrom syncpatterns import Operation\n"
        "facts = []\n"
        "op = Operation('sms.send', engine, call=send, hooks=[facts.append])\n"
    )

    result = run("resolve", key[:8], "--app", "hooked:op", "--not-happened", *WHY)

    assert result.exit_code == 0, result.stderr
    assert [
        (type(fact).__name__, fact.happened, fact.by)
        for fact in sys.modules["hooked"].facts
    ] == [("Resolved", False, "kim")]


def test_happened_without_the_application_is_refused(shop: Shop, run: Run) -> None:
    """Its rows would be missing; the sentence says so, and the ways on."""
    key = shop.lose()

    result = run("resolve", key[:8], "--db", DB, "--happened", *RECEIPT, *WHY)

    assert result.exit_code == 2
    for word in ("rows would be missing", "--app", "--record-only"):
        assert word in result.stderr
    assert State.UNKNOWN is shop.record(key).state
    assert shop.trail() == []


def test_record_only_says_so_to_later_calls(shop: Shop, run: Run) -> None:
    """They hear that it was done, and never do it again."""
    key = shop.lose()

    result = run("resolve", key[:8], "--db", DB, "--happened", "--record-only", *WHY)

    assert result.exit_code == 0, result.stderr
    assert "NO rows are written" in result.stdout
    assert shop.rows() == []
    assert [row[2] for row in shop.trail()] == [1]
    run("ls", *APP)
    module = sys.modules["shop"]
    with pytest.raises(OutcomeGone):
        module.send_sms.call(module.Sms(CANARY, "Hi"), key="k1", scope="acme")


def test_a_kept_receipt_need_not_be_given(shop: Shop, run: Run) -> None:
    """It was done, and only the rows were missing."""
    key = shop.lose(fails_after=True)

    result = run("resolve", key[:8], *APP, "--happened", *WHY)

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SMkept")]


def test_what_left_a_receipt_cannot_be_denied(shop: Shop, run: Run) -> None:
    """The key given back would send it a second time."""
    key = shop.lose(fails_after=True)

    result = run("resolve", key[:8], "--db", DB, "--not-happened", *WHY)

    assert result.exit_code == 2
    assert "its receipt is kept" in result.stderr
    assert State.UNKNOWN is shop.record(key).state


def test_a_second_verdict_changes_nothing(shop: Shop, run: Run) -> None:
    """The first one is told, with its name."""
    key = shop.lose()
    run("resolve", key[:8], *APP, "--happened", *RECEIPT, *WHY)

    result = run("resolve", key[:8], *APP, "--not-happened", *WHY)

    assert result.exit_code == 1
    assert "settled already: it was done, says kim" in result.stderr
    assert len(shop.trail()) == 1


@pytest.mark.parametrize(
    "said",
    [(), ("--happened", "--not-happened")],
    ids=["neither", "both"],
)
def test_one_verdict_is_needed(shop: Shop, run: Run, said: tuple[str, ...]) -> None:
    """Nothing is assumed about what a provider did."""
    key = shop.lose()

    result = run("resolve", key[:8], *APP, *said, *RECEIPT, *WHY)

    assert result.exit_code == 2
    assert "--happened or --not-happened" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--not-happened", *RECEIPT),
        ("--happened", "--record-only", *RECEIPT),
        ("--not-happened", "--record-only"),
        ("--happened", *RECEIPT, "--receipt-file", "receipt.json"),
    ],
    ids=["receipt-denied", "receipt-record", "record-denied", "two-receipts"],
)
def test_what_contradicts_itself_is_refused(
    shop: Shop, run: Run, options: tuple[str, ...]
) -> None:
    """Before anything is opened or asked."""
    key = shop.lose()

    result = run("resolve", key[:8], *APP, *options, *WHY)

    assert result.exit_code == 2
    assert shop.trail() == []


def test_by_is_the_user_of_the_system(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody always stands in the trail."""
    key = shop.lose()
    monkeypatch.setattr(getpass, "getuser", lambda: "sam")
    words = ("--not-happened", "--reason", "none listed", "--yes")

    run("resolve", key[:8], "--db", DB, *words)

    assert [row[3] for row in shop.trail()] == ["sam"]


def test_without_a_user_by_is_needed(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container may know no user by its number."""

    def nobody() -> str:
        raise OSError("No username set in the environment")

    key = shop.lose()
    monkeypatch.setattr(getpass, "getuser", nobody)
    words = ("--not-happened", "--reason", "none listed", "--yes")

    result = run("resolve", key[:8], "--db", DB, *words)

    assert (
        result.exit_code,
        result.stderr,
    ) == (2, "Error: Say who decides: --by NAME.\n")


@pytest.mark.parametrize("by", ["", "  "])
def test_an_empty_name_is_refused(shop: Shop, run: Run, by: str) -> None:
    """Nobody is not somebody."""
    key = shop.lose()
    words = ("--not-happened", "--by", by, "--reason", "x", "--yes")

    assert run("resolve", key[:8], "--db", DB, *words).exit_code == 2


@pytest.mark.parametrize("reason", [(), ("--reason", " ")], ids=["none", "blank"])
def test_a_reason_is_needed(shop: Shop, run: Run, reason: tuple[str, ...]) -> None:
    """Whoever reads the trail in a year has only that."""
    key = shop.lose()
    words = ("--not-happened", "--by", "kim", *reason, "--yes")

    result = run("resolve", key[:8], "--db", DB, *words)

    assert result.exit_code == 2
    assert "--reason TEXT" in result.stderr
    assert State.UNKNOWN is shop.record(key).state


def test_where_nobody_can_be_asked_yes_is_needed(shop: Shop, run: Run) -> None:
    """A script says it on purpose."""
    key = shop.lose()

    result = run("resolve", key[:8], "--db", DB, "--not-happened", *WHY[:-1])

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert State.UNKNOWN is shop.record(key).state


def test_a_commit_that_fails_settles_nothing_and_quotes_nothing(
    shop: Shop, run: Run
) -> None:
    """The class and the line, not the row; and the call stays on the list."""
    key = shop.lose()

    words = ("--happened", "--receipt", '{"sid": "SMbug"}', *WHY)
    result = run("resolve", key[:8], *APP, *words)

    assert result.exit_code == 1
    assert "commit= failed with LookupError at shop.py:" in result.stderr
    assert CANARY not in result.output
    assert State.UNKNOWN is shop.record(key).state
    assert shop.trail() == []


def test_a_command_that_is_no_longer_taken_is_said(shop: Shop, run: Run) -> None:
    """The kept command may be older than the class that reads it."""
    key = shop.lose()
    notes = '{"command": "eyJwaG9uZSI6ICIrMTIwMjU1NTAxNDcifQ=="}'
    shop.change(f"UPDATE syncpatterns_record SET notes = '{notes}'")

    result = run("resolve", key[:8], *APP, "--happened", *RECEIPT, *WHY)

    assert result.exit_code == 1
    assert "ValidationError" in result.stderr
    assert CANARY not in result.output
    assert State.UNKNOWN is shop.record(key).state


def test_an_application_without_the_operation_is_refused(shop: Shop, run: Run) -> None:
    """With the names that it has."""
    key = shop.lose()

    words = ("--app", "shop:other", "--happened", *RECEIPT, *WHY)
    result = run("resolve", key[:8], *words)

    assert result.exit_code == 2
    assert "has no operation of that name, only mail.send" in result.stderr


def test_two_operations_of_one_name_are_refused(shop: Shop, run: Run) -> None:
    """Whose commit= to run would be a guess."""
    key = shop.lose()
    (shop.folder / "both.py").write_text(
        "import shop\nops = [shop.send_sms, shop.looking]\n"
    )

    words = ("--app", "both:ops", "--happened", *RECEIPT, *WHY)
    result = run("resolve", key[:8], *words)

    assert result.exit_code == 2
    assert "2 operations of the name sms.send" in result.stderr


def test_a_mode_that_knows_no_unknown_is_said(shop: Shop, run: Run) -> None:
    """The name may have belonged to a fenced operation before."""
    key = shop.lose(operation="book")
    (shop.folder / "single.py").write_text(
        "from shop import engine\nfrom syncpatterns import Operation\n"
        "def effect(tx, command): return None\n"
        "op = Operation('book', engine, effect=effect)\n"
    )

    words = ("--app", "single:op", "--happened", *RECEIPT, *WHY)
    result = run("resolve", key[:8], *words)

    assert result.exit_code == 2
    assert "no outcome is ever unknown" in result.stderr
    assert shop.trail() == []


@pytest.mark.parametrize("named", [APP, ("--db", DB)], ids=["app", "db"])
def test_a_call_whose_owner_died_can_be_denied(
    shop: Shop, run: Run, named: tuple[str, ...]
) -> None:
    """Nobody has marked it unknown; it is all the same."""
    key = shop.lose()
    shop.orphan()

    result = run("resolve", key[:8], *named, "--not-happened", *WHY)

    assert result.exit_code == 0, result.stderr
    assert shop.record(key).state is State.FREE
    assert len(shop.trail()) == 1


def test_a_call_whose_owner_died_can_be_confirmed(shop: Shop, run: Run) -> None:
    """With its rows."""
    key = shop.lose()
    shop.orphan()

    result = run("resolve", key[:8], *APP, "--happened", *RECEIPT, *WHY)

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SM1")]


def test_who_was_quicker_while_somebody_thought_is_not_overruled(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the verdict another one may have been given."""

    def user() -> str:
        shop.change("UPDATE syncpatterns_record SET state = 'completed'")
        return "sam"

    key = shop.lose()
    monkeypatch.setattr(getpass, "getuser", user)
    words = ("--not-happened", "--reason", "none listed", "--yes")

    result = run("resolve", key[:8], "--db", DB, *words)

    assert result.exit_code == 1
    assert "settled already, or its owner came back" in result.stderr
    assert shop.record(key).state is State.COMPLETED
    assert shop.trail() == []


def test_an_interrupt_is_one_sentence(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """130, and the call is as unknown as before."""

    def user() -> str:
        raise KeyboardInterrupt

    key = shop.lose()
    monkeypatch.setattr(getpass, "getuser", user)
    words = ("--not-happened", "--reason", "none listed", "--yes")

    result = run("resolve", key[:8], "--db", DB, *words)

    assert result.exit_code == 130
    assert result.stderr == "Error: stopped. What was settled before is settled.\n"
    assert shop.record(key).state is State.UNKNOWN
