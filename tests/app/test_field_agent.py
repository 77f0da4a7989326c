"""The field agent: hours offline, kill -9, and one effect for each press."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.testing import FaultProxy
from syncpatterns.testing.servers import free_port
from tests.app.driver import AppProcess
from tests.app.field import PATIENCE, Agent, wait_until, write_world

BOOKINGS, LEADS = 12, 6


class Office:
    """The app on one port: closed and opened again."""

    def __init__(self, start: Callable[..., AppProcess], options: list[str]) -> None:
        self.port = free_port()
        self._start = start
        self._options = options
        self._app: AppProcess | None = None

    def open(self) -> None:
        self._app = self._start(*self._options, port=self.port)
        assert self._app.serving, self._app.ending()

    def close(self) -> None:
        assert self._app is not None
        self._app.stop()
        self._app = None

    def get(self, path: str) -> Any:
        assert self._app is not None
        with self._app.client() as client:
            return client.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any], key: str) -> Any:
        assert self._app is not None
        with self._app.client() as client:
            headers = {"Idempotency-Key": key}
            return client.post(path, json=body, headers=headers).raise_for_status()

    def booking(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/bookings/{name}")
        return found

    def audit(self, entity: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/api/audit?entity_id={entity}")
        return found


@pytest.fixture
def office(tmp_path: Path, start_app: Callable[..., AppProcess]) -> Office:
    """The app with bookings and leads of its own; it is open."""
    made = Office(start_app, write_world(tmp_path, BOOKINGS, LEADS))
    made.open()
    return made


@pytest.fixture
def agent(tmp_path: Path, office: Office) -> Agent:
    """A device that knows the office."""
    return Agent(tmp_path / "device", office.port)


def presses() -> list[dict[str, Any]]:
    """Return all presses of one day in the field."""
    confirmed = [{"id": f"c-{n}", "confirm": f"b-{n}"} for n in range(BOOKINGS)]
    moved = [
        {"id": f"s-{n}", "lead": f"l-{n}", "to": "attempted", "version": 1}
        for n in range(LEADS)
    ]
    again = [
        {"id": f"t-{n}", "lead": f"l-{n}", "to": "connected", "version": 2}
        for n in range(LEADS)
    ]
    return [*confirmed, *moved, *again]


@pytest.mark.slow
@pytest.mark.case("QUE-01", part="agent")
def test_a_day_offline_with_a_kill_in_it_is_sent_once(
    agent: Agent, office: Office
) -> None:
    """Killed half-way and started again: every press once, each lane in order."""
    office.close()
    file = agent.presses(presses())
    process = agent.start("take", file)
    assert process.stdout is not None
    for _ in range(7):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=PATIENCE)

    code, said = agent.run("take", file)
    assert (code, said.count("will be done")) == (0, len(presses()))
    code, said = agent.run("sync")
    assert (code, said.splitlines()[-1]) == (
        1,
        f"0 sent, {len(presses())} wait, the server is away.",
    )
    _, waiting = agent.run("pending")
    assert len(waiting.splitlines()) == len(presses())

    office.open()
    process = agent.start("sync", "--wait")
    said, _ = process.communicate(timeout=PATIENCE)
    assert said.splitlines()[-1] == f"{len(presses())} sent, 0 wait."
    assert process.returncode == 0
    # Not on a terminal: plain lines, no more than one for each tenth.
    assert 1 <= said.count(" of ") <= 11

    rows = {row["id"]: row for row in office.get("/api/bookings")}
    for number in range(BOOKINGS):
        row = rows[f"b-{number}"]
        (line,) = office.audit(f"b-{number}")
        assert (row["status"], row["version"]) == ("confirmed", 2)
        assert line["source"] == "offline_replay"
        assert line["client_at"] < line["at"]
    for number in range(LEADS):
        lines = office.audit(f"l-{number}")
        assert [line["to"] for line in lines] == ["connected", "attempted"]
        assert {line["source"] for line in lines} == {"offline_replay"}
    assert agent.run("pending") == (0, "Nothing waits.\n")


@pytest.mark.slow
@pytest.mark.case("QUE-05", part="agent")
def test_killed_between_the_effect_and_its_answer_it_asks_again(
    tmp_path: Path, office: Office
) -> None:
    """The office has done it, the device never heard: same key, one effect."""
    folder = tmp_path / "device"
    with FaultProxy(office.port) as proxy:
        proxy.add("blackhole", direction="down")
        process = Agent(folder, proxy.port).start("confirm", "b-0")
        wait_until(lambda: office.booking("b-0")["status"] == "confirmed")
        process.kill()
        assert process.communicate(timeout=PATIENCE)[0] == ""

    code, said = Agent(folder, office.port).run("sync", "--wait")
    assert (code, said.splitlines()[-1]) == (0, "1 sent, 0 wait.")
    (line,) = office.audit("b-0")
    assert office.booking("b-0")["version"] == line["version_to"] == 2


def test_online_it_is_done_at_once_and_a_refusal_is_told(
    agent: Agent, office: Office
) -> None:
    """The person hears the service's own sentence."""
    assert agent.run("confirm", "b-0", "b-1") == (0, "b-0: done\nb-1: done\n")
    assert agent.run("status", "l-0", "attempted") == (0, "l-0: done\n")
    code, said = agent.run("status", "l-0", "unqualified")

    assert code == 1
    assert said.startswith("l-0: refused: ")
    (newest, *_) = office.audit("b-0")
    assert (newest["source"], newest["client_at"]) == ("ui", None)


