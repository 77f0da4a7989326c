"""The faults of the SMS simulator, and how little of it stays in memory."""

from __future__ import annotations

import socket
from random import Random

import httpx2
import pytest

from examples.critical_buttons.simulator.clock import SimClock
from examples.critical_buttons.simulator.faults import Faults, Switchboard
from examples.critical_buttons.simulator.messages import KEPT, Messages
from examples.critical_buttons.simulator.segments import count
from syncpatterns.testing import FakeClock
from tests.app.simulated import FROM, PATIENCE, TO, Simulator, eventually

#: The request leaves and is taken in; its answer does not come.
IMPATIENT = httpx2.Timeout(PATIENCE, read=0.3)


def test_refused_connections_look_like_no_server_at_all(sim: Simulator) -> None:
    """Also to a client that kept a connection; the admin's port stays open."""
    assert sim.create().status_code == 201  # leaves a connection behind
    sim.faults(mode="refuse")

    with pytest.raises(httpx2.ConnectError):
        sim.create()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sim.port))

    sim.faults(mode="refuse")  # twice is once
    sim.faults()
    assert sim.create().status_code == 201
    assert sim.seen()["created"] >= 2


def test_nobody_else_gets_the_port_while_connections_are_refused(
    sim: Simulator,
) -> None:
    """Another program on it would be taken for the provider."""
    sim.faults(mode="refuse")

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", sim.port))


@pytest.mark.parametrize("mode", ["hang", "drop"])
def test_what_is_hung_or_dropped_is_not_sent(sim: Simulator, mode: str) -> None:
    """The client cannot tell it from the next case."""
    sim.faults(mode=mode)

    with pytest.raises((httpx2.ReadTimeout, httpx2.RemoteProtocolError)):
        sim.api.post(sim.messages_path, data={"To": TO}, timeout=IMPATIENT)

    assert sim.seen()["messages"] == []


@pytest.mark.parametrize("mode", ["accept_then_hang", "accept_then_drop"])
def test_what_is_accepted_first_is_sent(sim: Simulator, mode: str) -> None:
    """The client cannot tell it from the case before."""
    sim.faults(mode=mode)

    with pytest.raises((httpx2.ReadTimeout, httpx2.RemoteProtocolError)):
        sim.api.post(
            sim.messages_path,
            data={"To": TO, "From": FROM, "Body": "x"},
            timeout=IMPATIENT,
        )

    eventually(lambda: bool(sim.seen()["messages"]))
    assert [each["body"] for each in sim.seen()["messages"]] == ["x"]


def test_hung_requests_are_let_go_when_the_fault_ends(sim: Simulator) -> None:
    """Without an answer, as when a provider restarts."""
    with sim.hanging() as hung:
        sim.faults()

        assert hung.recv(100) == b""


def test_a_request_held_up_goes_on_when_the_fault_ends(sim: Simulator) -> None:
    """As when a provider catches up."""
    sim.faults(latency=100)
    before = sim.seen()["requests"]["create"]
    with socket.create_connection(("127.0.0.1", sim.port), 20) as waiting:
        waiting.sendall(sim.raw_create())
        eventually(lambda: bool(sim.seen()["requests"]["create"] > before))
        sim.faults()

        assert waiting.recv(12) == b"HTTP/1.1 201"


def test_a_fault_may_hit_the_next_few_requests_only(sim: Simulator) -> None:
    """What is not counted, the latency, stays."""
    sim.faults(mode="500", fail_next=2, latency=0.001)

    assert [sim.create().status_code for _ in range(4)] == [500, 500, 201, 201]
    left = sim.admin.get("/_sim/faults").json()
    assert (left["mode"], left["fail_next"], left["latency"]) == (
        "healthy",
        None,
        0.001,
    )


def test_a_fault_may_hit_lookups_instead(sim: Simulator) -> None:
    """So that a message is accepted and then cannot be found."""
    sim.faults(mode="503", applies_to="lookup", retry_after=1.2)

    assert sim.create().status_code == 201
    answer = sim.api.get(sim.messages_path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")

    sim.faults(mode="503", applies_to="all")
    assert sim.create().status_code == 503
    assert "retry-after" not in sim.create().headers


def test_more_than_the_rate_is_refused_with_the_time_to_wait(sim: Simulator) -> None:
    """429, code 20429, and nothing is sent."""
    sim.faults(rate_limit=0.01)

    first, second = sim.create(), sim.create()

    assert (first.status_code, second.status_code) == (201, 429)
    assert second.json()["code"] == 20429
    assert 90 <= int(second.headers["retry-after"]) <= 100
    assert sim.seen()["count"] == 1


def test_latency_comes_before_everything_else(sim: Simulator) -> None:
    """A client that does not wait so long has sent nothing."""
    sim.faults(latency=30)
    with pytest.raises(httpx2.ReadTimeout):
        sim.api.post(sim.messages_path, data={"To": TO}, timeout=IMPATIENT)

    assert sim.seen()["count"] == 0


def test_an_answer_that_is_no_json_is_an_accepted_message(sim: Simulator) -> None:
    """201 and a web page, as a proxy in between would have it."""
    sim.faults(mode="garbled")

    answer = sim.create()

    assert (answer.status_code, answer.text[:6]) == (201, "<html>")
    assert sim.seen()["count"] == 1


def test_the_same_request_twice_is_two_messages(sim: Simulator) -> None:
    """The provider does not dedupe, whatever headers come along."""
    for _ in range(2):
        sim.api.post(
            sim.messages_path,
            data={"To": TO, "From": FROM, "Body": "x"},
            headers={"Idempotency-Key": "k", "I-Twilio-Idempotency-Token": "k"},
        )

    assert sim.seen()["count"] == 2


async def test_only_the_newest_messages_are_kept() -> None:
    """And what would become of the others is called off."""
    messages = Messages(kept=2)
    clock = SimClock(FakeClock())
    made = [
        messages.add(
            to=TO,
            from_=FROM,
            body=str(n),
            direction="outbound-api",
            status="queued",
            created=clock.now(),
            segments=1,
        )
        for n in range(4)
    ]

    assert [each.body for each in messages.newest_first()] == ["3", "2"]
    assert [each.life.cancel_called for each in made] == [True, True, False, False]
    assert messages.get(made[0].sid) is None
    assert (len(messages), messages.created, KEPT) == (2, 4, 10_000)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "b" * 153, 3),  # the escape is not cut from its letter
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("é" * 160, 1),
        ("ç", 1),
        ("ç" * 71, 2),
    ],
)
def test_segments_are_counted_as_a_network_does(text: str, segments: int) -> None:
    """GSM-7 160 and 153 to a segment, UCS-2 70 and 67."""
    assert count(text) == segments


def test_counting_down_ends_in_health() -> None:
    """The switchboard forgets the mode with the last request it was for."""
    board = Switchboard(Random(1))
    board.set(Faults(mode="429", fail_next=1, retry_after=3))

    assert [board.mode("create"), board.mode("create")] == ["429", "healthy"]
