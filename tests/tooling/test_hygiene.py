"""The hygiene script finds what it is there to find, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "hygiene.py"

# Written apart, so that this file does not break the rules it plants.
NAP = "sleep"
HOST = "pypi" + ".org"
NOQA = "# no" + "qa"
IGNORE = "# type" + ": ignore"

PLANTED = [
    ("long", "src/big.py", "x = 1\n" * 501),
    ("long", "examples/big.js", "// line\n" * 501),
    ("unsafe", "src/a.py", "import pickle\n"),
    ("unsafe", "src/a.py", "from marshal import loads\n"),
    ("unsafe", "tests/a.py", "def f() -> None:\n    import shelve\n"),
    ("unsafe", "src/a.py", "x = eval('1')\n"),
    ("unsafe", "scripts/a.py", "import yaml\nyaml.load('x')\n"),
    ("registry", "docs/a.md", f"See https://{HOST}/simple\n"),
    ("registry", "requirements/a.txt", "--index" + "-url http://127.0.0.1\n"),
    ("registry", "constraints.txt", f"x @ https://files.{HOST}/x.whl\n"),
    ("sleep", "tests/test_a.py", f"import time\ntime.{NAP}(0.1)\n"),
    ("sleep", "tests/a/helper.py", f"from anyio import {NAP} as nap\nnap(1)\n"),
    ("sleep", "tests/test_a.py", f"import asyncio\nasyncio.{NAP}(delay)\n"),
    (
        "loop",
        "tests/conftest.py",
        "import pytest\n\n\n@pytest.fixture(scope='session')\nasync def x(): ...\n",
    ),
    ("home", "src/a.py", "PATH = '/ho" + "me/someone/file'\n"),
    ("home", "docs/a.md", "cd /ro" + "ot/project\n"),
    ("reason", "src/a.py", f"x = 1  {NOQA}\n"),
    ("reason", "src/a.py", f"x = 1  {NOQA}: E501\n"),
    ("reason", "src/a.py", f"x = f()  {IGNORE}\n"),
    ("reason", "tests/a.py", f"x = f()  {IGNORE}[misc]\n"),
    ("stub", "src/a.py", "def f() -> None:\n    raise NotImplementedError\n"),
    ("stub", "src/a.py", "x = 1  # pragma" + ": no cover\n"),
]

CLEAN = {
    "src/a.py": (
        f"x = 1  {NOQA}: E501 - a long address\n"
        f"y = f()  {IGNORE}[misc]  # the stub is wrong\n"
        f"import time\ntime.{NAP}(1)\n"
    ),
    "tests/test_a.py": f"import anyio\nanyio.{NAP}(0)\nclock.{NAP}(5)\n",
    "tests/conftest.py": (
        "import pytest\n\n\n@pytest.fixture(scope='module')\nasync def x(): ...\n\n\n"
        "@pytest.fixture(scope='session')\ndef y(): ...\n"
    ),
    "tests/test_b.py": (
        f"import time\ntime.{NAP}(1)  # hygiene: {NAP} - polls another process\n"
    ),
    "tests/test_c.py": (
        f"# hygiene for this file: {NAP} - its time is simulated\n"
        f"import anyio\nanyio.{NAP}(60)\n"
    ),
    "src/b.py": f"exec(code)  {NOQA}: S102 - what a user typed\n",
    "docs/a.md": "line\n" * 900,
    "docs/_build/a.md": f"https://{HOST}\n",
}


def check(root: Path, path: str, text: str) -> subprocess.CompletedProcess[str]:
    """Write one file under *root* and run the script there."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    PLANTED,
    ids=[f"{rule}-{index}" for index, (rule, _, _) in enumerate(PLANTED)],
)
def test_a_planted_breach_is_found(
    tmp_path: Path, rule: str, path: str, text: str
) -> None:
    """The rule names the file and itself."""
    done = check(tmp_path, path, text)

    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith(f"{path}:")
    assert f": {rule}: " in done.stdout


@pytest.mark.parametrize("path", CLEAN)
def test_what_the_rules_allow_passes(tmp_path: Path, path: str) -> None:
    """Reasoned ignores, checkpoints, prose and built files are left alone."""
    done = check(tmp_path, path, CLEAN[path])

    assert done.stdout == ""
    assert done.returncode == 0
