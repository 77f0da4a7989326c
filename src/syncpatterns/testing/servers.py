"""Real processes for tests: started, asked if they are ready, always killed.

Everything listens on 127.0.0.1. A process gets a group of its own, so that
stopping it also ends what it has started.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from syncpatterns.clock import SystemClock
from syncpatterns.testing._free_ports import own_port

__all__ = ["ServerProcess", "free_port", "http_ready"]

_POLL = 0.01
_TAIL_BYTES = 64_000
_clock = SystemClock()
_started: weakref.WeakSet[ServerProcess] = weakref.WeakSet()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment.

    No other process is given it by this function while this one lives, and none
    by the kernel, which gives ports of another range to whoever asks for any.
    After some dozens of calls the same come again, if they are free.
    """
    return own_port()


def http_ready(port: int, path: str = "/") -> Callable[[], bool]:
    """Return a probe: does ``GET path`` on 127.0.0.1 answer 200?

    Args:
        port: Port of the server.
        path: Path and query.
    """

    def probe() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK

    return probe


class ServerProcess:
    """A server in a process of its own.

    ::

        port = free_port()
        argv = [sys.executable, "-m", "myapp", "--port", str(port)]
        with ServerProcess(argv, ready=http_ready(port, "/health")) as server:
            server.kill9()
            server.start()

    Args:
        argv: The command.
        ready: Probe asked until it returns True; OSError and malformed HTTP
            count as "not yet".
        cwd: Its working folder.
        env: Variables added to this process's environment.
        log: File for its output; the default is a temporary one.
        start_timeout: Real seconds it may take to become ready.
        stop_timeout: Real seconds it may take to end when asked to.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        ready: Callable[[], bool],
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        log: str | os.PathLike[str] | None = None,
        start_timeout: float = 60.0,
        stop_timeout: float = 30.0,
    ) -> None:
        self.argv = list(argv)
        self.start_timeout = start_timeout
        self.stop_timeout = stop_timeout
        self._ready = ready
        self._cwd = cwd
        self._env = {**os.environ, **(env or {})}
        self._own_log = log is None
        self._log = Path(log) if log is not None else _temporary_log()
        self._process: subprocess.Popen[bytes] | None = None
        if self._own_log:
            weakref.finalize(self, self._log.unlink, missing_ok=True)

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            RuntimeError: If it is not running.
        """
        if self._process is None:
            raise RuntimeError(f"{self} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: If it is running already, or ends before it is ready;
                the message ends with its output.
            TimeoutError: If it is not ready in time; it is killed then.
        """
        if self.running:
            raise RuntimeError(f"{self} is already running")
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the test's own server
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._cwd,
                env=self._env,
                start_new_session=True,
            )
        _started.add(self)
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill9()
            raise
        return self

    def stop(self) -> int | None:
        """Ask it to end (SIGTERM), kill it if it does not, return its exit status.

        None if it was not running.
        """
        process = self._process
        if process is None:
            return None
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.stop_timeout)
        self.kill9()
        return process.returncode

    def kill9(self) -> None:
        """Kill it and its whole process group at once, and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError):  # the group has ended
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()

    def restart(self) -> Self:
        """Stop it in order and start it again."""
        self.stop()
        return self.start()

    def log_tail(self, lines: int = 30) -> str:
        """Return the last *lines* lines of its output."""
        with self._log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = _clock.monotonic() + self.start_timeout
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._ready():
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(_POLL)
                raise RuntimeError(
                    f"{self} ended with exit status {status} before it was ready:\n"
                    f"{self.log_tail()}"
                )
            if _clock.monotonic() >= end:
                raise TimeoutError(
                    f"{self} was not ready after {self.start_timeout:g} s:\n"
                    f"{self.log_tail()}"
                )

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"ServerProcess({' '.join(self.argv)!r})"


def _temporary_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="server-", suffix=".log")
    os.close(handle)
    return Path(name)


def _kill_all(owner: int) -> None:
    if os.getpid() == owner:  # not in a child that was forked from a test
        for server in list(_started):
            server.kill9()


atexit.register(_kill_all, os.getpid())
