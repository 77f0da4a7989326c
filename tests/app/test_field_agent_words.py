"""The field agent says what became of each press, whoever answers and however late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from examples import field_agent
from tests.unit.adapters.offline_client.service import PROBLEM, Said, Service, problem

OTHERS = {"version": 2, "status": "nurture", "by": "ada", "at": "2031-01-06T09:00:00Z"}


@pytest.fixture
def service() -> Iterator[Service]:
    """An office that says what a test tells it."""
    with Service() as running:
        yield running


class Device:
    """A device with a file of its own."""

    def __init__(self, folder: Path, server: str) -> None:
        self._named = ["--server", server, "--db", str(folder / "field.db")]
        self._file = folder / "presses.jsonl"

    def run(self, *arguments: str) -> tuple[int, list[str]]:
        """Run the program; return its exit code and the lines that it said."""
        said = StringIO()
        with redirect_stdout(said):
            code = field_agent.main([*self._named, *arguments])
        return code, said.getvalue().splitlines()

    def take(self, *lines: bytes) -> tuple[int, list[str]]:
        """Take a file of these lines."""
        self._file.write_bytes(b"\n".join(lines))
        return self.run("take", str(self._file))


@pytest.fixture
def device(tmp_path: Path, service: Service) -> Device:
    """A device that knows the office."""
    return Device(tmp_path, service.url)


def changed() -> Said:
    """Return what the office says to somebody who was second."""
    body = {"type": "/problems/version-conflict", "current": OTHERS}
    return Said(412, json.dumps(body).encode(), {"Content-Type": PROBLEM})


def wishes(service: Service) -> list[Any]:
    """Return what the office was asked, in order."""
    return [json.loads(each.body) for each in service.requests]


# ----------------------------------------------------------- somebody decides late


def test_mine_goes_through_although_its_refusal_is_long_forgotten(
    device: Device, service: Service
) -> None:
    """A key's refusal is told for a minute, and people take longer than that."""
    service.script = [changed(), problem(409, "refusal-gone")]
    code, said = device.run("status", "l-1", "won", "--version", "1")
    assert (code, said) == (
        1,
        ["l-1: somebody else was first, and you decide; see: pending, then resolve"],
    )
    assert device.run("status", "l-1", "lost", "--reason", "gone")[0] == 0  # waits
    assert device.run("resolve", "1", "mine")[0] == 0

    assert device.run("pending") == (0, ["Nothing waits."])
    old, asked, mine, behind = service.requests
    assert old.key == asked.key != mine.key != behind.key
    assert wishes(service)[2:] == [
        {"lead_id": "l-1", "to": "won"},
        {"lead_id": "l-1", "to": "lost", "reason": "gone"},
    ]


def test_a_refusal_that_nobody_heard_in_time_is_asked_for_anew(
    device: Device, service: Service
) -> None:
    """The answer was lost for an hour; nothing was done, so a new key hears why."""
    service.script = [problem(409, "refusal-gone"), changed()]
    device.run("status", "l-1", "won", "--version", "1")
    device.run("sync")

    assert device.run("pending")[1] == ["2  parked (conflict)  l-1 to won"]
    first, second = service.requests
    assert first.key != second.key


def test_they_did_what_was_wished_for(device: Device, service: Service) -> None:
    """It is done, and nobody has to decide."""
    service.script = [changed()]

    assert device.run("status", "l-1", "nurture", "--version", "1") == (
        0,
        ["l-1: done"],
    )


@pytest.mark.parametrize("said", [b"", b"<html>", b"[]", b'{"current": "x"}'])
def test_a_conflict_that_says_nothing_waits_for_a_person(
    device: Device, service: Service, said: bytes
) -> None:
    """A proxy may answer 412 as well."""
    service.script = [Said(412, said)]
    device.run("status", "l-1", "won")

    assert device.run("pending")[1] == ["1  parked (conflict)  l-1 to won"]


# -------------------------------------------------------------- one stops no other


def test_what_becomes_of_one_press_stops_no_other(
    device: Device, service: Service
) -> None:
    """Refused, second, unreadable or refused before: the rest is taken."""
    lines = [
        b'{"id": "p-1", "confirm": "b-1"}',
        b'{"id": "p-2", "lead": "l-2", "to": "won", "version": 1}',
        b"",
        b"{broken",
        b'["p-3"]',
        b'{"confirm": "b-4"}',
        b'{"id": "p 5", "confirm": "b-5"}',
        b'{"id": "p-6", "lead": "\xe9"}',
        b'{"id": 7, "confirm": "b-7"}',
    ]
    service.script = [problem(409, "slot-taken"), changed()]
    code, said = device.take(b"\xef\xbb\xbf" + lines[0], *lines[1:])
    again = device.take(*lines)

    assert (code, again[0]) == (1, 1)
    assert [line.split(":")[0] for line in said] == [
        "line 1",
        "line 2",
        "line 4",
        "line 5",
        "line 6",
        "line 7",
        "line 8",
        "b-7",
    ]
    assert said[-1] == again[1][-1] == "b-7: done"
    assert [each.key for each in service.requests] == ["p-1", "p-2", "7"]


def test_of_several_bookings_each_is_told(device: Device, service: Service) -> None:
    """By its name, for the person has typed several."""
    service.script = [problem(404, "booking-not-found")]

    code, said = device.run("confirm", "b-1", "b-2")

    assert (code, said[0].split(" [")[0]) == (1, "b-1: refused: http.office")
    assert said[1:] == ["b-2: done"]


def test_a_refusal_is_told_whoever_said_it(device: Device, service: Service) -> None:
    """In the service's own words, with the places; a proxy's page has none."""
    document = {
        "type": "/problems/validation",
        "detail": "Correct it.",
        "errors": [{"pointer": "#/to", "detail": "Not a state."}],
    }
    kind = {"Content-Type": PROBLEM}
    service.script = [
        Said(422, json.dumps(document).encode(), kind),
        Said(405, b"<html>", {"Content-Type": "text/html"}),
    ]
    ours, theirs = device.run("status", "l-1", "x"), device.run("status", "l-2", "won")

    assert ours[1] == ["l-1: refused: Correct it. (#/to: Not a state.)"]
    assert theirs[1][0].startswith("l-2: refused: http.office [")


# ------------------------------------------------------------------ wrong options


@pytest.mark.parametrize(
    "options",
    [
        ["--server", "nowhere", "pending"],
        ["--server", "http://127.0.0.1:99999", "pending"],
        ["--db", "/nowhere/field.db", "pending"],
        ["--max-items", "0", "pending"],
        ["take", "/nowhere/presses.jsonl"],
    ],
)
def test_a_wrong_option_is_told_in_one_line(
    device: Device, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """With what to do, and without a trace of where it was noticed."""
    code, said = device.run(*options)

    assert (code, said) == (1, [])
    told = capsys.readouterr().err
    assert told.startswith("Not done: ")
    assert told.count("\n") == 1


def test_whatever_waits_can_be_listed(device: Device, service: Service) -> None:
    """A press about nothing as well."""
    service.stop()
    device.run("confirm", "")

    assert device.run("pending") == (0, ["1  ready  "])
