"""A heartbeat that is set inside a signal handler, while it is being set."""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import pytest

from syncpatterns.clock import SystemClock
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.idempotency import Idempotency, Windows
from syncpatterns.idempotency._heart import ThreadHeart, _Beats
from syncpatterns.idempotency._lease import Lease
from syncpatterns.testing import FakeClock
from tests.unit.idempotency.helpers import WHERE


def test_a_signal_handler_does_not_wait_for_its_own_thread(
    engine: MemoryEngine,
) -> None:
    """It may call a guard while that thread is setting the alarm of another call."""
    guard = Idempotency(engine, clock=SystemClock())
    beats = guard._thread_heart._beats  # type: ignore[union-attr]  # the store blocks
    answers = []

    def interrupted() -> None:
        with beats._lock:
            beats.wake_at = math.inf
            answers.append(guard.execute("k", lambda _: 1, payload=None, **WHERE))

    thread = threading.Thread(target=interrupted, daemon=True)
    thread.start()
    thread.join(120)

    assert answers == [1]


@pytest.mark.parametrize("due", [5.0, 15.0])
def test_an_interrupted_alarm_is_set_for_both(due: float) -> None:
    """A handler comes in at each line in turn, with a lease due sooner or later."""
    lines = 0
    while True:
        lines += 1
        reached, beats, alarms = _interrupted_at(lines, due)
        if reached < lines:
            break
        kept = [each for number, each in alarms if number == beats._generation]

        assert min(kept) <= min(10.0, due), f"line {lines}"
        assert beats.wake_at <= 10.0, f"line {lines}"
    assert lines > 5


def _interrupted_at(
    line: int, due: float
) -> tuple[int, _Beats, list[tuple[int, float]]]:
    """Set an alarm for 10 s, interrupted before the line number *line* of it."""
    beats = _Beats(FakeClock())
    alarms: list[tuple[int, float]] = []
    beats._wake_by_timer = lambda *alarm: alarms.append(alarm)  # type: ignore[method-assign]  # no thread is wanted
    heart = ThreadHeart(MemoryEngine().idempotency_store(), FakeClock())
    heart._beats = beats
    seen = 0

    def lease(key: str, seconds: float) -> Lease:
        made = Lease(key, 1, 30.0, Windows(), 0.0)
        made.due = seconds
        return made

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal seen
        if frame.f_code is not _Beats.start.__code__:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                frame.f_trace = None
                heart.watch(lease("handler", due))
                return None
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        heart.watch(lease("call", 10.0))
    finally:
        sys.settrace(before)
    return seen, beats, alarms
