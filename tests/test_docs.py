"""Every Python block of the documentation runs, in the order of its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.example import SybilFailure
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def run_blocks(page: Path) -> int:
    """Run the Python blocks of *page* in one namespace; return their number."""
    sybil = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()])
    count = 0
    for example in sybil.parse(page).examples():
        example.evaluate()
        count += 1
    return count


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "_build" not in page.parts],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a reader copies works; files it makes land in a temporary folder."""
    monkeypatch.chdir(tmp_path)

    run_blocks(page)


def test_a_wrong_block_is_found(tmp_path: Path) -> None:
    """A block that raises fails its page."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nanswer = 42\nassert answer == 41\n```\n")

    with pytest.raises((AssertionError, SybilFailure)):
        run_blocks(page)


def test_blocks_of_a_page_share_their_names(tmp_path: Path) -> None:
    """A later block may use what an earlier one defined; shell is not run."""
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nanswer = 42\n```\n\n```console\n$ false\n```\n\n"
        "```python\nassert answer == 42\n```\n"
    )

    assert run_blocks(page) == 2
