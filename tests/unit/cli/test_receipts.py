"""``unresolved resolve --happened``: the receipt that commit= takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncpatterns.idempotency import State
from tests.unit.cli.conftest import CANARY, Run, Shop

APP = ("--app", "shop:send_sms")
WHY = ("--by", "kim", "--reason", "console shows it", "--yes")


def test_happened_needs_a_receipt(shop: Shop, run: Run) -> None:
    """commit= takes one; recheck would ask for it."""
    key = shop.lose()

    result = run("resolve", key[:8], *APP, "--happened", *WHY)

    assert result.exit_code == 2
    assert "--receipt JSON" in result.stderr
    assert "recheck" in result.stderr


@pytest.mark.parametrize(
    ("receipt", "sentence"),
    [
        ("SM1", "no JSON (line 1, column 1). Text stands in quotes"),
        ("", "no JSON"),
        ('{"sid": NaN}', "no JSON in UTF-8"),
        ("[" * 100_000, "no JSON in UTF-8"),
        (f'{{"sid": ["{CANARY}"]}}', "not what call= returns: sid: "),
        (f'{{"number": "{CANARY}"}}', "not what call= returns: sid: Field required"),
        (f'"{CANARY}"', "not what call= returns: the whole: "),
    ],
    ids=["text", "empty", "nan", "deep", "type", "missing", "shape"],
)
def test_a_wrong_receipt_is_refused_without_repeating_it(
    shop: Shop, run: Run, receipt: str, sentence: str
) -> None:
    """The sentence says where, not what."""
    key = shop.lose()

    result = run("resolve", key[:8], *APP, "--happened", "--receipt", receipt, *WHY)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert CANARY not in result.output
    assert State.UNKNOWN is shop.record(key).state


def test_a_receipt_may_stand_in_a_file(shop: Shop, run: Run) -> None:
    """With the mark that some editors put in front."""
    key = shop.lose()
    (shop.folder / "receipt.json").write_bytes(b'\xef\xbb\xbf{"sid": "SMfile"}\n')
    words = ("--happened", "--receipt-file", "receipt.json")

    result = run("resolve", key[:8], *APP, *words, *WHY)

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SMfile")]


def test_a_receipt_may_come_from_stdin(shop: Shop, run: Run) -> None:
    """As what asks the provider prints it."""
    key = shop.lose()
    words = ("--happened", "--receipt-file", "-", *WHY)

    result = run("resolve", key[:8], *APP, *words, stdin='{"sid": "SMpipe"}')

    assert result.exit_code == 0, result.stderr
    assert shop.rows() == [(CANARY, "SMpipe")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        (b"\xff\xfe{}", "no JSON in UTF-8"),
        (b" " * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
    ids=["missing", "utf-16", "huge"],
)
def test_a_wrong_file_is_refused(
    shop: Shop, run: Run, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    """With its reason, and nothing is settled."""
    key = shop.lose()
    if content is not None:
        (tmp_path / "receipt.json").write_bytes(content)
    words = ("--happened", "--receipt-file", "receipt.json")

    result = run("resolve", key[:8], *APP, *words, *WHY)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert shop.trail() == []
