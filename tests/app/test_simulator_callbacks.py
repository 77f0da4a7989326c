"""What the SMS simulator tells webhooks: late, twice, out of order, or never."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from random import Random

import anyio
import pytest

from examples.critical_buttons.simulator.callbacks import plan
from examples.critical_buttons.simulator.clock import SimClock
from examples.critical_buttons.simulator.faults import Callbacks
from examples.critical_buttons.sms.signature import verify
from syncpatterns.testing import FakeClock
from tests.app.simulated import FROM, PACE, TO, Receiver, Simulator, eventually


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes webhooks in."""
    with Receiver() as made:
        yield made


def statuses(receiver: Receiver, n: int) -> list[str]:
    """Return the statuses that the next *n* webhooks tell."""
    return [receiver.next().status for _ in range(n)]


def test_late_callbacks_come_late_and_the_message_does_not_wait(
    sim: Simulator, receiver: Receiver
) -> None:
    """Whoever asks sees it delivered long before anybody is told."""
    sim.faults(callbacks={"delay": 3600})
    sid = sim.create(StatusCallback=receiver.url).json()["sid"]
    sim.advance(2 * PACE)
    eventually(lambda: bool(sim.message(sid)["status"] == "delivered"))

    assert receiver.none_left()
    sim.advance(3600)
    assert statuses(receiver, 2) == ["sent", "delivered"]


def test_doubled_callbacks_are_the_same_twice(
    sim: Simulator, receiver: Receiver
) -> None:
    """Both signed."""
    sim.faults(callbacks={"copies": 2})
    sim.create(StatusCallback=receiver.url)
    sim.advance(2 * PACE)
    hooks = [receiver.next() for _ in range(4)]

    assert [each.status for each in hooks] == ["sent", "sent", "delivered", "delivered"]
    assert hooks[0].form == hooks[1].form
    for hook in hooks:
        assert verify(sim.token, hook.url, hook.form, hook.signature)


def test_reordered_callbacks_tell_the_end_first(
    sim: Simulator, receiver: Receiver
) -> None:
    """Delivered, then sent."""
    sim.faults(callbacks={"reorder": True})
    sim.create(StatusCallback=receiver.url)
    sim.advance(2 * PACE)

    assert statuses(receiver, 2) == ["delivered", "sent"]


def test_lost_callbacks_never_come(sim: Simulator, receiver: Receiver) -> None:
    """The next message's are the first to arrive."""
    sim.faults(callbacks={"lose": 1})
    sim.create(StatusCallback=receiver.url)
    sim.advance(3 * PACE)
    sim.faults()
    sid = sim.create(StatusCallback=receiver.url).json()["sid"]
    sim.advance(2 * PACE)

    assert {dict(receiver.next().form)["MessageSid"] for _ in range(2)} == {sid}


def test_a_message_may_end_undelivered(sim: Simulator, receiver: Receiver) -> None:
    """With the code that says why."""
    sim.faults(callbacks={"final": "undelivered", "error_code": 30006})
    sid = sim.create(StatusCallback=receiver.url).json()["sid"]
    sim.advance(2 * PACE)
    hooks = [dict(receiver.next().form) for _ in range(2)]

    assert [each.get("ErrorCode") for each in hooks] == [None, "30006"]
    assert sim.message(sid)["error_code"] == 30006


def test_a_webhook_that_is_not_there_holds_nothing_up(sim: Simulator) -> None:
    """The message is delivered; what the webhook answered is noted."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        sim.create(StatusCallback=url)
        sim.advance(2 * PACE)
        eventually(lambda: len(sim.seen()["messages"][0]["callbacks"]) == 2)

    (message,) = sim.seen()["messages"]
    assert [each["answer"] for each in message["callbacks"]] == [None, None]
    assert message["status"] == "delivered"


def test_the_same_seed_loses_the_same_callbacks() -> None:
    """A run can be repeated."""
    faults = Callbacks(lose=0.5, copies=5)

    first, again = (plan(faults, 1.0, Random(3)) for _ in range(2))

    assert first == again
    assert 2 < len(first) < 12


def test_an_inbound_message_is_a_signed_webhook(
    sim: Simulator, receiver: Receiver
) -> None:
    """The answer comes when the webhook has answered."""
    answer = sim.admin.post(
        "/_sim/inbound",
        json={"from": TO, "to": FROM, "body": "Grüße", "url": receiver.url},
    ).json()
    hook = receiver.next()

    assert answer["webhook"]["status"] == 204
    assert verify(sim.token, hook.url, hook.form, hook.signature)
    form = dict(hook.form)
    assert (form["From"], form["Body"], form["SmsStatus"]) == (TO, "Grüße", "received")
    assert form["MessageSid"] == answer["sid"]


def test_after_stop_the_provider_refuses_until_start(
    sim: Simulator, receiver: Receiver
) -> None:
    """One word only, and only between these two numbers."""

    def said(body: str) -> tuple[int, int]:
        inbound = {"from": TO, "to": FROM, "body": body, "url": receiver.url}
        sim.admin.post("/_sim/inbound", json=inbound)
        answer = sim.create()
        return answer.status_code, answer.json().get("code", 0)

    assert said("STOP PLEASE") == (201, 0)
    assert said(" Stop ") == (400, 21610)
    assert sim.create(To="+12025550199").status_code == 201
    assert said("start") == (201, 0)


def test_a_clock_moved_forward_lets_whoever_waits_go_on() -> None:
    """Nobody waits for real."""
    clock = SimClock(FakeClock())
    done = []

    async def main() -> None:
        async def wait() -> None:
            await clock.wait_until(clock.monotonic() + 3600)
            done.append(clock.offset)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            clock.advance(3599)
            await anyio.wait_all_tasks_blocked()
            assert done == []
            clock.advance(1)

    anyio.run(main)

    assert done == [3600]
