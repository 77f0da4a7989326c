"""Who ends a flight may be the garbage collector, at any step of any thread."""

from __future__ import annotations

import threading

from syncpatterns.idempotency._flights import Flight, Flights


def test_a_flight_that_ends_inside_another_step_waits_for_nobody() -> None:
    """The thread that is in the middle of one is the one that collects."""
    flights, abandoned = Flights(), Flight("k", b"")
    assert flights.enter(abandoned) is None

    def collect() -> None:
        with flights._lock:  # as follow() has it when it makes a list
            flights.leave(abandoned, None)

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(120)

    assert not thread.is_alive()
    assert flights.enter(Flight("k", b"")) is None
