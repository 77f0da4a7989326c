"""`make` finds an interpreter that will do, or says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "find-python"

OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.18" && exit 0\nexit 1\n'
BARE = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n'
GOOD = "#!/bin/sh\nexit 0\n"


def find(path: Path, *candidate: str) -> subprocess.CompletedProcess[str]:
    """Look for an interpreter in *path* only."""
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *candidate],
        env={**os.environ, "PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter(folder: Path, name: str, code: str) -> str:
    """Put a stand-in for an interpreter into *folder*."""
    file = folder / name
    file.write_text(code)
    file.chmod(0o755)
    return str(file)


def test_the_named_interpreter_is_taken(tmp_path: Path) -> None:
    """PYTHON= decides."""
    done = find(tmp_path, sys.executable)

    assert done.stdout.strip() == sys.executable


def test_an_old_python3_is_passed_over_for_a_newer_one(tmp_path: Path) -> None:
    """A machine may have several."""
    interpreter(tmp_path, "python3", OLD)
    interpreter(tmp_path, "python3.12", GOOD)

    assert find(tmp_path).stdout.strip() == "python3.12"


@pytest.mark.parametrize("name", ["old", "nothing-here"])
def test_an_interpreter_that_will_not_do_is_named(tmp_path: Path, name: str) -> None:
    """The sentence says what was given and what is needed."""
    interpreter(tmp_path, "old", OLD)

    done = find(tmp_path, str(tmp_path / name))

    assert done.returncode == 1
    assert name in done.stderr
    assert "needs Python 3.11 or newer" in done.stderr


def test_no_interpreter_at_all_is_said(tmp_path: Path) -> None:
    """With the names that were tried."""
    done = find(tmp_path)

    assert done.returncode == 1
    assert "no Python 3.11 or newer was found" in done.stderr
    assert "python3.11" in done.stderr


def test_an_interpreter_without_venv_is_said(tmp_path: Path) -> None:
    """Debian splits venv and pip off; the packages are named."""
    done = find(tmp_path, interpreter(tmp_path, "python3", BARE))

    assert done.returncode == 1
    assert "python3-venv" in done.stderr
