"""kill -9 in the middle of a batch: all of it is there, or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.app.driver import ROOT, rows
from tests.app.kill_in_batch import COMMAND, KEY, LEADS, lines
from tests.app.status_driver import Office

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="who dies is forked"),
    pytest.mark.xdist_group("app-lead-status-crash"),  # one set of graves for all
]

BEFORE = (
    *("validating:0", "writing:0", "writing:1", "writing:10", "writing:20"),
    *("committing:20", "single.after_claim", "single.after_effect"),
    *("single.before_commit", "sqlite.before_commit"),
)
AFTER = ("sqlite.after_commit", "single.after_commit", "done:20")


@pytest.fixture(scope="module")
def graves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a process has died at each place, each in a folder of its own.

    A planted place at which nobody dies is found by the program itself.
    """
    folder = tmp_path_factory.mktemp("graves")
    done = dig(folder, *BEFORE, *AFTER)

    assert done.returncode == 0, done.stderr
    return folder


def dig(folder: Path, *places: str) -> subprocess.CompletedProcess[str]:
    """Let processes die in *folder*."""
    return subprocess.run(
        [sys.executable, "-m", "tests.app.kill_in_batch", str(folder), *places],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def left(database: Path) -> list[tuple[int, ...]]:
    """Return how many leads, audit lines, events and records are there."""
    return rows(
        database,
        "SELECT (SELECT count(*) FROM leads WHERE status = 'attempted'), "
        "(SELECT count(*) FROM audit), (SELECT count(DISTINCT bulk_id) FROM audit), "
        "(SELECT count(*) FROM syncpatterns_outbox), "
        "(SELECT count(*) FROM syncpatterns_record)",
    )


@pytest.mark.case("APP-22", part="server: a batch killed is whole or nothing")
@pytest.mark.case("OPR-06", part="a batch of leads")
@pytest.mark.parametrize("place", [*BEFORE, *AFTER])
async def test_a_batch_that_is_killed_is_whole_or_nothing(
    graves: Path, tmp_path: Path, place: str
) -> None:
    """And the same key afterwards leaves one of everything, whatever was there."""
    count = len(LEADS)
    everything = [(count, count, 1, count, 1)]
    shutil.copytree(graves / place, tmp_path / "app")
    database = tmp_path / "app" / "app.db"

    found = left(database)
    with closing(Office(database.parent, *lines())) as office:
        answer = await office.desk.change_many(COMMAND, key=KEY)

    assert found == (everything if place in AFTER else [(0, 0, 0, 0, 0)])
    assert answer.replayed is (place in AFTER)
    assert left(database) == everything


def test_a_place_where_nobody_dies_is_noticed(tmp_path: Path) -> None:
    """A proof that kills nobody would pass for ever."""
    done = dig(tmp_path, "writing:21")

    assert done.returncode != 0
    assert "nobody died at writing:21" in done.stderr
