"""Stores that answer in a way no order of the calls explains."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from syncpatterns.testing.linearizability import (
    PENDING,
    Answer,
    Busy,
    Claim,
    Complete,
    Op,
    Report,
    Run,
    check_by_key,
    idempotency_model,
)

Bug = Literal["none", "check-then-act", "no-fence", "forgets"]
THREADS, KEYS = 4, 60


class Store:
    """A small store of claims with one planted bug, or none."""

    def __init__(self, bug: Bug) -> None:
        self._bug = bug
        self._lock = threading.Lock()
        self._owners: dict[str, str] = {}
        self._answers: dict[str, bytes] = {}
        self._meet = threading.Barrier(THREADS)

    def claim(self, key: str, owner: str) -> object:
        if self._bug == "check-then-act":
            seen = self._look(key, owner)
            self._wait_for_the_others()
            if seen is None:
                self._owners[key] = owner
            return seen or Run()
        with self._lock:
            seen = self._look(key, owner)
            if seen is None:
                self._owners[key] = owner
            return seen or Run()

    def complete(self, key: str, owner: str, answer: bytes) -> bool:
        with self._lock:
            fenced = self._owners.get(key) != owner or key in self._answers
            if fenced and self._bug != "no-fence":
                return False
            if self._bug != "forgets":
                self._answers[key] = answer
            return True

    def _look(self, key: str, owner: str) -> object:
        if key in self._answers:
            return Answer(self._answers[key])
        return Busy() if self._owners.get(key, owner) != owner else None

    def _wait_for_the_others(self) -> None:
        try:
            self._meet.wait(0.001)
        except threading.BrokenBarrierError:
            self._meet.reset()


class Recorder:
    """One thread's calls, as operations with times."""

    def __init__(self, store: Store, process: int) -> None:
        self._store = store
        self._process = process
        self.history: list[Op] = []

    def work(self) -> None:
        for i in range(KEYS):
            key, owner = f"k{i}", f"w{self._process}"
            claimed = self._call(key, Claim(owner))
            if isinstance(claimed, Run) or i % 7 == 0:
                self._call(key, Complete(owner, owner.encode()), lose=i % 5 == 0)
            self._call(key, Claim(owner))

    def _call(self, key: str, asked: Any, *, lose: bool = False) -> object:
        begin = time.monotonic()
        if isinstance(asked, Claim):
            got: object = self._store.claim(key, asked.owner)
        else:
            got = self._store.complete(key, asked.owner, asked.answer)
        end: float | None = time.monotonic()
        if lose:  # as if the answer had been lost on the way
            got, end = PENDING, None
        self.history.append(Op(self._process, asked, got, begin, end, key))
        return got


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    """Let threads interrupt each other as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def report(bug: Bug) -> Report:
    """Let four threads meet on the same keys, and check what they saw."""
    store = Store(bug)
    recorders = [Recorder(store, i) for i in range(THREADS)]
    threads = [threading.Thread(target=recorder.work) for recorder in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    history = [op for recorder in recorders for op in recorder.history]
    return check_by_key(history, idempotency_model)


def test_a_correct_store_is_clean() -> None:
    """Four threads, lost answers included, and an order for every key."""
    result = report("none")

    assert result.ok, str(result)
    assert result.pending > 0
    assert len(result.verdicts) == KEYS


@pytest.mark.parametrize("bug", ["check-then-act", "no-fence", "forgets"])
def test_a_broken_store_is_caught(bug: Bug) -> None:
    """And the report shows the answer that no order explains."""
    # Real threads race here: on a busy machine a run may happen to be in order.
    reports = (report(bug) for _ in range(20))
    result = next((each for each in reports if not each.ok), None)

    assert result is not None
    assert "no order explains this answer" in str(result)
