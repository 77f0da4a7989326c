"""The API snapshot shows what users can call, and a change of it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "api_snapshot.py"

ROOT_MODULE = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from house.door import Door
__all__ = ["Door", "Ghost"]
"""

DOOR = """
__all__ = ["Door", "Gate", "Lock", "Porch", "knock"]
from dataclasses import dataclass
from typing import overload

LIMIT = 3

class Door:
    def __init__(self, width: int, /, *, colour: str = "red") -> None: ...
    def open(self, *people: str, wait: float = 1.0) -> bool: ...
    async def aopen(self) -> bool: ...
    def _creak(self) -> None: ...

@dataclass
class Lock:
    key: str
    turns: int = 2

class _Outside:
    def __init__(self, material: str) -> None: ...
    def paint(self) -> None: ...

class Porch(_Outside):
    @overload
    def light(self, on: bool) -> None: ...
    @overload
    def light(self, on: int) -> int: ...
    def light(self, on): ...

class Gate(Door):
    def latch(self) -> None: ...

def knock(times: int) -> None: ...
def hidden() -> None: ...
"""

EXPECTED = [
    "house.Door = house.door.Door",
    "house.Ghost  # not to be found in the sources",
    "class house.door.Door(width: int, /, *, colour: str = 'red')",
    "async def house.door.Door.aopen() -> bool",
    "def house.door.Door.open(*people: str, wait: float = 1.0) -> bool",
    "class house.door.Gate  # Door",
    "def house.door.Gate.latch() -> None",
    "class house.door.Lock(key: str, turns: int = 2)",
    "house.door.Lock.key: str",
    "house.door.Lock.turns: int",
    "class house.door.Porch(material: str)  # _Outside",
    "def house.door.Porch.light(on: bool) -> None",
    "def house.door.Porch.light(on: int) -> int",
    "def house.door.Porch.paint() -> None",
    "def house.door.knock(times: int) -> None",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small package with a lazy root and private names."""
    package = tmp_path / "src" / "house"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(ROOT_MODULE)
    (package / "door.py").write_text(DOOR)
    (package / "_cellar.py").write_text('__all__ = ["rat"]\nrat = 1\n')
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    return tmp_path


def snapshot(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the script over *project*."""
    command = [sys.executable, str(SCRIPT), "--root", str(project)]
    return subprocess.run(
        [*command, "--package", "house", *options],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_lists_public_names_with_their_signatures(project: Path) -> None:
    """Private names stay out; a name re-exported points home."""
    snapshot(project, "--write")

    written = (project / "docs" / "reference" / "api.txt").read_text().splitlines()
    assert [line for line in written if not line.startswith("#")] == EXPECTED


def test_a_changed_signature_fails_and_is_shown(project: Path) -> None:
    """The diff names what was written and what is there now."""
    snapshot(project, "--write")
    door = project / "src" / "house" / "door.py"
    door.write_text(door.read_text().replace("times: int", "times: float"))

    done = snapshot(project)

    assert done.returncode == 1
    assert "-def house.door.knock(times: int) -> None" in done.stdout
    assert "+def house.door.knock(times: float) -> None" in done.stdout


def test_an_unchanged_api_passes(project: Path) -> None:
    """Nothing to say, nothing said."""
    snapshot(project, "--write")

    done = snapshot(project)

    assert done.returncode == 0
    assert done.stdout == ""
