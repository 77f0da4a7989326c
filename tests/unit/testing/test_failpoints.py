from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from syncpatterns import _testpoints
from syncpatterns.testing import CrashCase, Failpoints, failpoint_sweep

PROGRAM = """
import sys
from pathlib import Path
from syncpatterns._testpoints import hit
log = Path(sys.argv[1])
for i in range(2):
    hit("before")
    with log.open("a") as file:
        file.write("x")
    hit("after")
"""


def program(case: CrashCase) -> list[str]:
    """Write two letters to a log, passing two places each time."""
    return ["-c", PROGRAM, str(case.folder / "log")]


def test_passes_are_counted() -> None:
    """A test can assert that a place is reached at all."""
    with Failpoints() as points:
        _testpoints.hit("a")
        _testpoints.hit("a")
        _testpoints.hit("b")

    assert points.hits == {"a": 2, "b": 1}


def test_an_error_is_raised_at_the_nth_pass_only() -> None:
    """Passes before and after go through."""
    with Failpoints().raise_at("a", OSError("gone"), n=2) as points:
        _testpoints.hit("a")
        with pytest.raises(OSError, match="gone"):
            _testpoints.hit("a")
        _testpoints.hit("a")

    assert points.hits["a"] == 3


def test_an_action_runs_in_the_thread_that_passes() -> None:
    """A test can hold one thread at a place and look at the others."""
    seen: list[str] = []

    with Failpoints().call_at(
        "a", lambda: seen.append(threading.current_thread().name)
    ):
        thread = threading.Thread(target=_testpoints.hit, args=("a",), name="worker")
        thread.start()
        thread.join(120)

    assert seen == ["worker"]


def test_leaving_disarms() -> None:
    """No failpoint outlives its block."""
    with Failpoints() as points:
        pass
    _testpoints.hit("a")

    assert points.hits == {}


def test_a_place_never_reached_fails_the_test() -> None:
    """A misspelt name must not make a test that proves nothing."""
    with (
        pytest.raises(AssertionError, match=r"never reached: mispelt \(pass 1\)"),
        Failpoints().raise_at("mispelt", OSError()),
    ):
        _testpoints.hit("misspelt")


def test_hits_are_counted_from_one() -> None:
    """The zeroth pass would never come."""
    with pytest.raises(ValueError, match="from 1"):
        Failpoints().raise_at("a", OSError(), n=0)


def test_the_sweep_kills_at_every_pass_of_every_place() -> None:
    """Each run sees exactly what was written before its end."""
    left: dict[str, int] = {}

    def judge(case: CrashCase) -> None:
        log = case.folder / "log"
        left[str(case)] = len(log.read_text()) if log.exists() else 0

    report = failpoint_sweep(program, judge, names=["before", "after", "nowhere"])

    assert left == {
        "no kill": 2,
        "before, pass 1": 0,
        "before, pass 2": 1,
        "after, pass 1": 1,
        "after, pass 2": 2,
    }
    assert (report.kills, report.never, report.ok) == (4, ["nowhere"], True)
    assert report.hits == {"before": 2, "after": 2}


def test_passes_beyond_the_limit_are_left_out() -> None:
    """A loop of a thousand passes need not be killed a thousand times."""
    report = failpoint_sweep(program, lambda _: None, names=["before"], max_hits=1)

    assert report.kills == 1


def test_a_program_that_fails_by_itself_is_an_error_with_its_output() -> None:
    """A broken program must not count as survived."""

    def broken(case: CrashCase) -> list[str]:
        return ["-c", "raise SystemExit('out of paper')"]

    with pytest.raises(RuntimeError, match="out of paper"):
        failpoint_sweep(broken, lambda _: None)


@pytest.mark.parametrize("style", ["module", "file", "nothing"])
def test_programs_are_given_as_to_python(
    style: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A module and a file run as they would without us."""
    path = tmp_path_factory.mktemp("p") / "p.py"
    path.write_text("import sys; assert __name__ == '__main__'; print(sys.argv[1:])")
    launcher = [sys.executable, "-m", "syncpatterns.testing._crash_child", "", "0"]
    arguments = {
        "module": ["-m", "json.tool", "--help"],
        "file": [str(path), "--flag"],
        "nothing": [],
    }

    done = subprocess.run(
        [*launcher, str(path.with_suffix(".hits")), *arguments[style]],
        capture_output=True,
        text=True,
        check=False,
    )

    said = {"module": "usage:", "file": "['--flag']", "nothing": ""}
    assert said[style] in done.stdout
    assert (done.returncode == 0) == (style != "nothing"), done.stderr
