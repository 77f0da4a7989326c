"""A queue on a real disk of 3 MB: full, drained to the last item, and used again."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "tests.crash.programs.queue_on_a_full_disk"
#: Runs a script of the shell that sees what it mounts, and nobody else does.
ALONE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


def on_a_small_disk(folder: Path, *commands: list[str]) -> list[dict[str, Any]]:
    """Run programs one after the other on a disk of their own; return their words.

    The disk is in a namespace of the programs, and goes with them: nobody has to
    be root for it, and none is left behind.
    """
    mount = f"mount -t tmpfs -o size=3m none {shlex.quote(str(folder))}"
    lines = [shlex.join([sys.executable, "-m", PROGRAM, *each]) for each in commands]
    script = "; ".join([mount, *lines])
    done = subprocess.run(
        [*ALONE, script],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    said = done.stdout.splitlines()
    assert (done.returncode, len(said)) == (0, len(commands)), done.stderr
    return [json.loads(line) for line in said]


def can_mount() -> bool:
    """Tell whether this system lets us have such a disk."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        [*ALONE, "mount -t tmpfs -o size=1m none /mnt"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


small_disk = pytest.mark.skipif(
    not can_mount(), reason="no user namespaces: a disk of its own cannot be mounted"
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Name the folder on which the disk is mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


@small_disk
@pytest.mark.slow
@pytest.mark.case("QUE-40", part="full disk")
@pytest.mark.parametrize("size", [400, 6000])
def test_what_waits_is_drained_and_then_there_is_room_again(
    disk: Path, size: int
) -> None:
    """Nothing half stored, nothing lost, in order; the second time like the first."""
    (report,) = on_a_small_disk(disk, [str(disk / "app.db"), str(size), "all"])

    stored = report["stored"]
    assert len(stored) > 100
    assert report["there"] == stored
    assert report["drained"] == stored
    assert report["left"] == 0
    assert len(report["again"]) > len(stored) / 2
    assert report["business"][0] == report["business"][1]
    assert report["drained again"] == report["again"]
    assert report["checked"] == []
    assert report["facts"][:2] == ["StorageFull", "StorageRecovered"]


@small_disk
@pytest.mark.slow
@pytest.mark.case("QUE-40", part="killed when full")
def test_a_process_killed_on_the_full_disk_is_followed_by_one_that_drains(
    disk: Path,
) -> None:
    """Even to open the database takes a little room: the reserve has it."""
    path = str(disk / "app.db")

    first, second = on_a_small_disk(disk, [path, "300", "fill"], [path, "300", "rest"])

    assert first["there"] == first["stored"]
    assert second["open"] == first["stored"]
    assert second["drained"] == first["stored"]
    assert second["left"] == 0
    assert len(second["again"]) > len(first["stored"]) / 2
