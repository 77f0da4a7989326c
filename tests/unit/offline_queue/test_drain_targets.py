"""Targets that are away, busy, or tired: no attempt is used, and others flow."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from syncpatterns import CircuitBreaker, CircuitOpen
from syncpatterns.offline_queue._core import (
    Fail,
    ItemState,
    Nack,
    Park,
    Release,
)
from syncpatterns.offline_queue._draining._report import DrainReport
from syncpatterns.offline_queue._events import TargetOffline, TargetOnline
from syncpatterns.offline_queue._flights import Evidence, Flight, Verdict
from syncpatterns.offline_queue._reaching._probes import CallbackProbe
from syncpatterns.testing import LoopClock
from tests.unit.offline_queue.desk import QUEUE, Desk, item, items
from tests.unit.offline_queue.virtual import BACKENDS, virtually

backends = pytest.mark.parametrize("backend", BACKENDS)
HOUR = 3600.0


def refused(flight: Flight) -> Verdict:
    """Return the verdict on a connection that was refused."""
    hold = flight.item.hold
    return Verdict(Release(hold, unsent=True, error="refused"), Evidence.UNREACHABLE)


def cut_off(flight: Flight) -> Verdict:
    """Return the verdict on a call that left and was not answered."""
    return Verdict(Release(flight.item.hold, error="no answer"), Evidence.UNREACHABLE)


@pytest.mark.case("QUE-28", part="one item")
@backends
def test_two_hours_away_use_no_attempt(backend: str) -> None:
    """Nobody was asked, so nobody has refused; it is delivered on return."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        back_at = desk.clock.monotonic() + 2 * HOUR
        tries: list[float] = []

        async def handler(flight: Flight) -> Verdict | None:
            tries.append(desk.clock.monotonic())
            return refused(flight) if desk.clock.monotonic() < back_at else None

        desk.handler = handler
        (seq,) = desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(2 * HOUR - 60.0)
            waiting = desk.get(seq)

            assert waiting is not None
            assert waiting.state is ItemState.READY
            assert (waiting.attempts, waiting.lapses) == (0, 0)
            assert waiting.sent_at is None

            await desk.clock.asleep(120.0)
            tasks.cancel_scope.cancel()

        assert desk.acked() == [seq]
        assert len(tries) < 500  # 2 h of looks at up to 30 s
        assert tries[-1] - back_at < 31.0
        assert [type(fact) for fact in desk.of(TargetOffline)] == [TargetOffline]

    virtually(main, backend)


@pytest.mark.case("QUE-28", part="probe")
@backends
def test_with_a_probe_no_item_leaves_until_it_says_yes(backend: str) -> None:
    """Half an hour of looks; what was under way when it was lost was enough."""

    async def main() -> None:
        up, looks = [False], [0]

        async def look() -> bool:
            looks[0] += 1
            return up[0]

        desk = Desk(clock=LoopClock(), probes={"": CallbackProbe(look)})

        async def handler(flight: Flight) -> Verdict | None:
            return None if up[0] else refused(flight)

        desk.handler = handler
        seqs = desk.put(*items(100))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=4))
            await desk.clock.asleep(HOUR / 2)

            assert len(desk.begun) == 4
            up[0] = True
            await desk.clock.asleep(35.0)
            tasks.cancel_scope.cancel()

        assert sorted(desk.acked()) == seqs
        assert 60 <= looks[0] <= 130
        assert len(desk.of(TargetOnline)) == 1

    virtually(main, backend)


