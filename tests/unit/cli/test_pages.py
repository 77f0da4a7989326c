"""The pages about the command line say what it does."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from syncpatterns.cli._app import app
from tests.unit.cli.conftest import Shop
from tests.unit.cli.reference_page import PAGE, documented, refreshed

HOW_TO = PAGE.parents[1] / "how-to" / "settle-the-unknown.md"


def commands(group: typer.Typer, words: tuple[str, ...] = ()) -> list[list[str]]:
    """Name every command and group, however deep."""
    found = [
        list(words),
        *([*words, str(command.name)] for command in group.registered_commands),
    ]
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        found += commands(inner.typer_instance, (*words, str(inner.name)))
    return found


def test_every_command_has_its_help_on_the_page() -> None:
    """A new command is documented in the commit that brings it."""
    assert commands(app) == documented(PAGE.read_text(encoding="utf-8"))


def test_the_help_on_the_page_is_the_real_one() -> None:
    """Write it anew with ``python -m tests.unit.cli.reference_page``."""
    page = PAGE.read_text(encoding="utf-8")

    assert refreshed(page) == page


def test_an_old_help_is_found() -> None:
    """An option that was renamed shows."""
    page = PAGE.read_text(encoding="utf-8").replace("--fail-if-any ", "--fail ")

    assert refreshed(page) != page


# ------------------------------------------------------------------ the how-to

BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def transcript(console: str) -> list[tuple[str, str]]:
    """Split a console block into commands and what they are said to print."""
    parts = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def masked(text: str) -> str:
    """Take out what differs from day to day."""
    for pattern, mark in (
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "DATE"),
        (r"\b\d+ (s|min|h|d)\b", "AGE"),
    ):
        text = re.sub(pattern, mark, text)
    return " ".join(text.split())


def test_the_transcripts_of_the_how_to_are_what_happens(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its shop, its lost calls and its commands, run in order."""
    blocks = [
        (match["kind"], match["body"])
        for match in BLOCK.finditer(HOW_TO.read_text(encoding="utf-8"))
    ]
    python = [body for kind, body in blocks if kind == "python"]
    Path("shop.py").write_text(python[0], encoding="utf-8")
    Path("lose.py").write_text(f"from shop import *\n{python[1]}", encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))
    importlib.import_module("lose")

    for kind, body in blocks:
        for line, said in transcript(body) if kind == "console" else ():
            words = shlex.split(line)
            if words[0] == "export":
                monkeypatch.setenv(*words[1].split("=", 1))
            elif words[0] == "touch":
                Path(words[1]).touch()
            else:
                assert words[0] == "syncpatterns", line
                result = CliRunner().invoke(app, words[1:])
                assert result.exit_code == 0, (line, result.output)
                if said:
                    assert masked(said) == masked(result.stdout), line
