"""Drive the field agent: as a real process, or in this one."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from examples import field_agent

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0
_START = datetime(2031, 1, 6, 9, tzinfo=UTC)


class Agent:
    """One device: its file, and the program that is run on it again and again."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self.server = server

    def start(
        self,
        *arguments: str,
        options: Iterable[str] = (),
        output: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start the program; its output is read by the caller."""
        return subprocess.Popen(
            [
                *(sys.executable, "-u", str(ROOT / "examples" / "field_agent.py")),
                *("--server", self.server, *options, *arguments),
            ],
            cwd=self.folder,
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "TERM": "xterm"},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, *arguments: str, options: Iterable[str] = ()) -> tuple[int, str]:
        """Run it in this process; return its exit code and what it said."""
        file = str(self.folder / "field.db")
        said = io.StringIO()
        with redirect_stdout(said):
            code = field_agent.main(
                ["--server", self.server, "--db", file, *options, *arguments]
            )
        return code, said.getvalue()

    def presses(self, presses: Iterable[dict[str, Any]]) -> str:
        """Write presses down; return the name of their file."""
        lines = [json.dumps(press) for press in presses]
        file = self.folder / "presses.jsonl"
        file.write_text("\n".join(lines), encoding="utf-8")
        return str(file)


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
