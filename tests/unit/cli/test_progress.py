"""How far something is: a bar where somebody watches, lines where nobody does."""

from __future__ import annotations

import io
import sys

import pytest

from syncpatterns.cli._progress import Bar


class Terminal(io.StringIO):
    """Looks like a terminal to whoever asks."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """With figures, and without colours where NO_COLOR asks for that."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")

    with Bar("Copied") as bar:
        bar.update(1, 4)
        bar.update(4, 4)

    drawn = terminal.getvalue()
    assert "Copied" in drawn
    assert "4/4" in drawn
    assert "\x1b[3" not in drawn


def test_a_file_gets_a_line_for_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, never twice the same."""
    with Bar("Copied") as bar:
        for done in range(1001):
            bar.update(done, 1000)

    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 10
    assert err.splitlines()[-1] == "Copied 1000 of 1000 (100 %)"


def test_nothing_to_do_is_all_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody divides by it."""
    with Bar("Copied") as bar:
        bar.update(0, 0)

    assert capsys.readouterr().err == "Copied 0 of 0 (100 %)\n"


def test_quiet_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A JSON document stays alone."""
    with Bar("Copied", quiet=True) as bar:
        bar.update(1, 1)

    assert capsys.readouterr() == ("", "")
