"""The app as real processes on one database."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncpatterns.testing.servers import ServerProcess, free_port, http_ready

ROOT = Path(__file__).parents[3]
_START = datetime(2031, 1, 6, 9, tzinfo=UTC)


def write_bookings(path: Path, names: list[str]) -> None:
    """Write a bookings file with one requested booking a name, all at other times."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["id", "resource", "starts_at", "ends_at", "customer", "status"]
        )
        for number, name in enumerate(names):
            start = _START + timedelta(hours=number)
            end = start + timedelta(minutes=45)
            writer.writerow(
                [
                    name,
                    "Tour room",
                    start.isoformat(),
                    end.isoformat(),
                    "Tour guest",
                    "requested",
                ]
            )


class App:
    """One process of the app.

    Args:
        database: The file; several processes may share it.
        bookings: What to load at start.
    """

    def __init__(self, database: Path, bookings: Path) -> None:
        self.port = free_port()
        self._server = ServerProcess(
            [
                sys.executable,
                "-m",
                "examples.critical_buttons",
                *("--port", str(self.port)),
                *("--db", f"sqlite:///{database}"),
                *("--bookings", str(bookings)),
            ],
            ready=http_ready(self.port, "/api/health/ready"),
            cwd=ROOT,
        )

    def start(self) -> App:
        """Start it and wait until it is ready."""
        self._server.start()
        return self

    def kill9(self) -> None:
        """Kill it with SIGKILL, in the middle of whatever it does."""
        self._server.kill9()

    def stop(self) -> None:
        """Ask it to stop and wait."""
        self._server.stop()
