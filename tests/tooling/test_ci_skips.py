"""Where CI is set, what must run cannot be skipped in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MARKED = """
import pytest

@pytest.mark.{marker}
def test_needs_something():
    pytest.skip("nothing here")
"""

IN_FIXTURE = """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server")

@pytest.mark.engine
def test_needs_a_server(server):
    pass
"""

WHOLE_FILE = """
import pytest

pytest.skip("no browser", allow_module_level=True)
"""

PLAIN = """
import pytest

def test_of_another_platform():
    pytest.skip("not here")
"""


def run(tmp_path: Path, code: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Run *code* as a test file under our configuration and conftest."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_it.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        MARKED.format(marker="browser"),
        MARKED.format(marker="engine"),
        IN_FIXTURE,
        WHOLE_FILE,
    ],
    ids=["browser", "engine", "fixture", "file"],
)
def test_a_skip_that_ci_must_not_make_fails_there(tmp_path: Path, code: str) -> None:
    """The browser, the engines and whole files must run in CI."""
    done = run(tmp_path, code, ci="true")

    assert done.returncode in {1, 2}, done.stdout + done.stderr
    assert "CI must" in done.stdout


def test_a_developer_may_lack_a_browser(tmp_path: Path) -> None:
    """Without CI the same skip stays a skip."""
    done = run(tmp_path, MARKED.format(marker="browser"), ci="")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout


def test_an_unmarked_skip_stays_a_skip_in_ci(tmp_path: Path) -> None:
    """A test of another platform may skip anywhere."""
    done = run(tmp_path, PLAIN, ci="true")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
