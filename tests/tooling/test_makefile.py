"""The environment is made once and made anew when a list changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ["Makefile", "constraints.txt", "pyproject.toml"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that decide, older than the stamps of a finished environment."""
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path)
    for name in ("requirements", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    stamps = tmp_path / ".venv" / "stamps"
    stamps.mkdir(parents=True)
    now = time.time()
    for age, name in enumerate(["bench", "dev", "demo", "venv"]):
        (stamps / name).touch()
        os.utime(stamps / name, (now - age, now - age))
    for path in [
        *map(tmp_path.joinpath, NEEDED),
        *(tmp_path / "requirements").iterdir(),
    ]:
        os.utime(path, (now - 60, now - 60))
    return tmp_path


def would_run(project: Path, *arguments: str) -> str:
    """Return what make would run, without running it."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *arguments],
        cwd=project,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_finished_environment_is_left_alone(project: Path) -> None:
    """A second run installs nothing."""
    assert "pip" not in would_run(project, "bench-env")


@pytest.mark.parametrize(
    ("changed", "target", "installs"),
    [
        ("constraints.txt", "dev-env", ["demo.txt", "dev.txt"]),
        ("pyproject.toml", "demo-env", ["demo.txt"]),
        ("requirements/demo.txt", "demo-env", ["demo.txt"]),
        ("requirements/dev.txt", "dev-env", ["dev.txt"]),
        ("requirements/bench.txt", "bench-env", ["bench.txt"]),
    ],
)
def test_a_changed_list_is_installed(
    project: Path, changed: str, target: str, installs: list[str]
) -> None:
    """And so is every list that includes it."""
    later = time.time() + 60
    os.utime(project / changed, (later, later))

    said = would_run(project, target)

    assert [
        line.rpartition("/")[2] for line in said.splitlines() if " -r " in line
    ] == installs


def test_the_demo_installs_no_tool_of_the_developers(project: Path) -> None:
    """It must be served within moments of a fresh clone."""
    shutil.rmtree(project / ".venv")

    said = would_run(project, "demo")

    assert "requirements/demo.txt" in said
    assert "requirements/dev.txt" not in said


def test_options_are_handed_on(project: Path) -> None:
    """Only those that were given: the app has defaults of its own."""
    plain = would_run(project, "demo")
    asked = would_run(project, "demo", "PORT=8123", "DB=sqlite:///file.db")
    bench = would_run(project, "bench", "SUITE=realtime", "JSON=rows.json")

    assert "--port" not in plain
    assert "--port 8123 --db sqlite:///file.db" in asked
    assert "-m benchmarks realtime --json rows.json" in bench


def test_bytecode_is_written_before_the_tests(project: Path) -> None:
    """Else every process that a test starts compiles the app and its packages anew."""
    steps = [line.partition(" ")[2] for line in would_run(project, "test").splitlines()]

    assert steps[0].startswith("-m compileall -q src examples ||")
    assert "import examples.critical_buttons.app" in steps[1]
    assert steps[2].startswith("-m pytest")


def test_tests_run_without_bytecode_too(project: Path) -> None:
    """To write it is a speed-up; a tree that cannot be written is tested as well."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\n[ "$2" = pytest ] && echo "pytest runs" && exit 5\nexit 1\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "--no-print-directory", "test"],
        cwd=project,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line.rpartition(": ")[2] for line in done.stdout.splitlines()] == [
        "slower",
        "slower",
        "pytest runs",
    ]
    assert done.returncode != 0  # the tests' own answer is what counts
