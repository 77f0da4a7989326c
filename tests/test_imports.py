"""Importing the library costs little and loads no driver or framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

# What takes long to load, and what a user of one pattern may not have at all.
HEAVY = {
    "aiosqlite",
    "anyio._backends._asyncio",
    "anyio._backends._trio",
    "fastapi",
    "httpx",
    "httpx2",
    "nats",
    "psycopg",
    "pybreaker",
    "pydantic",
    "redis",
    "sqlalchemy",
    "starlette",
    "tornado",
    "trio",
    "uvicorn",
    "valkey",
}


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has after *code*."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_bare_import_loads_only_itself() -> None:
    """`import syncpatterns` brings no other module of ours, and nothing heavy."""
    loaded = loaded_by("import syncpatterns")

    ours = {name for name in loaded if name.startswith("syncpatterns")}
    assert ours == {"syncpatterns"}
    assert HEAVY & loaded == set()


@pytest.mark.parametrize(
    "line",
    [
        "from syncpatterns import Idempotency, idempotent",
        "from syncpatterns import Retry",
        "from syncpatterns import connect",
        "from syncpatterns import Hub",
        "from syncpatterns import Operation",
    ],
)
def test_the_first_names_load_no_driver(line: str) -> None:
    """A pattern alone needs neither an engine's driver nor a framework."""
    loaded = loaded_by(line)

    assert HEAVY & loaded == set()


def test_the_first_names_load_nothing_that_few_need() -> None:
    """Each of these takes as long as several modules of ours."""
    loaded = loaded_by("from syncpatterns import Idempotency, Retry, connect")

    assert {"datetime", "decimal", "typing_extensions", "uuid"} & loaded == set()
