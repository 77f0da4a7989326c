"""The simulator as a child of this process, for as long as it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import anyio
import anyio.abc

from examples.critical_buttons.simulator.cli import TOKEN_VARIABLE

_ROOT: Final = Path(__file__).parents[3]
_PACKAGE: Final = __name__.rpartition(".")[0]
_LINE: Final = 4096
_SHOWN: Final = 4000
_PATIENCE: Final = 20.0
_GRACE: Final = 2.0


class SimulatorFailed(Exception):
    """The simulator did not start; the message holds what it said."""


class SimulatorProcess:
    """An SMS simulator that lives as long as the ``async with`` block.

    It is ready when the block begins. It ends with the block, and also when
    this process is killed: it holds one end of a pipe, and sees the other go.

    Args:
        chaos: Whether faults can be switched, see `admin_url`.
        pace: Seconds from one status of a message to the next.
        account_sid: The account it knows; made up by default.
        auth_token: The token of that account; made up by default.

    Raises:
        SimulatorFailed: On entering; it ended or did not answer in time.
    """

    def __init__(
        self,
        *,
        chaos: bool = False,
        pace: float | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
    ) -> None:
        options = {
            "--port": 0,
            "--pace": pace,
            "--account": account_sid,
            "--parent": os.getpid(),
        }
        self._arguments = [
            f"{name}={value}" for name, value in options.items() if value is not None
        ]
        self._arguments += ["--chaos"] * chaos
        self._auth_token = auth_token
        self._child: _Child | None = None
        self._ready: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Where its API is, e.g. ``http://127.0.0.1:8124``."""
        url: str = self._ready["url"]
        return url

    @property
    def admin_url(self) -> str | None:
        """Where ``/_sim`` is, also while the API refuses; None without chaos."""
        url: str | None = self._ready["admin_url"]
        return url

    @property
    def account_sid(self) -> str:
        """The account it knows."""
        account: str = self._ready["account_sid"]
        return account

    @property
    def auth_token(self) -> str:
        """The token of that account; it signs the webhooks too."""
        token: str = self._ready["auth_token"]
        return token

    @property
    def pid(self) -> int:
        """Its process id; 0 where it was not started."""
        return self._child.process.pid if self._child else 0

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._child is not None and self._child.process.returncode is None

    async def __aenter__(self) -> Self:
        self._child = child = await _start(self._arguments, self._environment())
        try:
            self._ready = await child.first_line()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._end()

    def _environment(self) -> dict[str, str]:
        # It has to find this package, whatever the working directory is.
        path = os.pathsep.join(
            part for part in (str(_ROOT), os.environ.get("PYTHONPATH")) if part
        )
        environment = os.environ | {"PYTHONPATH": path}
        environment.pop(TOKEN_VARIABLE, None)
        if self._auth_token is not None:
            environment[TOKEN_VARIABLE] = self._auth_token
        return environment

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            with anyio.CancelScope(shield=True):
                await child.end()


@dataclass(frozen=True, slots=True)
class _Child:
    """A started process, and the file that it writes its errors to."""

    process: anyio.abc.Process
    stdin: anyio.abc.ByteSendStream
    stdout: anyio.abc.ByteReceiveStream
    said: IO[bytes]

    async def first_line(self) -> dict[str, Any]:
        line = b""
        with anyio.move_on_after(_PATIENCE):
            while not line.endswith(b"\n") and len(line) < _LINE:
                try:
                    line += await self.stdout.receive()
                except anyio.EndOfStream:
                    await self.process.wait()
                    break
        try:
            ready: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise SimulatorFailed(self._failure()) from error
        return ready

    def _failure(self) -> str:
        self.said.seek(0)
        said = self.said.read()[-_SHOWN:].decode("utf-8", "replace").strip()
        code = self.process.returncode
        how = "did not get ready in time" if code is None else f"ended with {code}"
        return f"The SMS simulator {how}. It said: {said or 'nothing'}"

    async def end(self) -> None:
        """Let it see the end of the pipe; kill it if that is not enough."""
        with anyio.move_on_after(_GRACE):
            await self.stdin.aclose()
            await self.process.wait()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.aclose()
        self.said.close()


async def _start(arguments: list[str], environment: dict[str, str]) -> _Child:
    # A file and not a pipe: nobody has to read it, and it cannot fill up.
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the child's end closes it
    try:
        process = await anyio.open_process(
            [sys.executable, "-m", _PACKAGE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
        )
    except BaseException:
        said.close()
        raise
    if process.stdin is None or process.stdout is None:
        said.close()
        raise SimulatorFailed("The SMS simulator was started without its pipes.")
    return _Child(process, process.stdin, process.stdout, said)
