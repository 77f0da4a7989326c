"""A forked child is not kept waiting by a thread that only its parent has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FORK_WHILE_HELD = """
import os, signal, threading, warnings
from syncpatterns.retry import Breakers, CircuitBreaker

breaker = CircuitBreaker("sms")
breakers = Breakers(CircuitBreaker)
owner = {owner}
held, done = threading.Event(), threading.Event()

def hold():
    with owner._lock:
        held.set()
        done.wait()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    signal.alarm(10)
    breaker.open()
    breakers.get("sms").open()
    os._exit(7 if breaker.current_state == "open" else 1)
status = os.waitpid(child, 0)[1]
done.set()
thread.join()
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
@pytest.mark.parametrize("owner", ["breaker", "breakers"])
def test_a_forked_child_is_not_locked_out(owner: str) -> None:
    """A lock that is held while the process forks is free in the child."""
    script = FORK_WHILE_HELD.format(owner=owner)

    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "7"
