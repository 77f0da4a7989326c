"""Drains over real sockets, in a web application's life, and as a program."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncpatterns import connect
from syncpatterns.adapters.fastapi import lifespan
from syncpatterns.offline_queue import (
    DrainReport,
    OfflineQueue,
    TargetOffline,
    TargetOnline,
    TCPProbe,
)
from syncpatterns.testing import free_port
from tests.unit.offline_queue.desk import Desk, Holding, item, items


@dataclass
class Note:
    """The command."""

    number: int


@contextlib.contextmanager
def service(port: int, got: list[bytes]) -> Iterator[None]:
    """Have a service listen on *port* that says ``ok`` to every line."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    peer, _ = listening.accept()
                    with peer:
                        peer.settimeout(5.0)
                        line = peer.recv(100)
                        if line:  # else it was a probe
                            got.append(line)
                            peer.sendall(b"ok")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("probed", [False, True])
@pytest.mark.case("QUE-28", part="sockets")
async def test_a_service_that_is_down_and_comes_up_gets_everything(
    tmp_path: Path, probed: bool
) -> None:
    """Refused connections use no attempt; each item arrives once, in its order."""
    port, got, facts = free_port(), list[bytes](), list[Any]()
    engine = connect(f"sqlite:///{tmp_path}/field.db")
    queue = OfflineQueue(
        "field",
        engine,
        probe=TCPProbe("127.0.0.1", port, timeout=1.0) if probed else None,
        hooks=[facts.append],
    )

    @queue.handler("note", lane=lambda _: "notes")
    def note(payload: Note) -> str:
        with socket.create_connection(("127.0.0.1", port), 5.0) as peer:
            peer.sendall(b"%d" % payload.number)
            return peer.recv(100).decode()

    async with engine:
        receipts = [await queue.aenqueue(note, Note(n), scope="acme") for n in range(5)]
        offline = await queue.aflush()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(queue.adrain)
            with service(port, got), anyio.fail_after(120):
                answers = [(await each.await_result()).value for each in receipts]
            tasks.cancel_scope.cancel()

    assert offline == DrainReport(released=1, left=5, offline=("default",))
    assert answers == ["ok"] * 5
    assert got == [b"%d" % n for n in range(5)]
    assert [type(f) for f in facts if isinstance(f, TargetOffline)] == [TargetOffline]
    assert len([f for f in facts if isinstance(f, TargetOnline)]) <= 1


async def test_a_web_application_drains_while_it_lives() -> None:
    """Started with it, stopped with it, and everything is given back in time."""
    holding = Holding()
    desk = Desk(holding)

    async def drain() -> None:
        await desk.adrain(grace=0.0)

    desk.put(*items(3))
    with anyio.fail_after(120):
        async with lifespan(desk.engine, drain)(None):
            await holding.until(3)
            desk.put(item("more"))
            await holding.until(4)

    assert len(holding.cancelled) == 4
    assert [settled.accepted for _, _, settled in desk.told] == [True] * 4


async def test_the_bound_method_is_a_background_task_as_it_is() -> None:
    """``lifespan(engine, queue.adrain)`` needs no wrapping."""
    desk = Desk()
    delivered = anyio.Event()

    async def handler(_flight: object) -> None:
        delivered.set()

    desk.handler = handler
    with anyio.fail_after(120):
        async with lifespan(desk.engine, desk.adrain)(None):
            desk.put(item("a"))
            await delivered.wait()

    assert len(desk.acked()) == 1


def test_a_pass_can_be_a_program_of_its_own() -> None:
    """With an event loop that is made for it, on the main thread or another."""
    desk = Desk()
    desk.put(*items(3))
    here = desk.drain(once=True)
    desk.put(item("x"), item("y"))
    there: list[DrainReport] = []
    thread = threading.Thread(target=lambda: there.append(desk.drain(once=True)))
    thread.start()
    thread.join()

    assert here == DrainReport(sent=3)
    assert there == [DrainReport(sent=2)]


def test_a_platform_without_signals_can_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As asyncio on Windows."""

    def refuse(*_signals: object) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(anyio, "open_signal_receiver", refuse)
    desk = Desk()
    desk.put(item("a"))

    assert desk.drain(once=True) == DrainReport(sent=1)
