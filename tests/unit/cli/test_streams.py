"""Where the output goes: closed, full, or to somebody who has read enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import COMMAND, DB, Run, Shop

FULL = Path("/dev/full")


def shell(redirection: str, *args: str) -> tuple[int, str, str]:
    """Run ``syncpatterns unresolved`` with its streams sent where it says."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {redirection}', "sh", *COMMAND, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_a_full_disk_behind_the_output_is_said_in_one_sentence(
    shop: Shop, form: tuple[str, ...]
) -> None:
    """Exit code 1 and the reason; no traceback."""
    shop.lose()

    code, _, err = shell(f"> {FULL}", "ls", "--db", DB, *form)

    sentence = "Error: the output could not be written: No space left on device.\n"
    assert (code, err) == (1, sentence)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell closes the streams")
def test_with_its_streams_closed_it_does_what_it_was_asked(shop: Shop) -> None:
    """The exit code still tells what was found."""
    shop.lose()

    listed = shell(">&- 2>&-", "ls", "--db", DB, "--fail-if-any")
    named_wrongly = shell(">&- 2>&-", "show", "zz", "--db", DB)

    assert (listed, named_wrongly) == ((1, "", ""), (2, "", ""))


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of a shell")
def test_whoever_has_read_enough_ends_it_in_peace(shop: Shop) -> None:
    """``| head`` is no error."""
    for number in range(3):
        shop.lose(f"k{number}")

    _, out, err = shell("| head -n 1", "ls", "--db", DB)

    assert (out.split()[0], err) == ("hash", "")


@pytest.mark.parametrize("command", ["ls", "log"])
def test_a_limit_beyond_any_number_of_rows_shows_all(
    shop: Shop, run: Run, command: str
) -> None:
    """A database counts in 64 bits; that is no reason for a traceback."""
    shop.lose()

    result = run(command, "--db", DB, "--limit", str(10**30))

    assert result.exit_code == 0


@pytest.mark.parametrize("option", ["--by", "--reason"])
def test_who_and_why_must_be_text(shop: Shop, run: Run, option: str) -> None:
    """Bytes of a terminal with another encoding are refused; nothing is settled."""
    key = shop.lose()
    said = {"--by": "ann", "--reason": "looked", option: "Mu\udcfcller"}
    given = [word for each in said.items() for word in each]

    result = run("resolve", key, "--db", DB, "--not-happened", "--yes", *given)

    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {option} is no text in UTF-8.\n",
    )
    assert shop.trail() == []