@pytest.mark.slow
def test_a_conflict_waits_for_a_person_and_goes_through_as_they_decide(
    agent: Agent, office: Office
) -> None:
    """Somebody in the office was first: parked, then mine under a new key."""
    office.close()
    wish = {"to": "attempted", "version": 1}
    file = agent.presses({"id": f"p-{n}", "lead": f"l-{n}", **wish} for n in range(3))
    agent.run("take", file)
    office.open()
    url = "/api/leads/update-status"
    office.post(url, {"lead_id": "l-0", "to": "nurture"}, "office-0")
    office.post(url, {"lead_id": "l-1", "to": "attempted"}, "office-1")
    office.post(url, {"lead_id": "l-2", "to": "nurture"}, "office-2")

    code, said = agent.run("sync")
    assert (code, said.splitlines()[-1]) == (
        1,
        "2 need a decision, 0 were refused; see: pending",
    )
    _, waiting = agent.run("pending")
    assert waiting.splitlines() == [
        "1  parked (conflict)  l-0 to attempted",
        "3  parked (conflict)  l-2 to attempted",
    ]
    assert agent.run("resolve", "3", "theirs")[0] == 1  # the other one still waits
    assert agent.run("resolve", "1", "mine")[0] == 0

    moves = {n: [line["to"] for line in office.audit(f"l-{n}")] for n in range(3)}
    assert moves == {0: ["attempted", "nurture"], 1: ["attempted"], 2: ["nurture"]}
    assert agent.run("resolve", "1", "mine")[1] == "1 waits for no decision.\n"


def test_a_full_queue_refuses_and_loses_nothing(agent: Agent, office: Office) -> None:
    """What does not fit is said to be not taken; what was taken is sent."""
    office.close()
    room = ("--max-items", "2")
    code, said = agent.run("confirm", "b-0", "b-1", "b-2", options=room)

    assert code == 1
    words = [line.partition(":")[0] for line in said.splitlines()]
    assert [each for each in words if not each.startswith("The server")] == [
        "b-0",
        "b-1",
        "Not taken",
    ]
    office.open()
    assert agent.run("sync", options=room)[1].splitlines()[-1] == "2 sent, 0 wait."
    rows = {row["id"]: row["status"] for row in office.get("/api/bookings")}
    assert [rows[f"b-{n}"] for n in range(3)] == ["confirmed"] * 2 + ["requested"]


def test_on_a_terminal_it_shows_a_bar(agent: Agent, office: Office) -> None:
    """A person sees how far it is."""
    office.close()
    agent.run("confirm", *(f"b-{n}" for n in range(BOOKINGS)))
    office.open()
    ours, theirs = pty.openpty()
    process = agent.start("sync", output=theirs)
    os.close(theirs)
    said = _read(ours)
    assert process.wait(PATIENCE) == 0

    assert "Sending" in said
    assert f"{BOOKINGS}/{BOOKINGS}" in said
    assert f"{BOOKINGS} sent, 0 wait." in said


def _read(terminal: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux says so where the other side has closed
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts).decode()
        parts.append(part)
