from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from syncpatterns.testing import EffectsLedger, kill_loop

FOR_EVER = """
import itertools, sys
from syncpatterns.testing import EffectsLedger
ledger = EffectsLedger(sys.argv[1])
ledger.record(f"{sys.argv[2]}-start")
print("at work", flush=True)
for i in itertools.count():
    ledger.record(f"{sys.argv[2]}-{i}")
"""


def test_workers_are_killed_while_they_are_at_work(tmp_path: Path) -> None:
    """As many kills as asked for, all of them in the middle of something."""
    ledger = EffectsLedger(tmp_path / "ledger")

    report = kill_loop(
        lambda n: ["-c", FOR_EVER, str(ledger.path), str(n)],
        workers=2,
        kills=4,
        delay=(0.001, 0.005),
        seconds=200,
    )

    assert (report.kills, report.finished, report.failures) == (4, 0, [])
    assert 4 <= report.starts <= 6
    effects = ledger.effects()
    assert len({effect.key for effect in effects}) == len(effects) > 0


def test_no_worker_outlives_the_loop(
    tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    """Also those that were not killed in it."""
    ledger = EffectsLedger(tmp_path / "ledger")

    kill_loop(
        lambda n: ["-c", FOR_EVER, str(ledger.path), str(n)], kills=1, seconds=200
    )

    pids = {int(effect.worker) for effect in ledger.effects()}
    assert all(gone(pid) for pid in pids)


def test_a_worker_that_fails_by_itself_ends_the_loop() -> None:
    """Its complaint is in the report; it is not taken for a kill."""
    report = kill_loop(
        lambda _: ["-c", "print(1, flush=True); raise SystemExit('no paper')"],
        workers=1,
        delay=(200, 200),
        seconds=200,
    )

    assert report.kills == 0
    assert "exit status 1\nno paper" in report.failures[0]


def test_a_worker_killed_by_somebody_else_is_a_failure() -> None:
    """Only our own kills are expected."""
    code = f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)})"

    report = kill_loop(lambda _: ["-c", code], workers=1, seconds=200)

    assert "exit status -15" in report.failures[0]


def test_a_worker_that_has_done_its_work_is_replaced() -> None:
    """Ending well is no failure, and no kill."""
    waits = "print(1, flush=True); import threading; threading.Event().wait(60)"

    report = kill_loop(
        lambda n: ["-c", "" if n < 3 else waits], workers=1, kills=1, seconds=200
    )

    assert (report.starts, report.finished, report.kills) == (3, 2, 1)
    assert report.failures == []


def test_the_loop_ends_in_time() -> None:
    """Workers that never get to work do not hold it up."""
    code = "import threading; threading.Event().wait(60)"

    report = kill_loop(lambda _: ["-c", code], workers=1, seconds=0.2)

    assert report.kills == 0


def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    """A test run that is killed leaves no worker behind."""
    ledger = EffectsLedger(tmp_path / "ledger")
    code = f"""
import os
import subprocess
import sys
from syncpatterns.testing import kill_loop
def program(n):
    return ["-c", {FOR_EVER!r}, {str(ledger.path)!r}, str(n)]
def one_more(n):
    if n == 3:
        os._exit(0)
    return program(n)
kill_loop(one_more, workers=2, kills=9, seconds=200)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=200)
    pids = {int(effect.worker) for effect in ledger.effects()}

    assert done.returncode == 0
    assert pids
    assert all(gone(pid) for pid in pids)
