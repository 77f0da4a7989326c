from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from syncpatterns.testing import ServerProcess, _free_ports, free_port
from syncpatterns.testing.servers import http_ready

HTTP = """
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
print("hello from", sys.argv[1], flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PORTS = r"""
import json, os, sys
from syncpatterns.testing import free_port
mine = [free_port() for _ in range(3)]
child = os.fork()
if not child:
    mine = [free_port() for _ in range(3)]
os.write(1, f"{json.dumps(mine)}\n".encode())
sys.stdin.read()
if child:
    os.wait()
"""
PARENT = """
import subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait(60)"])
print(child.pid, flush=True)
threading.Event().wait(60)
"""  # noqa: E501 - a program in one string
WHERE = """
import os, threading
print(os.environ["COLOUR"], os.getcwd(), flush=True)
threading.Event().wait(60)
"""
STUBBORN = """
import signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
threading.Event().wait(60)
"""


def http_server(port: int, **options: object) -> ServerProcess:
    """Make a small HTTP server on *port*."""
    argv = [sys.executable, "-c", HTTP, str(port)]
    return ServerProcess(argv, ready=http_ready(port, "/ready"), **options)  # type: ignore[arg-type]  # options of its own


def listening(port: int) -> bool:
    """Say whether somebody listens on *port*."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_free_port_is_free() -> None:
    """One can listen on it at once."""
    port = free_port()

    with socket.create_server(("127.0.0.1", port)):
        assert listening(port)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_free_port_is_nobody_elses() -> None:
    """Neither another process is given it, nor a fork, nor whoever asks for any."""
    argv = [sys.executable, "-c", PORTS]
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(2)
        ]
        answers = [[free_port() for _ in range(3)]]
        for child in children:
            assert child.stdout is not None
            answers += [json.loads(child.stdout.readline()) for _ in range(2)]
        for child in children:
            assert child.stdin is not None
            child.stdin.close()

    assert [len(set(ports)) for ports in answers] == [3] * 5
    assert len({port for ports in answers for port in ports}) == 15
    assert all(1024 < port < 32_768 for ports in answers for port in ports)


def test_where_no_port_of_its_own_is_left_the_kernel_gives_one() -> None:
    """Better one that somebody else may get than none."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = _free_ports._ports(range(port, port + 1))
        found = next(ports)

    assert found not in {0, port}
    assert next(ports) == port


def test_it_is_ready_when_start_returns_and_gone_after_stop() -> None:
    """No test needs to wait for either."""
    port = free_port()
    with http_server(port) as server:
        up = server.running, listening(port), server.pid > 0

    assert up == (True, True, True)
    assert (server.running, listening(port)) == (False, False)


def test_it_can_be_killed_and_started_again() -> None:
    """A crash and a recovery on the same port."""
    port = free_port()
    with http_server(port) as server:
        first = server.pid
        server.kill9()
        dead = listening(port)
        server.start()
        second = server.pid
        server.restart()
        third = server.pid

    assert not dead
    assert len({first, second, third}) == 3


def test_starting_twice_is_refused() -> None:
    """The first process would be left behind."""
    with http_server(free_port()) as server, pytest.raises(RuntimeError, match="alr"):
        server.start()


def test_a_server_that_ends_at_once_shows_its_output() -> None:
    """The reason stands in the error."""
    argv = [sys.executable, "-c", "raise SystemExit('port is taken')"]

    with pytest.raises(RuntimeError, match=r"status 1[\s\S]*port is taken"):
        ServerProcess(argv, ready=lambda: False).start()


def test_a_server_that_is_never_ready_is_killed() -> None:
    """The error says how long it was given; nothing is left running."""
    port = free_port()
    argv = [sys.executable, "-c", HTTP, str(port)]
    server = ServerProcess(argv, ready=http_ready(port, "/x"), start_timeout=0.5)

    with pytest.raises(TimeoutError, match=r"not ready after 0\.5 s"):
        server.start()

    assert not server.running
    assert not listening(port)


def test_a_bug_in_the_probe_is_not_swallowed() -> None:
    """Only "cannot be reached" means "not yet"."""
    server = ServerProcess([sys.executable, "-c", "input()"], ready=lambda: bool(1 / 0))

    with pytest.raises(ZeroDivisionError):
        server.start()

    assert not server.running


def test_killing_takes_its_children_along(
    tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    """The whole process group goes."""
    log = tmp_path / "log"
    argv = [sys.executable, "-c", PARENT]
    server = ServerProcess(
        argv, ready=lambda: log.read_bytes().endswith(b"\n"), log=log
    )
    server.start()
    child = int(log.read_text())
    server.kill9()

    assert gone(child)


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    """Stopping ends, one way or the other."""
    log = tmp_path / "log"
    argv = [sys.executable, "-c", STUBBORN]
    ready = lambda: b"up" in log.read_bytes()  # noqa: E731 - a probe
    server = ServerProcess(argv, ready=ready, log=log, stop_timeout=0.1)
    server.start()

    assert server.stop() == -9


def test_stopping_what_does_not_run_is_nothing() -> None:
    """Clean-up code need not ask first."""
    server = ServerProcess(["true"], ready=lambda: True)

    assert server.stop() is None
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid


def test_environment_and_folder_are_its_own(tmp_path: Path) -> None:
    """Variables are added to those of the test."""
    log = tmp_path / "log"
    server = ServerProcess(
        [sys.executable, "-c", WHERE],
        ready=lambda: log.read_bytes().endswith(b"\n"),
        env={"COLOUR": "red"},
        cwd=tmp_path,
        log=log,
    )
    with server:
        said = server.log_tail()

    assert said == f"red {os.path.realpath(tmp_path)}"


def test_only_the_tail_of_the_log_is_shown(tmp_path: Path) -> None:
    """A chatty server does not flood the report."""
    log = tmp_path / "log"
    log.write_text("\n".join(str(i) for i in range(50_000)))
    server = ServerProcess(["true"], ready=lambda: True, log=log)

    assert server.log_tail(2) == "49998\n49999"
