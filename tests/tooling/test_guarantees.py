"""Each promise of the guarantees page names a test that is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "guarantees.md"
CONFORMANCE = ROOT / "src" / "syncpatterns" / "testing" / "conformance"
PROOF = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
#: A conformance suite is one test; the checks that are meant follow it.
CHECKS = re.compile(r"`tests/conformance/[\w:.]+` \(((?:`\w+`(?:, )?)+)\)")


def missing_proofs(text: str) -> list[str]:
    """Return the tests named in *text* that do not exist."""
    missing = []
    for file, name in PROOF.findall(text):
        path = ROOT / file
        found = set[str]()
        if path.is_file():
            found = {
                node.name
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        if not found or (name and name not in found):
            missing.append(f"{file}::{name}" if name else file)
    return missing


def missing_checks(text: str) -> list[str]:
    """Return the conformance checks named in *text* that do not exist."""
    there = {
        node.name
        for path in CONFORMANCE.rglob("_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    named = [name for some in CHECKS.findall(text) for name in some.split("`")[1::2]]
    return [name for name in named if name not in there]


def test_every_named_proof_exists() -> None:
    """A promise without its test is not made."""
    text = PAGE.read_text("utf-8")

    assert missing_proofs(text) == []
    assert missing_checks(text) == []
    assert len(PROOF.findall(text)) > 10
    assert len(CHECKS.findall(text)) > 5


def test_a_proof_that_is_gone_is_found() -> None:
    """A renamed or deleted test makes the page fail."""
    here = "tests/tooling/test_guarantees.py"
    text = f"`{here}::test_gone` `tests/gone.py` `{here}::missing_proofs`"

    assert missing_proofs(text) == [f"{here}::test_gone", "tests/gone.py"]


def test_a_check_that_is_gone_is_found() -> None:
    """The suite alone would be there whatever becomes of its checks."""
    suite = "`tests/conformance/test_queue.py::test_a_store`"
    text = f"{suite} (`same_key_is_one_item`, `gone_check`)"

    assert missing_checks(text) == ["gone_check"]
