"""The app as real processes on one database."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from examples.critical_buttons.options import TOKEN_VARIABLE
from examples.critical_buttons.tour.provider import Provider
from syncpatterns.testing.servers import ServerProcess, free_port, http_ready

ROOT = Path(__file__).parents[3]
BOOKINGS = "bookings.csv"
LEADS = "leads.csv"

#: Seconds for which the breaker leaves the provider alone; 300 by default.
RECOVERY = 10
#: Seconds after which a dead process's send is taken over; 30 by default.
LEASE = 3
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


def write_leads(path: Path, phones: Mapping[str, str]) -> None:
    """Write a leads file: ids and their numbers."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "phone", "name"])
        writer.writerows((name, phone, name) for name, phone in phones.items())


class App:
    """One process of the app, with figures that fit into a tour.

    Args:
        folder: Where the database and the files to load are; several
            processes may share it.
        provider: Who delivers its messages.
    """

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.port = free_port()
        self._server = ServerProcess(
            [
                sys.executable,
                "-m",
                "examples.critical_buttons",
                *("--port", str(self.port)),
                *("--db", f"sqlite:///{folder / 'tour.db'}"),
                *("--bookings", str(folder / BOOKINGS)),
                *("--leads", str(folder / LEADS)),
                *("--sms-url", provider.url),
                *("--sms-account", provider.account),
                *("--sms-rate", "100"),
                *("--sms-timeout", "4"),
                *("--breaker-recovery", str(RECOVERY)),
                *("--lease", str(LEASE)),
            ],
            ready=http_ready(self.port, "/api/health/ready"),
            cwd=ROOT,
            env={TOKEN_VARIABLE: provider.token},
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
