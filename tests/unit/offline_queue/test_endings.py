"""What ends a worker or a drain, and what is in hand and untold at that moment."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from syncpatterns.errors import EngineBusy
from syncpatterns.offline_queue._core import ItemState
from syncpatterns.offline_queue._flights import Flight, Verdict
from tests.unit.offline_queue.desk import QUEUE, done, items
from tests.unit.offline_queue.test_turns import CountingDesk


class Refusing:
    """A store that takes no settlement, *times* times."""

    def __init__(self, desk: CountingDesk, times: float) -> None:
        self._store = desk.store._store
        self.left = times
        desk.store._store = self

    def __getattr__(self, name: str) -> Any:
        if name in {"settle", "settle_and_claim"} and self.left > 0:
            return self._refuse
        return getattr(self._store, name)

    def _refuse(self, *_: object) -> Any:
        self.left -= 1
        raise EngineBusy("nobody is in")


EVER = float("inf")


def ended_by(work: Callable[[], object]) -> str:
    """Return what comes out of *work* on a thread; it has to come out."""
    out: list[str] = []

    def run() -> None:
        try:
            work()
            out.append("")
        except BaseException as error:  # noqa: BLE001 - this is what is looked at
            out.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(120)
    return out[0] if out else "nothing"


@pytest.mark.parametrize("once", [False, True])
def test_ctrl_c_in_a_handler_comes_out_although_the_store_is_down(once: bool) -> None:
    """The item comes back by its lease; nobody waits for the store for ever."""
    desk = CountingDesk()
    desk.put(*items(2))

    def handler(flight: Flight) -> Verdict:
        Refusing(desk, EVER)
        raise KeyboardInterrupt

    desk.blocking = handler

    assert ended_by(lambda: desk.work(once=once)) == "KeyboardInterrupt"


def test_ctrl_c_in_a_hook_comes_out_although_the_store_is_down() -> None:
    """Also where the next item is in hand already."""
    desk = CountingDesk()
    desk.put(*items(3))

    def hook(seq: int) -> None:
        Refusing(desk, EVER)
        raise KeyboardInterrupt

    desk.hook = hook

    assert ended_by(desk.work) == "KeyboardInterrupt"


def test_a_worker_outlives_a_settlement_of_something_it_has_lost() -> None:
    """Asked again, the store says that it is another's; that is no reason to end."""
    desk = CountingDesk()
    desk.put(*items(3))
    stop = threading.Event()

    def handler(flight: Flight) -> Verdict:
        if len(desk.begun) == 1:
            flight.lost = True
            Refusing(desk, 1)
        else:
            stop.set()
        return done(flight)

    desk.blocking = handler

    assert ended_by(lambda: desk.work(stop=stop)) == ""
    assert len(desk.begun) == 2


@pytest.mark.parametrize("how", ["work", "adrain"])
def test_a_queue_that_is_paused_in_the_first_fact_delivers_nothing(how: str) -> None:
    """A hook hears that it begins, and pauses it: what is in hand goes back."""
    desk = CountingDesk()
    seqs = desk.put(*items(3))
    tell = desk.tell

    def told(fact: Any) -> None:
        if type(fact).__name__ == "DrainStarted":
            desk.pause()
        tell(fact)

    desk.tell = told  # type: ignore[method-assign]  # this one desk's
    if how == "work":
        desk.work(once=True)
    else:
        asyncio.run(desk.adrain(once=True))

    assert desk.begun == []
    assert desk.states() == {ItemState.READY: len(seqs)}


def test_a_claim_under_way_is_heard_although_its_loop_ends() -> None:
    """Else eight items would wait for a lease that nobody has."""
    desk = CountingDesk()
    seqs = desk.put(*items(8))

    async def main() -> None:
        inside = asyncio.Event()

        async def after(name: str) -> None:
            if name == "claim":
                inside.set()
                for _ in range(10):
                    await asyncio.sleep(0)

        desk.awaited.after = after
        drain = asyncio.create_task(desk.adrain(grace=0.0))
        await inside.wait()
        assert not drain.done()

    asyncio.run(main())

    assert desk.begun == []
    assert desk.states() == {ItemState.READY: len(seqs)}


class Doubtful:
    """A store whose first settlement is done and not answered; one look-up fails."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        kind = "settle" if name.startswith("settle") else name
        if kind not in {"settle", "ended"}:
            return method

        async def call(*args: Any) -> Any:
            answer = await method(*args)
            self._calls[kind] += 1
            if (kind, self._calls[kind]) in {("settle", 1), ("ended", 3)}:
                raise EngineBusy("the answer is lost")
            return answer

        return call


class DoubtfulDesk(CountingDesk):
    """A desk with such a store, whose four handlers end together."""

    def __init__(self) -> None:
        super().__init__()
        self.all_in = asyncio.Event()
        self.handler = self._together

    async def _together(self, flight: Flight) -> Verdict:
        if len(self.begun) == 4:
            self.all_in.set()
        await self.all_in.wait()
        return done(flight)

    async def aready(self) -> Any:
        await super().aready()
        return Doubtful(self.engine.async_queue_store())


def test_who_was_told_of_an_end_is_not_told_again() -> None:
    """One look-up of several fails: those before it were told, and counted."""
    desk = DoubtfulDesk()
    seqs = desk.put(*items(4))

    report = asyncio.run(desk.adrain(once=True))

    assert report.sent == 4
    assert sorted(seq for seq, _, _ in desk.told) == seqs
    assert desk.engine.queue_store().items(QUEUE) == []
