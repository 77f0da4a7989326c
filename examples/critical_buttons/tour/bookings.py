"""The chapter of bookings; each step drives the app and returns what broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from examples.critical_buttons.tour import client, promises
from examples.critical_buttons.tour.client import NoAnswer, Reply, confirm
from examples.critical_buttons.tour.follower import Follower
from examples.critical_buttons.tour.stage import Stage, together
from syncpatterns.testing import FaultProxy

CLICKS = 50
ROUNDS = 6
EACH_ROUND = 8
_PATIENCE = 1000


def names() -> list[str]:
    """Return the bookings that all steps together need."""
    return [
        "double-click",
        "fifty-clicks",
        "lost-answer",
        "key-owner",
        "key-thief",
        *_killed(),
        *_resumed(),
    ]


def _killed() -> list[str]:
    return [f"killed-{n}-{i}" for n in range(ROUNDS) for i in range(EACH_ROUND)]


def _resumed() -> list[str]:
    return [f"resumed-{number}" for number in range(12)]


def double_click(stage: Stage) -> list[str]:
    """Two clicks at once: one effect, one replay."""
    key = str(uuid4())
    port = stage.first.port
    replies = together(lambda _: confirm(port, "double-click", key), 2)
    for reply in replies:
        stage.say(f"{reply.status}, {'replayed' if reply.replayed else 'ran'}")
    return promises.one_effect(replies) + _once(stage, ["double-click"])


def fifty_clicks(stage: Stage) -> list[str]:
    """Fifty clicks at once through two processes on one database: one effect."""
    key = str(uuid4())
    ports = (stage.first.port, stage.second.port)
    replies = together(lambda n: confirm(ports[n % 2], "fifty-clicks", key), CLICKS)
    replayed = sum(reply.replayed for reply in replies)
    stage.say(f"{CLICKS} answers of {len({r.body for r in replies})} kind")
    stage.say(f"{CLICKS - replayed} ran, {replayed} replayed")
    return promises.one_effect(replies) + _once(stage, ["fifty-clicks"])


def lost_answer(stage: Stage) -> list[str]:
    """The server commits, the answer is lost on the way, the click is repeated."""
    key = str(uuid4())
    broken = []
    with FaultProxy(("127.0.0.1", stage.first.port)) as proxy:
        proxy.add("rst_after_reply")
        try:
            confirm(proxy.port, "lost-answer", key)
            broken.append("the answer was not lost; nothing was tried")
        except NoAnswer as error:
            stage.say(f"no answer ({error}), although the server has committed")
        again = confirm(proxy.port, "lost-answer", key)
    stage.say(f"again with the same key: {again.status}, replayed={again.replayed}")
    if not again.replayed:
        broken.append("the second try ran the effect again")
    return broken + _once(stage, ["lost-answer"])


def killed_in_a_loop(stage: Stage) -> list[str]:
    """The app is killed with SIGKILL while confirms run; every click is repeated."""
    follower = Follower(stage.first.port, client.cursor(stage.first.port)).start()
    unanswered = 0
    try:
        for number in range(ROUNDS):
            unanswered += _kill_one_round(stage, number)
        stage.say(
            f"{ROUNDS} kills, {unanswered} clicks without an answer, all repeated"
        )
        follower.wait_for(set(_killed()))
    finally:
        follower.stop()
    stage.say(
        f"{sum(follower.events.values())} events, {follower.connects} connections"
    )
    broken = promises.announced_once(_killed(), follower.events, follower.gaps)
    if unanswered == 0:
        broken.append("no click was hit by a kill; nothing was tried")
    return broken + _once(stage, _killed())


def _kill_one_round(stage: Stage, number: int) -> int:
    keys = {f"killed-{number}-{i}": str(uuid4()) for i in range(EACH_ROUND)}
    lost: list[str] = []

    def press(name: str) -> None:
        try:
            confirm(stage.first.port, name, keys[name])
        except NoAnswer:
            lost.append(name)

    with ThreadPoolExecutor(EACH_ROUND) as pool:
        pressed = [pool.submit(press, name) for name in keys]
        stage.clock.sleep(stage.rng.uniform(0.0, 0.02))
        stage.first.kill9()
        for each in pressed:
            each.result()
    stage.first.start()
    for name, key in keys.items():
        _until_answered(stage, name, key)
    return len(lost)


def cut_off_and_resumed(stage: Stage) -> list[str]:
    """A subscriber is cut off, misses events and a restart, and misses nothing."""
    wanted = _resumed()
    with FaultProxy(("127.0.0.1", stage.first.port)) as proxy:
        follower = Follower(proxy.port, client.cursor(stage.first.port)).start()
        try:
            follower.wait_for_connects(1)
            _confirm_all(stage, wanted[:4])
            follower.wait_for(set(wanted[:4]))
            proxy.refuse()
            proxy.cut_all()
            _confirm_all(stage, wanted[4:8])
            stage.first.stop()
            stage.first.start()
            _confirm_all(stage, wanted[8:])
            stage.say("cut off during 8 confirmations and one restart")
            proxy.accept()
            follower.wait_for(set(wanted))
        finally:
            follower.stop()
    stage.say(f"{len(follower.order)} events after {follower.connects} connections")
    broken = promises.announced_once(wanted, follower.events, follower.gaps)
    if [name for name in follower.order if name in set(wanted)] != wanted:
        broken.append("the events did not come in the order of the confirmations")
    return broken


def key_for_another_booking(stage: Stage) -> list[str]:
    """One key for two bookings: the second is refused, and nothing changes."""
    key = str(uuid4())
    port = stage.first.port
    before = client.bookings(port)["key-thief"]
    broken = promises.one_effect([confirm(port, "key-owner", key)])
    reply = confirm(port, "key-thief", key)
    stage.say(f"{reply.status} {reply.problem}")
    broken += promises.refused(reply, 422, "key-reused")
    if client.bookings(port)["key-thief"] != before:
        broken.append("the other booking was changed")
    return broken


STEPS: Sequence[Callable[[Stage], list[str]]] = (
    double_click,
    fifty_clicks,
    lost_answer,
    killed_in_a_loop,
    cut_off_and_resumed,
    key_for_another_booking,
)


def _confirm_all(stage: Stage, wanted: Sequence[str]) -> None:
    for name in wanted:
        _until_answered(stage, name, str(uuid4()))


def _until_answered(stage: Stage, name: str, key: str) -> Reply:
    """Press until there is an answer, always with the same key."""
    for _ in range(_PATIENCE):
        try:
            reply = confirm(stage.first.port, name, key)
        except NoAnswer:
            stage.clock.sleep(0.05)
            continue
        if reply.status == promises.OK:
            return reply
        stage.clock.sleep(0.05)
    raise AssertionError(f"{name} got no answer in {_PATIENCE} tries")


def _once(stage: Stage, wanted: Sequence[str]) -> list[str]:
    port = stage.second.port
    audit = {name: client.audit(port, name) for name in wanted}
    return promises.confirmed_once(wanted, client.bookings(port), audit)
