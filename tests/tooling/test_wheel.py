"""The wheel holds everything and works where the sources are out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

USE = """
import pathlib, sys
import syncpatterns
home = pathlib.Path(syncpatterns.__file__)
assert pathlib.Path(sys.argv[1]) in home.parents, home
for name in syncpatterns.__all__:
    getattr(syncpatterns, name)
print(syncpatterns.__version__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it would be published, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*PIP, "wheel", *options, "--wheel-dir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("syncpatterns-*.whl")
    return built


@pytest.mark.slow
def test_every_source_file_is_in_the_wheel(wheel: Path) -> None:
    """Queries, browser modules, types and py.typed travel with the code."""
    expected = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "syncpatterns").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert expected == packed
    assert "syncpatterns/py.typed" in packed
    assert any(name.endswith(".sql") for name in packed)
    assert any(name.endswith(".js") for name in packed)


@pytest.mark.slow
def test_the_wheel_needs_exactly_the_declared_packages(wheel: Path) -> None:
    """Six dependencies; everything else is an extra."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if "/METADATA" in name)
        lines = archive.read(metadata).decode().splitlines()

    required = [line for line in lines if line.startswith("Requires-Dist:")]
    always = [
        line.split()[1].split("<")[0].split(">")[0]
        for line in required
        if "extra ==" not in line
    ]
    assert sorted(always) == [
        "anyio",
        "cachetools",
        "pybreaker",
        "pydantic",
        "tenacity",
        "typing-extensions",
    ]


@pytest.mark.slow
def test_the_installed_wheel_works_without_the_sources(
    wheel: Path, tmp_path: Path
) -> None:
    """Every public name loads from the installed copy."""
    target = tmp_path / "site"
    options = ["--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*PIP, "install", *options, str(wheel)], check=True)

    done = subprocess.run(
        [sys.executable, "-c", USE, str(target)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0.1.0"
