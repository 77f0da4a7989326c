"""Our settings make ruff, mypy, pyright and Sphinx catch what they should."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

HEAD = '"""A module."""\n\nfrom __future__ import annotations\n\n'
CLOCK = "import time\n\n\ndef now() -> float:\n    {doc}\n    return time.time()\n"
NOW = HEAD + CLOCK.format(doc='"""Return the time."""')
DRAW = (
    HEAD
    + "import random\n\n\ndef draw() -> float:\n"
    + '    """Draw a number."""\n    return random.random()\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with our settings and nothing else."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("benchmarks", "examples", "scripts", "src/syncpatterns", "tests"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "src" / "syncpatterns" / "__init__.py").write_text('"""Us."""\n')
    return tmp_path


def write(project: Path, path: str, text: str) -> None:
    """Put one module into the project."""
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment in the project."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("src/syncpatterns/a.py", NOW, "TID251"),
        ("src/syncpatterns/a.py", DRAW, "TID251"),
        ("src/syncpatterns/a.py", HEAD + "# TO" + "DO: later\n", "FIX002"),
        ("src/syncpatterns/a.py", HEAD + "def f(): pass\n", "ANN201"),
        ("src/syncpatterns/a.py", HEAD + "def f() -> None:\n    x\n", "D103"),
        ("src/syncpatterns/a.py", '"""A module."""\n\nX = 1\n', "I002"),
        ("tests/test_a.py", HEAD + "def test_a() -> None:\n    assert 1\n", "D103"),
    ],
    ids=["clock", "chance", "later", "types", "docstring", "future", "test"],
)
def test_ruff_finds(project: Path, path: str, text: str, rule: str) -> None:
    """Clocks and chance outside clock.py, unfinished work, missing sentences."""
    (project / "src" / "syncpatterns" / "__init__.py").unlink()
    write(project, path, text)

    done = run(project, "ruff", "check", "--no-cache", "--output-format=concise")

    assert rule in done.stdout


def test_ruff_lets_the_clock_read_the_clock(project: Path) -> None:
    """One file may."""
    write(project, "src/syncpatterns/clock.py", NOW)

    done = run(project, "ruff", "check", "--no-cache", "src/syncpatterns/clock.py")

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_mypy_is_strict_everywhere(project: Path) -> None:
    """Untyped functions, bare ignores and unawaited coroutines are errors."""
    write(project, "src/syncpatterns/a.py", HEAD + "def f(x):\n    return x\n")
    write(project, "tests/test_a.py", HEAD + "x: int = ''  # type" + ": ignore\n")
    code = "async def f() -> int:\n    return 1\n\nasync def g() -> None:\n    f()\n"
    write(project, "examples/a.py", HEAD + code)
    for name in ("benchmarks", "scripts"):
        write(project, f"{name}/{name}_a.py", HEAD)

    said = run(project, "mypy").stdout

    assert "[no-untyped-def]" in said
    assert "[ignore-without-code]" in said
    assert "[unused-coroutine]" in said


@pytest.mark.slow
def test_pyright_is_strict_on_the_library(project: Path) -> None:
    """An unknown type is an error in src and none in a test."""
    code = HEAD + "def f(x: dict) -> None:\n    {doc}\n    print(x)\n"
    write(project, "src/syncpatterns/a.py", code.format(doc='"""F."""'))
    write(project, "tests/test_a.py", code.format(doc='"""F."""'))

    said = run(project, "pyright", "--pythonpath", sys.executable).stdout

    assert "reportMissingTypeArgument" in said
    assert "test_a.py" not in said


@pytest.mark.slow
def test_a_broken_reference_fails_the_documentation(project: Path) -> None:
    """Sphinx's warnings are errors."""
    (project / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", project / "docs")
    write(project, "docs/index.md", "# Home\n\n{py:class}`no.such.Thing`\n")

    done = run(project, "python", "-m", "sphinx", "-nWEq", "docs", "docs/_build")

    assert done.returncode != 0
    assert "no.such.Thing" in done.stdout


def test_check_runs_what_is_named_and_fails_with_it(project: Path) -> None:
    """A failing check is shown with what it said."""
    for name in ("check.py", "hygiene.py"):
        shutil.copy(ROOT / "scripts" / name, project / "scripts")
    write(project, "src/syncpatterns/a.py", "import pick" + "le\n")

    done = run(project, "python", "scripts/check.py", "hygiene")

    assert done.returncode == 1
    assert "hygiene  FAILED" in done.stdout
    assert "src/syncpatterns/a.py:1: unsafe" in done.stdout


def test_check_refuses_a_name_that_it_does_not_know(project: Path) -> None:
    """A typing mistake does not look like success."""
    shutil.copy(ROOT / "scripts" / "check.py", project / "scripts")

    done = run(project, "python", "scripts/check.py", "hygeine")

    assert done.returncode == 2
    assert "unknown: hygeine" in done.stdout
