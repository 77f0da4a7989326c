"""The import contracts catch what they are there to catch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = [sys.executable, "-c", "import importlinter.cli as c; c.lint_imports_command()"]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {each["id"]: each for each in CONFIG["tool"]["importlinter"]["contracts"]}

# The smallest tree on which every contract has something to look at.
MODULES = [
    "_flow",
    "_bells",
    "_timers",
    "_forks",
    "_landing",
    "_functions",
    "_http",
    "_loops",
    "_nonce",
    "_outcome",
    "_portal",
    "_testpoints",
    "_transaction",
    "_wiring",
    "clock",
    "codec",
    "errors",
    "events",
    "adapters/fastapi",
    "engines/memory/_engine",
    "engines/sqlite/_engine",
    "idempotency/_core",
    "idempotency/_flows",
    "idempotency/_ports",
    "idempotency/guard",
    "offline_queue/_core",
    "offline_queue/_queue",
    "operation/_core",
    "operation/_operation",
    "realtime/_core",
    "realtime/_hub",
    "retry/_backoff",
    "retry/_breaker/_core",
    "retry/_breaker/_rules",
    "retry/_core",
    "retry/_retry",
    "sealing/_frames",
    "sealing/_keyring",
    "testing/clock",
]

PLANTED = [
    ("floors", "idempotency/guard", "import syncpatterns.engines.sqlite"),
    ("floors", "idempotency/guard", "import syncpatterns.retry._retry"),
    ("floors", "realtime/_hub", "import syncpatterns.operation._operation"),
    ("floors", "errors", "import syncpatterns.idempotency._core"),
    ("floors", "engines/sqlite/_engine", "import syncpatterns.testing.clock"),
    ("floors", "retry/_retry", "import syncpatterns.offline_queue._queue"),
    ("floors", "surprise", "VALUE = 1"),
    ("queue", "offline_queue/_queue", "import syncpatterns.idempotency.guard"),
    ("engines", "engines/sqlite/_engine", "import syncpatterns.engines.memory"),
    ("surfaces", "engines/sqlite/_engine", "import syncpatterns.realtime._hub"),
    ("surfaces", "engines/sqlite/_engine", "from syncpatterns import retry"),
    ("cores", "idempotency/_core", "import time"),
    ("cores", "retry/_core", "import random"),
    ("cores", "retry/_backoff", "from random import uniform"),
    ("cores", "retry/_breaker/_core", "import threading"),
    ("cores", "retry/_breaker/_rules", "import time"),
    ("cores", "realtime/_core", "from sqlite3 import connect"),
    ("upward", "idempotency/_core", "import syncpatterns.idempotency._ports"),
    ("upward", "retry/_breaker/_core", "import syncpatterns.idempotency._ports"),
    ("plain", "errors", "import pydantic"),
    ("plain", "sealing/_frames", "import cryptography"),
    ("frameworks", "realtime/_hub", "import starlette.responses"),
    ("frameworks", "offline_queue/_queue", "import starlette.responses"),
]

ALLOWED = [
    ("sealing/_keyring", "import cryptography"),
    ("clock", "import time"),
    ("codec", "import pydantic"),
    ("engines/sqlite/_engine", "import sqlite3, threading"),
    ("engines/sqlite/_engine", "import syncpatterns.idempotency._ports"),
    ("idempotency/_core", "import syncpatterns.clock"),
    ("idempotency/guard", "import syncpatterns.idempotency._flows"),
    ("offline_queue/_queue", "import syncpatterns.retry._retry"),
    ("operation/_operation", "import syncpatterns.retry, syncpatterns.realtime"),
]


def write(root: Path, module: str, code: str) -> None:
    """Append *code* to *module*, making its packages on the way."""
    path = root / "src" / "syncpatterns" / f"{module}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    package = path.parent
    while package != root / "src":
        (package / "__init__.py").touch()
        package = package.parent
    with path.open("a") as file:
        file.write(f"{code}\n")


def lint(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run our contracts over the tree under *root*."""
    return subprocess.run(
        [*LINT, "--no-logo", "--no-cache", *options],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that keeps every contract."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module in MODULES:
        write(tmp_path, module, '"""Nothing."""')
    return tmp_path


def test_a_clean_tree_keeps_every_contract(tree: Path) -> None:
    """What the floors allow is not reported."""
    for module, code in ALLOWED:
        write(tree, module, code)

    done = lint(tree)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("contract", "module", "code"),
    PLANTED,
    ids=[f"{contract}-{index}" for index, (contract, _, _) in enumerate(PLANTED)],
)
def test_a_planted_violation_is_found(
    tree: Path, contract: str, module: str, code: str
) -> None:
    """The contract that forbids an import reports it."""
    write(tree, module, code)

    done = lint(tree, "--contract", contract)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def test_every_contract_has_a_planted_violation() -> None:
    """No contract stands there unproven."""
    planted = {contract for contract, _, _ in PLANTED}

    assert set(CONTRACTS) == planted


def test_every_core_is_under_the_purity_contract() -> None:
    """A decision core under another name is listed in the contract by hand."""
    package = ROOT / "src" / "syncpatterns"
    cores = {
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for name in ("_*_core.py", "_backoff.py")
        for path in package.glob(f"*/{name}")
    }

    assert cores <= set(CONTRACTS["cores"]["source_modules"])
    assert cores <= set(CONTRACTS["upward"]["source_modules"])
