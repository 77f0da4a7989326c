"""Run every check that is not a test, two at a time, and show what fails.

Usage: check.py            all of them
       check.py mypy docs  only these
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTHON = sys.executable


@dataclass(frozen=True)
class Check:
    """One tool and what it is asked."""

    name: str
    command: tuple[str, ...]


# The slow ones first, so that the two workers end at about the same time.
CHECKS = (
    Check("pyright", (str(BIN / "pyright"), "--pythonpath", PYTHON)),
    Check("mypy", (str(BIN / "mypy"),)),
    Check("docs", (PYTHON, "-m", "sphinx", "-nWEq", "docs", "docs/_build/html")),
    Check("cases", (PYTHON, "scripts/cases.py", "--check")),
    Check("api", (PYTHON, "scripts/api_snapshot.py")),
    Check("layers", (str(BIN / "lint-imports"), "--no-logo")),
    Check("lint", (str(BIN / "ruff"), "check", ".")),
    Check("format", (str(BIN / "ruff"), "format", "--check", ".")),
    Check("hygiene", (PYTHON, "scripts/hygiene.py")),
)


def environment() -> dict[str, str]:
    """Return the environment with a Node for pyright.

    Playwright brings one along; without it pyright would download its own.
    """
    path = os.environ.get("PATH", "")
    playwright = importlib.util.find_spec("playwright")
    if shutil.which("node") is None and playwright is not None and playwright.origin:
        path += os.pathsep + str(Path(playwright.origin).parent / "driver")
    return {**os.environ, "PATH": path}


def run(check: Check) -> tuple[Check, float, subprocess.CompletedProcess[str]]:
    """Run one check from the project's root."""
    began = time.perf_counter()
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return check, time.perf_counter() - began, done


def main() -> int:
    """Run the checks asked for; 1 when one of them fails."""
    parser = argparse.ArgumentParser(description="every check that is not a test")
    parser.add_argument("names", nargs="*", metavar="name")
    names: list[str] = parser.parse_args().names
    unknown = set(names) - {check.name for check in CHECKS}
    if unknown:
        known = ", ".join(check.name for check in CHECKS)
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are: {known}")

    failed: list[str] = []
    with ThreadPoolExecutor(max_workers=2) as workers:
        wanted = [check for check in CHECKS if not names or check.name in names]
        for check, seconds, done in workers.map(run, wanted):
            word = "ok" if done.returncode == 0 else "FAILED"
            print(f"{check.name:8} {word:6} {seconds:6.1f} s", flush=True)
            if done.returncode:
                failed.append(check.name)
                print(done.stdout, flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
