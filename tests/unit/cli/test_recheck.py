"""``unresolved recheck``: the provider is asked again."""

from __future__ import annotations

import pytest

from syncpatterns.idempotency import State
from tests.unit.cli.conftest import CANARY, Run, Shop, document

APP = ("--app", "shop:looking", "--by", "kim")


def test_what_the_provider_has_is_committed(shop: Shop, run: Run) -> None:
    """Rows, record and trail in one go."""
    key = shop.lose()
    shop.provider("SM7")

    result = run("recheck", key[:8], *APP)

    assert result.exit_code == 0, result.stderr
    assert f"sms.send {key[:8]}: it was done; its rows are written.\n" == result.stdout
    assert shop.rows() == [(CANARY, "SM7")]
    assert [(key, "sms.send", 1, "kim", "asked the provider")] == shop.trail()


def test_what_the_provider_does_not_have_may_be_done_again(
    shop: Shop, run: Run
) -> None:
    """It was looked for as often as the operation looks."""
    key = shop.lose()
    shop.provider("")

    result = run("recheck", key[:8], *APP)

    assert result.exit_code == 0, result.stderr
    assert "not done; the key may be used again" in result.stdout
    assert State.FREE is shop.record(key).state


def test_a_provider_that_cannot_be_asked_leaves_it_unknown(
    shop: Shop, run: Run
) -> None:
    """1, so that a script comes back later."""
    key = shop.lose()
    shop.provider("down")

    result = run("recheck", key[:8], *APP)

    assert result.exit_code == 1
    assert "could not be asked" in result.stdout
    assert result.stderr.partition("hello\n")[2] == "Error: 1 call still unresolved.\n"
    assert CANARY not in result.output
    assert State.UNKNOWN is shop.record(key).state


def test_all_goes_on_after_one_that_cannot_be_told(shop: Shop, run: Run) -> None:
    """A call of somebody else's operation does not stop the rest."""
    foreign = shop.lose("m", operation="mail.send")
    keys = [shop.lose("k1"), shop.lose("k2")]
    shop.provider("SM7")

    result = run("recheck", "--all", "--json", *APP)

    told = {
        call["storage_key"]: call["outcome"] for call in document(result)["rechecked"]
    }
    assert {foreign: "unknown", keys[0]: "happened", keys[1]: "happened"} == told
    assert result.exit_code == 1
    assert len(shop.rows()) == 2


def test_operation_chooses_among_all(shop: Shop, run: Run) -> None:
    """Only those of that name are asked about."""
    shop.lose("m", operation="mail.send")
    shop.lose("k1")
    shop.provider("")

    result = run("recheck", "--all", "--operation", "sms.send", *APP)

    assert result.exit_code == 0, result.stderr
    assert [row[1] for row in shop.trail()] == ["sms.send"]


def test_nothing_to_ask_about_is_fine(shop: Shop, run: Run) -> None:
    """A timer may run it every minute."""
    shop.provider("")

    result = run("recheck", "--all", *APP)

    assert (result.exit_code, result.stdout) == (0, "Nothing is unresolved.\n")


def test_a_commit_that_fails_stops_nobody_else(shop: Shop, run: Run) -> None:
    """Its class and line are told, the next one is asked about."""
    keys = [shop.lose("k1"), shop.lose("k2")]
    shop.provider("SMbug")

    result = run("recheck", "--all", *APP)

    assert result.exit_code == 1
    assert result.stdout.count("commit= failed with LookupError at shop.py:") == 2
    assert CANARY not in result.output
    assert [shop.record(key).state for key in keys] == [State.UNKNOWN] * 2


def test_a_kept_receipt_is_committed_without_asking(shop: Shop, run: Run) -> None:
    """There is nothing to ask: it was done."""
    key = shop.lose(fails_after=True)
    shop.provider("down")

    result = run("recheck", key[:8], *APP)

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SMkept")]


def test_an_operation_without_lookup_cannot_be_asked(shop: Shop, run: Run) -> None:
    """The sentence says what to do instead."""
    key = shop.lose()

    result = run("recheck", key[:8], "--app", "shop:send_sms")

    assert result.exit_code == 1
    assert "no lookup=" in result.stdout


@pytest.mark.parametrize("words", [(), ("abcdef01", "--all")], ids=["none", "both"])
def test_one_or_all_is_needed(shop: Shop, run: Run, words: tuple[str, ...]) -> None:
    """Neither is assumed."""
    result = run("recheck", *words, *APP)

    assert result.exit_code == 2
    assert "--all" in result.stderr


def test_without_the_application_nobody_can_be_asked(shop: Shop, run: Run) -> None:
    """lookup= is a function of the application."""
    result = run("recheck", "--all", "--db", "sqlite:///app.db")

    assert result.exit_code == 2
    assert "--app module:attribute" in result.stderr


def test_one_call_of_another_operation_is_refused(shop: Shop, run: Run) -> None:
    """With the names that the application has."""
    key = shop.lose("m", operation="mail.send")

    result = run("recheck", key[:8], *APP)

    assert result.exit_code == 2
    assert "only sms.send" in result.stderr


AWAITING = """
from shop import Receipt, Sms, engine, record, send
from syncpatterns import Operation

async def find(command: Sms, ctx) -> Receipt | None:
    return Receipt("SMasync")

op = Operation("sms.send", engine, call=send, commit=record, lookup=find)
"""


def test_an_async_lookup_is_asked_too(shop: Shop, run: Run) -> None:
    """The command has no event loop of its own; the library lends one."""
    key = shop.lose()
    (shop.folder / "awaiting.py").write_text(AWAITING)

    result = run("recheck", key[:8], "--app", "awaiting:op")

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SMasync")]


QUICKER = """
from shop import Receipt, Sms, engine, record, send
from syncpatterns import Operation
from syncpatterns.idempotency import NotCommitted

def find(command: Sms, ctx) -> Receipt | None:
    (call,) = op.unresolved()
    op.resolve(call, NotCommitted(), by="sam", reason="was quicker")
    raise ConnectionError

op = Operation(
    "sms.send", engine, call=send, commit=record, lookup=find, lookup_retry=None
)
"""


def test_somebody_who_was_quicker_has_settled_it(shop: Shop, run: Run) -> None:
    """Nothing is left to come back for."""
    key = shop.lose()
    (shop.folder / "quicker.py").write_text(QUICKER)

    result = run("recheck", "--all", "--app", "quicker:op")

    assert result.exit_code == 0, result.stderr
    said = f"sms.send {key[:8]}: settled by somebody else meanwhile.\n"
    assert result.stdout == said
    assert [row[3] for row in shop.trail()] == ["sam"]


def test_a_call_whose_owner_died_is_asked_about(shop: Shop, run: Run) -> None:
    """As one that was marked unknown."""
    key = shop.lose()
    shop.provider("SM7")
    shop.orphan()

    result = run("recheck", key[:8], *APP)

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SM7")]
