"""Drive the field agent: as a real process, or in this one."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

from examples import field_agent
from examples.critical_buttons.tour.agent import Agent as RealAgent, Run
from syncpatterns.clock import SystemClock

PATIENCE = 120.0
_START = datetime(2031, 1, 6, 9, tzinfo=UTC)


class Agent(RealAgent):
    """One device: its file, and the program that is run on it again and again."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        self._named = ["--server", f"http://127.0.0.1:{port}"]
        self._named += ["--db", str(folder / "field.db")]

    def run(self, *arguments: str, options: Iterable[str] = ()) -> Run:
        """Run it in this process."""
        said = io.StringIO()
        with redirect_stdout(said):
            code = field_agent.main([*self._named, *options, *arguments])
        return Run(code, said.getvalue())


def wait_until(fact: Callable[[], object]) -> None:
    """Return once another process has made *fact* true."""
    clock = SystemClock()
    until = clock.monotonic() + PATIENCE
    while not fact():
        assert clock.monotonic() < until, "it did not come to that"
        clock.sleep(0.02)  # hygiene: sleep - a look at another process


def write_world(folder: Path, bookings: int, leads: int) -> list[str]:
    """Write files of bookings and leads; return the options that load them."""
    with (folder / "bookings.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "resource", "starts_at", "ends_at", "status"])
        for number in range(bookings):
            start = _START + timedelta(hours=number)
            end = start + timedelta(minutes=45)
            times = (start.isoformat(), end.isoformat())
            rows.writerow([f"b-{number}", "Room", *times, "requested"])
    with (folder / "leads.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "phone", "name"])
        rows.writerows(
            (f"l-{number}", f"+120255501{number:02}", f"Lead {number}")
            for number in range(leads)
        )
    return ["--bookings", "bookings.csv", "--leads", "leads.csv"]
