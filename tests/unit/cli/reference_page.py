"""Keep the help on the page of the command line as the command prints it.

Usage: python -m tests.unit.cli.reference_page    write the page anew
"""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from syncpatterns.cli._app import app

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "cli.md"

_BLOCK = re.compile(
    r"(?P<head>^## syncpatterns(?P<words>[\w ]*)\n\n```text\n)[^`]*(?P<end>^```$)",
    re.MULTILINE,
)


def help_of(words: list[str]) -> str:
    """Return what ``syncpatterns WORDS --help`` prints, 80 columns wide."""
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="syncpatterns")
    lines = (line.rstrip() for line in result.output.strip().splitlines())
    # A fence of its own would end with the first backtick of the text.
    return "\n".join(lines).replace("`", "'")


def documented(text: str) -> list[list[str]]:
    """Return the commands that have a block in *text*."""
    return [match["words"].split() for match in _BLOCK.finditer(text)]


def refreshed(text: str) -> str:
    """Return *text* with every block as the command prints it now."""
    return _BLOCK.sub(
        lambda match: (
            f"{match['head']}{help_of(match['words'].split())}\n{match['end']}"
        ),
        text,
    )


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
