"""A device in the field: `examples/field_agent.py`, run again and again on one file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[3]
_PATIENCE = 200.0


class Run(NamedTuple):
    """One run of a program.

    Args:
        code: Its exit code.
        said: What it printed.
    """

    code: int
    said: str


class Agent:
    """One device; what it has taken is in its folder, whatever happens to it.

    Args:
        folder: Made if it is not there.
        port: Of the app that it talks to.
    """

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._server = f"http://127.0.0.1:{port}"
        self.url = f"sqlite:///{folder / 'field.db'}"

    def start(
        self,
        *arguments: str,
        options: Iterable[str] = (),
        output: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start the program; its output is read by the caller."""
        program = str(ROOT / "examples" / "field_agent.py")
        named = ("--server", self._server, *options)
        return self._started([program, *named, *arguments], output)

    def run(self, *arguments: str, options: Iterable[str] = ()) -> Run:
        """Run it to its end."""
        return _ended(self.start(*arguments, options=options))

    def desk(self, *arguments: str) -> Run:
        """Run ``syncpatterns queue`` on the device's file."""
        command = ["-m", "syncpatterns.cli", "queue", *arguments, "--db", self.url]
        return _ended(self._started(command, subprocess.PIPE))

    def presses(self, presses: Iterable[dict[str, Any]]) -> str:
        """Write presses down, as another program would; return their file."""
        file = self._folder / "presses.jsonl"
        lines = [json.dumps(press) for press in presses]
        file.write_text("\n".join(lines), encoding="utf-8")
        return str(file)

    def _started(self, command: list[str], output: int) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - programs of this project
            [sys.executable, "-u", *command],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )


def _ended(process: subprocess.Popen[str]) -> Run:
    try:
        said, _ = process.communicate(timeout=_PATIENCE)
    finally:
        process.kill()
    return Run(process.returncode, said)
