"""The chapter of being offline: a device in the field, and many leads at once."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from examples.critical_buttons.tour import client, promises
from examples.critical_buttons.tour.agent import Agent, Run
from examples.critical_buttons.tour.stage import Stage
from syncpatterns.testing.servers import free_port

CONFIRMATIONS = 50
#: Leads that are moved twice each.
LEADS = 10
MANY = 100
ROOM = 5
_PATIENCE = 5000
_PAUSE = 0.02


def bookings() -> list[str]:
    """Return the bookings that all steps together need."""
    return [*_confirmed(), *_full()]


def _confirmed() -> list[str]:
    return [f"field-{number}" for number in range(CONFIRMATIONS)]


def _full() -> list[str]:
    return [f"full-{number}" for number in range(ROOM + 2)]


def _moved() -> list[str]:
    return [f"field-lead-{number}" for number in range(LEADS)]


def _many() -> list[str]:
    return [f"many-{number}" for number in range(MANY)]


def phones() -> dict[str, str]:
    """Return the leads that all steps together need; nobody has these numbers."""
    names = [*_moved(), "seen-mine", "seen-theirs", "won"]
    others = {name: f"+131255501{number:02}" for number, name in enumerate(names)}
    return others | {
        name: f"+130355501{number:02}" for number, name in enumerate(_many())
    }


def a_day_in_the_field(stage: Stage) -> list[str]:
    """50 confirmations and 20 moves while the app is stopped, kill -9 on both sides."""
    agent = Agent(stage.folder / "field", stage.first.port)
    stage.first.stop()
    file = agent.presses(_presses())
    taken = _killed_while_taking(stage, agent, file)
    again = agent.run("take", file)
    waiting = len(agent.run("pending").said.splitlines())
    stage.say(f"killed after {taken} presses, started again: {waiting} wait")
    total = CONFIRMATIONS + 2 * LEADS
    broken = [] if waiting == total else [f"{waiting} of {total} presses wait"]
    if again.code != 0:
        broken.append(f"taking ended with {again.code}: {again.said[-200:]}")
    said = _synced_over_a_kill(stage, agent)
    broken += promises.told_how_far(_figures(said), total)
    port = stage.second.port
    audit = {name: client.audit(port, name) for name in _confirmed()}
    broken += promises.confirmed_once(_confirmed(), client.bookings(port), audit)
    moves = {name: client.lead_audit(port, name) for name in _moved()}
    leads = client.leads(port)
    broken += promises.moved_in_order(
        _moved(), leads, moves, ("attempted", "connected")
    )
    return broken + promises.pressed_before({**audit, **moves})


def _presses() -> list[dict[str, Any]]:
    confirmed = [{"id": f"press-{name}", "confirm": name} for name in _confirmed()]
    moved = [
        {"id": f"press-{name}-{to}", "lead": name, "to": to, "version": version}
        for version, to in enumerate(("attempted", "connected"), 1)
        for name in _moved()
    ]
    # As a day goes: a lead is moved between two bookings, and moved on later.
    return [each for pair in zip(confirmed, moved, strict=False) for each in pair] + (
        confirmed[len(moved) :]
    )


def _killed_while_taking(stage: Stage, agent: Agent, file: str) -> int:
    process = agent.start("take", file)
    taken = 0
    for _ in range(stage.rng.randint(10, 50)):
        taken += "will be done" in _line(process)
    process.kill()
    process.communicate()
    return taken


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise AssertionError("the program was started without a pipe")
    return process.stdout.readline()


def _synced_over_a_kill(stage: Stage, agent: Agent) -> str:
    """Return what the agent said while it sent, over a kill -9 of the app."""
    wanted = stage.rng.randint(5, 30)
    process = agent.start("sync", "--wait")
    stage.first.start()
    _until(stage, lambda: _sent(stage) >= wanted)
    stage.first.kill9()
    sent = _sent(stage)
    stage.first.start()
    said, _ = process.communicate(timeout=60)
    stage.say(f"the app is back; killed with {sent} confirmed, and back again")
    stage.say(f"the agent: {said.splitlines()[-1] if said else 'nothing'}")
    return said


def _sent(stage: Stage) -> int:
    rows = client.bookings(stage.second.port)
    return sum(rows[name]["status"] == "confirmed" for name in _confirmed())


def _figures(said: str) -> list[tuple[int, int]]:
    found = re.findall(r"^(\d+) of (\d+) sent$", said, re.MULTILINE)
    return [(int(done), int(total)) for done, total in found]


def somebody_was_first(stage: Stage) -> list[str]:
    """The office moves two leads meanwhile: both wait for a person, who decides."""
    away, agent = _devices(stage, "conflict")
    wish = {"to": "attempted", "version": 1}
    names = ("seen-mine", "seen-theirs")
    away.run(
        "take",
        away.presses({"id": f"press-{name}", "lead": name, **wish} for name in names),
    )
    port = stage.second.port
    for name in names:
        client.update_status(port, {"lead_id": name, "to": "nurture"}, str(uuid4()))
    agent.run("sync")
    listed = json.loads(agent.desk("ls", "--state", "parked", "--json").said)
    parked = [(each["number"], each["reason"]) for each in listed["items"]]
    stage.say(f"parked: {parked}")
    broken = []
    if parked != [(1, "conflict"), (2, "conflict")]:
        broken.append(f"what waits for a person is {parked}")
    theirs = agent.desk("dead", "discard", "2", "--yes")
    mine = agent.run("resolve", "1", "mine")
    stage.say(f"theirs: {_last(theirs)} Mine: {_last(mine)}")
    if mine.code != 0 or not _last(mine).endswith("0 wait."):
        broken.append(f"after both decisions the device says: {mine.said}")
    for name, states in (
        ("seen-mine", ["attempted", "nurture"]),
        ("seen-theirs", ["nurture"]),
    ):
        moves = [line["to"] for line in client.lead_audit(port, name)]
        if moves != states:
            broken.append(f"{name} went through {moves}, newest first, not {states}")
    return broken


def _devices(stage: Stage, name: str) -> tuple[Agent, Agent]:
    """Return one device twice: where nobody is, and where the app is."""
    folder = stage.folder / name
    return Agent(folder, free_port()), Agent(folder, stage.first.port)


def _last(run: Run) -> str:
    return run.said.splitlines()[-1] if run.said else ""


def many_at_once(stage: Stage) -> list[str]:
    """A hundred leads, one of which cannot go: named, none moved; without it: all."""
    port = stage.first.port
    for to in ("booked", "won"):
        client.update_status(port, {"lead_id": "won", "to": to}, str(uuid4()))
    rows = [*_many()[:-1], "won"]
    key = str(uuid4())
    refused = client.update_status(port, {"lead_ids": rows, "to": "attempted"}, key)
    again = client.update_status(port, {"lead_ids": rows, "to": "attempted"}, key)
    stage.say(f"{refused.status} {refused.problem}, asked again: {again.status}")
    broken = promises.none_moved(refused, MANY, {"won": "transition-not-allowed"})
    broken += promises.none_moved(again, MANY, {"won": "transition-not-allowed"})
    if not again.replayed:
        broken.append("asked again with the same key, it was tried again")
    broken += promises.untouched(_many(), client.leads(stage.second.port))
    body = {"lead_ids": _many(), "to": "attempted"}
    done = client.update_status(port, body, str(uuid4()))
    lines = [line for name in _many() for line in client.lead_audit(port, name)]
    stage.say(f"{done.status}: {len(lines)} audit rows")
    return broken + promises.all_moved(done, lines, MANY)


def no_room(stage: Stage) -> list[str]:
    """A full queue says no, and loses nothing that it has taken."""
    away, agent = _devices(stage, "full")
    room = ("--max-items", str(ROOM))
    taking = away.run("confirm", *_full(), options=room)
    kept = taking.said.count("will be done")
    stage.say(f"{kept} taken, then: {_last(taking)[:60]}...")
    agent.run("sync", options=room)
    rows = client.bookings(stage.second.port)
    confirmed = [name for name in _full() if rows[name]["status"] == "confirmed"]
    stage.say(f"{len(confirmed)} confirmed")
    broken = (
        [] if kept == ROOM else [f"{kept} were taken where there is room for {ROOM}"]
    )
    if "Not taken" not in taking.said or taking.code == 0:
        broken.append("nobody was told that there is no room")
    if confirmed != _full()[:ROOM]:
        broken.append(f"what was taken is {_full()[:ROOM]}, confirmed are {confirmed}")
    return broken


STEPS: Sequence[Callable[[Stage], list[str]]] = (
    a_day_in_the_field,
    somebody_was_first,
    many_at_once,
    no_room,
)


def _until(stage: Stage, fact: Callable[[], object]) -> None:
    """Wait until another process says that *fact* is so."""
    for _ in range(_PATIENCE):
        if fact():
            return
        stage.clock.sleep(_PAUSE)
    raise AssertionError("it did not come to that")