@pytest.mark.case("QUE-34", part="drain")
@backends
def test_coming_back_one_goes_first_and_then_2_and_4(backend: str) -> None:
    """A service that has just come up is not buried under what waited."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        up, inside, most = [False], [0], list[int]()

        async def handler(flight: Flight) -> Verdict | None:
            if not up[0]:
                return cut_off(flight)
            inside[0] += 1
            most.append(inside[0])
            await desk.clock.asleep(1.0)
            inside[0] -= 1
            return None

        desk.handler = handler
        desk.put(*items(60))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=8))
            await desk.clock.asleep(100.0)
            up[0] = True
            await desk.clock.asleep(100.0)
            tasks.cancel_scope.cancel()

        steps = [max(most[:1]), max(most[1:3]), max(most[3:7]), max(most)]

        assert steps == [1, 2, 4, 8]
        assert desk.states() == {}

    virtually(main, backend)


@pytest.mark.case("QUE-34", part="handlers")
@backends
def test_an_open_breaker_costs_no_handler_call_and_no_attempt(backend: str) -> None:
    """Half-open: exactly one call. Closed: the ramp, and then everything."""

    async def main() -> None:
        clock = LoopClock()
        breaker = CircuitBreaker(
            name="sms", failures=2, recovery=300.0, min_rate=0.1, clock=clock
        )
        desk = Desk(clock=clock, gates={"sms": breaker})
        well, calls = [False], list[float]()

        async def send() -> None:
            if not well[0]:
                raise OSError

        async def handler(flight: Flight) -> Verdict | None:
            calls.append(clock.monotonic())
            try:
                await breaker.acall(send)
            except CircuitOpen as error:
                hold = flight.item.hold
                return Verdict(Release(hold, unsent=True), rest=error.retry_after)
            except OSError:
                return Verdict(Nack(flight.item.hold, 1.0), Evidence.FAILED)
            return None

        desk.handler = handler
        seqs = desk.put(*items(20, target="sms"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=2))
            await clock.asleep(299.0)
            before = len(calls)
            attempts = sum(each.attempts for each in desk.ready().items(QUEUE))
            await clock.asleep(2.0)  # half-open at 300 s: one canary, it fails
            half_open = len(calls) - before
            well[0] = True
            await clock.asleep(310.0)
            tasks.cancel_scope.cancel()

        assert (before, attempts, half_open) == (2, 2, 1)
        assert sorted(desk.acked()) == seqs
        assert len(calls) == 2 + 1 + 20

    virtually(main, backend)


@pytest.mark.case("QUE-30", part="drain")
@backends
def test_retry_after_pauses_that_target_and_no_other(backend: str) -> None:
    """For every process, and for as long as it said; no attempt is used."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        sent: list[tuple[str, float]] = []
        told = [False]

        async def handler(flight: Flight) -> Verdict | None:
            if flight.item.target == "busy" and not told[0]:
                told[0] = True
                return Verdict(
                    Release(flight.item.hold, unsent=True),
                    Evidence.FAILED,
                    rest=7.0,
                    pause="retry-after",
                )
            sent.append((flight.item.target, desk.clock.monotonic()))
            return None

        desk.handler = handler
        desk.put(item("b", target="busy"), *items(3, target="other"))
        began = desk.clock.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=1))
            await desk.clock.asleep(5.0)
            (pause,) = desk.ready().stats(QUEUE).pauses
            (waiting,) = desk.ready().items(QUEUE)

            assert (pause.target, pause.reason) == ("busy", "retry-after")
            assert (waiting.attempts, waiting.state) == (0, ItemState.READY)
            assert [target for target, _ in sent] == ["other"] * 3

            await desk.clock.asleep(5.0)
            tasks.cancel_scope.cancel()

        (target, at) = sent[-1]

        assert target == "busy"
        assert 7.0 <= at - began < 7.5

    virtually(main, backend)


