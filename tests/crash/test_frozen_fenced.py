"""A process that stands still in the middle of a call, and wakes up too late."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.operation import Answer
from syncpatterns.testing import sqlite_integrity
from tests.crash import sending
from tests.crash.sending import SCOPE, Provider, Send, Sending

#: Far less than a caller waits for somebody else's call: the second process
#: simply waits until the lease is over, and no clock has to be moved.
LEASE = 1.0

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGSTOP"), reason="no process can be made to stand still here"
)


@contextmanager
def frozen(folder: Path, *how: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and go on when it stands still in its call."""
    program = "tests.crash.programs.send_frozen"
    arguments = [sys.executable, "-m", program, str(folder), str(LEASE), *how]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            _, status = os.waitpid(child.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), status
            yield child
        finally:
            child.kill()


def taken_over(folder: Path, *how: str) -> tuple[Answer[str], dict[str, Any], Any]:
    """Return our answer, what the late process says, and what is there in the end."""
    provider = Provider(folder)
    with SqliteEngine(sending.database(folder)) as engine:
        engine.transact(sending.create)
        operation: Sending = sending.sending(engine, provider, lease=LEASE)
        with frozen(folder, *how) as child:
            answer = operation.call(Send("a"), key="k", scope=SCOPE)
            os.kill(child.pid, signal.SIGCONT)
            out, err = child.communicate(timeout=200)
            assert child.returncode == 0, err
        again = operation.call(Send("a"), key="k", scope=SCOPE)
        assert (again.replayed, again.body) == (True, answer.body)
        assert operation.unresolved() == []
        found = sending.look(engine, provider)
    assert sqlite_integrity(sending.database(folder)) == "ok"
    return answer, json.loads(out), found.of("a")


@pytest.mark.case("OPR-21", part="two processes")
@pytest.mark.parametrize("how", ["call", "acall"])
def test_a_receipt_that_comes_too_late_is_fenced(tmp_path: Path, how: str) -> None:
    """The other process found the message by its lookup: one of everything."""
    answer, late, found = taken_over(tmp_path, how, "fenced")

    assert (answer.value, answer.replayed) == ("sent to a", False)
    assert late["told"].startswith("LeaseLost: sms.send [")
    assert late["facts"] == ["Fenced"]
    assert found == (1, 1, 1, 1)


def test_rows_that_go_past_the_fence_are_seen(tmp_path: Path) -> None:
    """The planted bug: a call that writes its rows itself writes them once more."""
    _, late, found = taken_over(tmp_path, "call", "unfenced")

    assert late["told"].startswith("LeaseLost")
    assert found == (1, 2, 2, 2)
