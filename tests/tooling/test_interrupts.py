"""A run of the tests begins wherever it is begun from."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What a shell starts in the background ignores Ctrl-C.
BEGIN = """
import signal, sys, threading
import pytest

def run():
    ended.append(pytest.main(["-q", "-p", "no:cacheprovider", "tests"]))

ended = []
signal.signal(signal.SIGINT, signal.SIG_IGN)
if sys.argv[1] == "main":
    run()
else:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
print("ended", int(ended[0]), signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)
"""


@pytest.mark.parametrize(("thread", "heard"), [("main", True), ("other", False)])
def test_tests_begin_on_any_thread(tmp_path: Path, thread: str, heard: bool) -> None:
    """Ctrl-C is heard where Python lets it be set; elsewhere the run begins as well."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_one.py").write_text("def test_one(): ...\n")
    said = subprocess.run(
        [sys.executable, "-c", BEGIN, thread],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert said.stdout.splitlines()[-1:] == [f"ended 0 {heard}"], said