@pytest.mark.case("QUE-31", part="drain")
@backends
def test_a_missing_sign_in_parks_and_pauses_until_somebody_resumes(
    backend: str,
) -> None:
    """Nothing is discarded, and no other item is spent on finding it out."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        signed_in = [False]

        async def handler(flight: Flight) -> Verdict | None:
            if signed_in[0]:
                return None
            return Verdict(
                Park(flight.item.hold, "sign-in", unsent=True),
                Evidence.ANSWERED,
                rest=float("inf"),
                pause="sign-in",
            )

        desk.handler = handler
        seqs = desk.put(*items(4))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: desk.adrain(concurrency=1))
            await desk.clock.asleep(HOUR)

            assert desk.states() == {ItemState.PARKED: 1, ItemState.READY: 3}
            assert len(desk.begun) == 1

            signed_in[0] = True
            desk.ready().resume(QUEUE)
            await desk.clock.asleep(1.0)
            tasks.cancel_scope.cancel()

        assert sorted(desk.acked()) == seqs

    virtually(main, backend)


@pytest.mark.case("QUE-29", part="drain")
@backends
def test_answered_failures_come_back_when_they_are_due_and_then_die(
    backend: str,
) -> None:
    """1, 2, 4, 4 s, then DEAD; the next of the lane goes on."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        at: list[float] = []

        async def handler(flight: Flight) -> Verdict | None:
            if flight.item.key != "bad":
                return None
            at.append(desk.clock.monotonic())
            attempt = flight.item.attempts + 1
            hold = flight.item.hold
            if attempt == 5:
                return Verdict(Fail(hold, "attempts", "500"), Evidence.FAILED)
            return Verdict(Nack(hold, min(2.0 ** (attempt - 1), 4.0)), Evidence.FAILED)

        desk.handler = handler
        bad, good = desk.put(item("bad", lane="l"), item("good", lane="l"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(20.0)
            tasks.cancel_scope.cancel()

        waits = [later - sooner for sooner, later in itertools.pairwise(at)]
        dead = desk.get(bad)

        assert waits == [pytest.approx(d, abs=0.3) for d in (1.0, 2.0, 4.0, 4.0)]
        assert dead is not None
        assert (dead.state, dead.reason) == (ItemState.DEAD, "attempts")
        assert desk.acked() == [good]

    virtually(main, backend)


@pytest.mark.case("QUE-38", part="drain")
@backends
def test_what_is_too_old_ends_without_being_sent_and_is_told(backend: str) -> None:
    """Also at the head of a lane; the next one moves up."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        up = [False]

        async def handler(flight: Flight) -> Verdict | None:
            return None if up[0] else refused(flight)

        desk.handler = handler
        old, young = desk.put(
            item("old", lane="l", expires_in=60.0), item("young", lane="l")
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(90.0)
            ended = [ended for staged in desk.time_did for ended in staged.ended]

            assert [(each.seq, each.state) for each in ended] == [
                (old, ItemState.EXPIRED)
            ]
            up[0] = True
            await desk.clock.asleep(60.0)
            tasks.cancel_scope.cancel()

        assert desk.acked() == [young]

    virtually(main, backend)


@backends
def test_what_is_due_later_is_delivered_then(backend: str) -> None:
    """The drain sleeps until the next due, whoever had it stored."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        at: list[float] = []

        async def handler(_flight: Flight) -> None:
            at.append(desk.clock.monotonic())

        desk.handler = handler
        began = desk.clock.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(5.0)
            desk.put(item("a", delay=100.0), item("b", delay=50.0))
            await desk.clock.asleep(200.0)
            tasks.cancel_scope.cancel()

        assert [t - began for t in at] == [
            pytest.approx(55.0, abs=0.3),
            pytest.approx(105.0, abs=0.3),
        ]

    virtually(main, backend)


@backends
def test_a_flush_while_offline_says_so_and_uses_no_attempt(backend: str) -> None:
    """It looks first, and comes back at once."""

    async def main() -> None:
        up = [False]

        async def look() -> bool:
            return up[0]

        desk = Desk(clock=LoopClock(), probes={"": CallbackProbe(look)})

        async def handler(flight: Flight) -> Verdict | None:
            return None if up[0] else refused(flight)

        desk.handler = handler
        seqs = desk.put(*items(5))
        first = await desk.aflush(concurrency=1)
        second = await desk.aflush(concurrency=1)
        up[0] = True
        third = await desk.aflush()

        assert first == DrainReport(released=1, left=5, offline=("default",))
        assert second == DrainReport(left=5, offline=("default",))
        assert third == DrainReport(sent=5)
        assert sorted(desk.acked()) == seqs

    virtually(main, backend)


@backends
def test_a_handler_that_says_not_now_is_not_asked_in_a_circle(backend: str) -> None:
    """Without a word when, it is a tenth of a second."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())

        async def handler(flight: Flight) -> Verdict:
            return Verdict(Release(flight.item.hold, error="in-progress"))

        desk.handler = handler
        desk.put(item("a"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(10.0)
            tasks.cancel_scope.cancel()

        assert 50 <= len(desk.begun) <= 101

    virtually(main, backend)


@backends
def test_an_idle_drain_is_quiet(backend: str) -> None:
    """A look each quarter of a second, and a claim only now and then."""

    async def main() -> None:
        desk = Desk(clock=LoopClock())
        claims: list[int] = []
        store: Any = desk.engine.async_queue_store()
        real = store.claim

        async def claim(request: object) -> object:
            claims.append(1)
            return await real(request)

        store.claim = claim
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.adrain)
            await desk.clock.asleep(600.0)
            tasks.cancel_scope.cancel()

        assert len(claims) <= 600.0 / 5.0 + 5

    virtually(main, backend)
