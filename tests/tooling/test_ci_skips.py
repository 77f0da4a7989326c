"""Where CI is set, what must run cannot be skipped in silence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FILES = {
    "test_browser.py": """
import pytest

@pytest.mark.browser
def test_browser():
    pytest.skip("no browser")
""",
    "test_engine.py": """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server")

@pytest.mark.engine
def test_engine(server): ...
""",
    "test_platform.py": """
import pytest

def test_platform():
    pytest.skip("another platform")

@pytest.mark.engine
@pytest.mark.xfail(reason="known", strict=False)
def test_known():
    assert False
""",
}
WHOLE_FILE = 'import pytest\n\npytest.skip("no browser", allow_module_level=True)\n'


def run(tmp_path: Path, files: dict[str, str], ci: str) -> str:
    """Run *files* under our configuration and conftest; return what pytest says."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    for name, code in files.items():
        (tmp_path / "tests" / name).write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def last_line(said: str) -> str:
    """Return pytest's closing line without its timing."""
    return re.sub(r" in .*", "", said.strip().splitlines()[-1])


def test_ci_turns_skips_of_the_browser_and_the_engines_into_failures(
    tmp_path: Path,
) -> None:
    """A test of another platform may still skip, an expected failure may fail."""
    said = run(tmp_path, FILES, ci="true")

    assert last_line(said) == "1 failed, 1 skipped, 1 xfailed, 1 error", said
    assert "CI must run every test marked browser: Skipped: no browser" in said
    assert "CI must run every test marked engine: Skipped: no server" in said


def test_a_developer_may_lack_a_browser(tmp_path: Path) -> None:
    """Without CI the same skips stay skips."""
    said = run(tmp_path, FILES, ci="")

    assert last_line(said) == "3 skipped, 1 xfailed", said


@pytest.mark.parametrize(("ci", "closing"), [("1", "1 error"), ("", "1 skipped")])
def test_in_ci_no_file_skips_itself(tmp_path: Path, ci: str, closing: str) -> None:
    """The marks of a file that skips while it is collected are not known."""
    said = run(tmp_path, {"test_whole.py": WHOLE_FILE}, ci=ci)

    assert last_line(said) == closing, said


NAMELESS = """
import pytest

class Thing: ...

@pytest.mark.parametrize("thing", [Thing()], ids=repr)
def test_thing(thing): ...
"""


def test_an_identity_that_differs_between_workers_is_refused(tmp_path: Path) -> None:
    """The address of an object is another one in each of them."""
    said = run(tmp_path, {"test_nameless.py": NAMELESS}, ci="")

    assert "1 passed" not in said
    assert "no tests ran" in said
