"""The case report counts marks as pytest sees them and refuses unknown ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "cases.py"

PAGE = """
| identity | situation | expected outcome |
|---|---|---|
| ABC-01 | one | 1 |
| ABC-02 | two | 2 |
| ABC-03 | three | 3 |
"""

TESTS = """
import pytest

@pytest.mark.case("ABC-01")
@pytest.mark.parametrize("number", [1, 2])
def test_one(number): ...

@pytest.mark.case("ABC-02", part="here")
def test_two(): ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with three known cases and two proven ones."""
    pages = tmp_path / "docs" / "reference" / "cases"
    pages.mkdir(parents=True)
    (pages / "abc.md").write_text(PAGE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_abc.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = case(id, part=None)\n")
    return tmp_path


def cases(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the report over *project*."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--root", str(project), *options],
        # Collecting three tests needs none of the installed plugins.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_line_says_identity_number_and_first_test(project: Path) -> None:
    """One line a case, then the uncovered ones."""
    done = cases(project)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "ABC-01    2  tests/test_abc.py::test_one[1]",
        "ABC-02    1  tests/test_abc.py::test_two (here)",
        "",
        "2 of 3 cases carry a test",
        "uncovered (1):",
        "  ABC-03",
    ]


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        ('case("ABC-99")', "no page in docs/reference/cases knows ABC-99"),
        ("case()", "write case(ID)"),
        ('case("ABC-01", "ABC-02")', "write case(ID)"),
        ('case("ABC-01", portion="x")', "write case(ID)"),
    ],
    ids=["unknown", "empty", "two", "keyword"],
)
def test_a_wrong_mark_fails_the_check(project: Path, mark: str, complaint: str) -> None:
    """A test cannot claim a case that nobody has written down."""
    test = f"import pytest\n\n@pytest.mark.{mark}\ndef test_it(): ...\n"
    (project / "tests" / "test_wrong.py").write_text(test)

    done = cases(project, "--check")

    assert done.returncode == 1, done.stdout + done.stderr
    assert complaint in done.stderr


def test_tests_that_cannot_be_collected_fail_the_check(project: Path) -> None:
    """Half a collection would report proven cases as uncovered."""
    (project / "tests" / "test_broken.py").write_text("import no_such_module\n")

    done = cases(project, "--check")

    assert done.returncode == 2
    assert "no_such_module" in done.stderr


def test_an_identity_stands_in_the_pages_once(project: Path) -> None:
    """Two rows of one identity would promise two things."""
    (project / "docs" / "reference" / "cases" / "again.md").write_text(PAGE)

    done = cases(project, "--check")

    assert done.returncode == 1
    assert "ABC-01, ABC-02, ABC-03" in done.stderr
