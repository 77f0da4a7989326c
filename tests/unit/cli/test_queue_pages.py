"""The how-to pages about queues show what happens."""

from __future__ import annotations

import importlib
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from syncpatterns.cli._app import app
from tests.unit.cli.conftest import Shop
from tests.unit.cli.reference_page import PAGE
from tests.unit.cli.test_pages import BLOCK, masked, transcript

HOW_TO = PAGE.parents[1] / "how-to"


def run_page(page: Path, monkeypatch: pytest.MonkeyPatch, modules: list[str]) -> int:
    """Run the commands of *page* after its first blocks; return how many."""
    blocks = [
        (match["kind"], match["body"])
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]
    python = [body for kind, body in blocks if kind == "python"]
    sys.path.insert(0, str(Path.cwd()))
    before = ""
    for name, body in zip(modules, python, strict=False):
        Path(f"{name}.py").write_text(f"{before}{body}", encoding="utf-8")
        importlib.import_module(name)
        before = f"from {name} import *\n"
    count = 0
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
                assert result.exit_code in (0, 1), (line, result.output)
                if said:
                    assert result.exit_code == 0, (line, result.output)
                    assert masked(said) == masked(result.stdout), line
                count += 1
    return count


def test_dead_letters_are_recovered_as_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue, its refused notes and its commands, run in order."""
    page = HOW_TO / "recover-dead-letters.md"

    assert run_page(page, monkeypatch, ["field", "visits"]) == 6


def test_backups_and_exports_are_made_as_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue and its commands, run in order."""
    page = HOW_TO / "back-up-and-salvage.md"

    assert run_page(page, monkeypatch, ["depot"]) == 5
    assert Path("monday.db").exists()
