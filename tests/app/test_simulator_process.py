"""The simulator as a process: it is ready, it is found, and it never stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from examples.critical_buttons.simulator.process import (
    SimulatorFailed,
    SimulatorProcess,
)
from tests.app.simulated import PATIENCE, ROOT, Simulator, alive, eventually
from tests.timing import at_best

SOON = 2.0
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and /proc")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PARENT = """
import anyio, json, os, sys
from examples.critical_buttons.simulator.process import SimulatorProcess

async def main():
    async with SimulatorProcess(chaos=True) as simulator:
        keeper = os.fork() if "fork" in sys.argv else 0
        if keeper == 0 and "fork" in sys.argv:
            import signal
            while True:
                signal.pause()
        print(json.dumps([simulator.pid, simulator.url, keeper]), flush=True)
        await anyio.sleep_forever()

try:
    anyio.run(main, backend=sys.argv[1])
except KeyboardInterrupt:
    pass
"""


@contextmanager
def parent(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Run a program that has a simulator; its id and URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's group of its own
    )
    keeper = 0
    try:
        assert process.stdout is not None
        pid, url, keeper = json.loads(process.stdout.readline())
        assert alive(pid)
        yield process, pid, url
    finally:
        process.kill()
        if keeper:
            os.kill(keeper, signal.SIGKILL)
        process.communicate(timeout=PATIENCE)


def seconds_after(
    end: Callable[[subprocess.Popen[str]], object], *arguments: str
) -> float:
    """Return how long the simulator outlives a parent that is ended so."""
    with parent(*arguments) as (process, pid, _):
        end(process)
        process.wait(PATIENCE)
        return eventually(lambda: not alive(pid))


def command_of(pid: int) -> str:
    """Return the command line of a process."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def children() -> list[str]:
    """Return the command lines of this process's living children."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
    return [command_of(int(pid)) for pid in listed if alive(int(pid))]


@LINUX
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_simulator_whose_parent_is_killed_is_gone_within_two_seconds(
    backend: str,
) -> None:
    """Kill -9 leaves the parent no time to say anything; the pipe ends anyway."""

    def outlives() -> float:
        return seconds_after(subprocess.Popen.kill, backend)

    assert at_best(outlives, SOON, tries=5) < SOON


@LINUX
def test_it_is_gone_also_when_a_fork_of_the_parent_holds_the_pipe_open() -> None:
    """Then the end of the pipe does not come; the parent's id has changed."""

    def outlives() -> float:
        return seconds_after(subprocess.Popen.kill, "asyncio", "fork")

    assert at_best(outlives, SOON, tries=5) < SOON


@LINUX
def test_ctrl_c_on_the_terminal_ends_both(tmp_path: Path) -> None:
    """The terminal tells both; the simulator waits until the parent is done."""

    def press(process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGINT)

    def outlives() -> float:
        return seconds_after(press, "asyncio")

    assert at_best(outlives, SOON, tries=5) < SOON


@POSIX
def test_a_simulator_with_a_parent_leaves_ctrl_c_to_it() -> None:
    """One that ended first would fail the parent's last requests."""
    with Simulator() as sim:
        sim.process.send_signal(signal.SIGINT)
        sim.process.send_signal(signal.SIGINT)

        with pytest.raises(subprocess.TimeoutExpired):
            sim.process.wait(1)
        assert sim.create().status_code == 201


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_simulator_started_by_hand_ends_on_a_signal(number: int) -> None:
    """Within its grace, although a request hangs, and without a traceback."""
    sim = Simulator(followed=False)
    with sim.hanging():
        sim.process.send_signal(number)
        sim.process.wait(PATIENCE)

    assert "Traceback" not in sim.close()


@POSIX
def test_standard_input_that_is_no_pipe_means_nothing() -> None:
    """/dev/null ends at once; a simulator that took it for its parent would too."""
    with Simulator(stdin=subprocess.DEVNULL) as sim:
        assert sim.create().status_code == 201
        assert sim.process.poll() is None


def test_a_taken_port_is_replaced_and_that_is_said() -> None:
    """Nobody has to stop what they run for the demo."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Simulator(port=port) as sim:
            status = sim.create().status_code
            found = sim.port
            said = sim.close()

    assert status == 201
    assert found != port
    assert f"port {port} cannot be used" in said
    assert str(found) in said


def test_two_simulators_on_one_port_are_two() -> None:
    """The second goes elsewhere."""
    with Simulator() as first, Simulator(port=first.port) as second:
        assert first.port != second.port
        assert first.create().status_code == second.create().status_code == 201
        assert first.seen()["count"] == second.seen()["count"] == 1


async def test_it_is_ready_when_the_block_begins_and_gone_when_it_ends() -> None:
    """On asyncio and on trio."""
    async with SimulatorProcess(
        chaos=True, account_sid="AC" + "1" * 32, auth_token="secret", pace=0
    ) as sim:
        pid, running = sim.pid, sim.running
        async with httpx2.AsyncClient(trust_env=False) as client:
            admin = await client.get(f"{sim.admin_url}/_sim/faults")
            listed = await client.get(
                f"{sim.url}/2010-04-01/Accounts/{sim.account_sid}/Messages.json",
                auth=("AC" + "1" * 32, "secret"),
            )

    assert (admin.status_code, listed.status_code) == (200, 200)
    assert (running, sim.running) == (True, False)
    assert not alive(pid)


async def test_it_is_gone_when_the_block_is_cancelled() -> None:
    """Also while a request hangs."""
    with anyio.CancelScope() as scope:
        async with SimulatorProcess() as sim:
            pid = sim.pid
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert not alive(pid)


@LINUX
async def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    """Whoever stops the app while it starts leaves nothing behind."""
    for _ in range(20):
        started: list[int | None] = []

        async def start(started: list[int | None] = started) -> None:
            async with SimulatorProcess() as simulator:
                started.append(simulator.pid)
                await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        if not started:  # else we stood still until it was ready: once more
            break

    assert started == []
    assert [each for each in children() if "critical_buttons.simulator" in each] == []


async def test_a_simulator_that_does_not_start_says_why() -> None:
    """What it wrote to standard error is in the error."""
    with pytest.raises(SimulatorFailed, match="AC and 32 hex digits") as caught:
        async with SimulatorProcess(account_sid="ACME"):
            raise AssertionError("it cannot start")

    assert "ended with 2" in str(caught.value)


async def test_its_token_is_on_no_command_line() -> None:
    """Every user of the machine can read those."""
    async with SimulatorProcess(auth_token="a-secret-token") as sim:
        command = command_of(sim.pid)

    assert sim.auth_token == "a-secret-token"
    assert "a-secret-token" not in command


async def test_it_starts_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app may have been started elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    async with SimulatorProcess() as sim:
        assert sim.running
