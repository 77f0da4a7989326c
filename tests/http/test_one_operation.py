"""One operation, one key: behind FastAPI, behind Flask, and in a queue's worker."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from syncpatterns._http import RequestKey
from syncpatterns.errors import ItemFailed
from syncpatterns.events import Executed, Mismatched, Replayed
from syncpatterns.offline_queue import ItemState
from syncpatterns.testing import FakeClock, ServerProcess, free_port
from syncpatterns.testing.servers import http_ready
from tests.http.one_operation import (
    ASGI_PATH,
    TENANT,
    WSGI_PATH,
    Confirm,
    House,
)

WAYS = ["fastapi", "flask", "queue"]
ORDERS = list(itertools.permutations(WAYS))
PROGRAM = Path(__file__).with_name("one_operation.py")
KEYS = itertools.count(1)


@dataclass(frozen=True)
class Heard:
    """What a caller was told, by whichever way.

    Args:
        value: The answer; None if it was refused.
        replayed: It was the answer of an earlier call; None: a queue's receipt
            does not say.
        refused: The problem's type, or why the item was not done.
    """

    value: dict[str, Any] | None
    replayed: bool | None = None
    refused: str | None = None


Ask = Callable[..., Heard]


def heard(status: int, headers: Any, body: bytes) -> Heard:
    """Return what an HTTP answer says."""
    said = json.loads(body)
    if status == 201:
        assert headers["location"] == f"/{said['booking']}"
        return Heard(said, headers.get("idempotent-replayed") == "true")
    return Heard(None, refused=said["type"].removeprefix("/problems/"))


class Doors:
    """Asks the applications and the queue of one house.

    Args:
        house: Of this process.
        post: ``post(way, path, headers, body)``; returns status, headers, body.
    """

    def __init__(self, house: House, post: Callable[..., Any]) -> None:
        self.house = house
        self._post = post

    def ask(self, way: str, command: Confirm, key: str, age: int = 0) -> Heard:
        """Ask for *command* by *way*."""
        if way == "queue":
            return self._queue(command, key, age)
        headers = {"content-type": "application/json", "idempotency-key": key}
        if age:
            headers["idempotency-age"] = str(age)
        if way == "fastapi":
            body = json.dumps({"booking": command.booking, "seats": command.seats})
            return heard(*self._post(way, ASGI_PATH, headers, body.encode()))
        # Another address, other bytes, and seats as a whole number.
        seats = int(command.seats)
        body = f' {{"seats": {seats},\n "booking": {json.dumps(command.booking)} }}\n'
        return heard(*self._post(way, WSGI_PATH, headers, body.encode()))

    def _queue(self, command: Confirm, key: str, age: int) -> Heard:
        operation, queue = self.house.operation, self.house.queue
        known: Any = RequestKey(key, b"", age) if age else key
        receipt = operation.enqueue(queue, command, key=known, scope=TENANT)
        queue.flush()
        if receipt.state() is ItemState.PARKED:
            (parked,) = [each for each in queue.parked.list() if each.seq == receipt.id]
            return Heard(None, refused=parked.reason)
        try:
            return Heard(receipt.wait(timeout=0).value.model_dump())
        except ItemFailed as error:
            return Heard(None, refused=error.reason)


@pytest.fixture
def facts() -> list[Any]:
    """What the operation's hooks heard."""
    return []


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves by hand."""
    return FakeClock()


@pytest.fixture
def doors(tmp_path: Path, facts: list[Any], clock: FakeClock) -> Generator[Doors]:
    """Both applications and the queue in this process."""
    house = House(f"sqlite:///{tmp_path}/one.db", hooks=[facts.append], clock=clock)
    asgi = TestClient(house.asgi(), base_url="http://localhost")
    wsgi = house.wsgi()

    def post(way: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        if way == "fastapi":
            answer = asgi.post(path, headers=headers, content=body)
            return answer.status_code, answer.headers, answer.content
        told = wsgi.test_client().post(path, headers=headers, data=body)
        return told.status_code, told.headers, told.data

    yield Doors(house, post)
    house.engine.close()


@pytest.mark.case("OPR-33")
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_one_key_through_all_three_is_one_effect(
    order: tuple[str, ...], doors: Doors, facts: list[Any]
) -> None:
    """In every order; the second and the third get the first one's answer."""
    command = Confirm(booking="b-1", seats=2)

    told = [doors.ask(way, command, "press") for way in order]

    assert doors.house.effects() == ["b-1"]
    expected = {"booking": "b-1", "seats": 2.0, "number": 1}
    assert [each.value for each in told] == [expected] * 3
    flags = [each.replayed for each, way in zip(told, order, strict=True)]
    assert flags == [
        None if way == "queue" else place > 0 for place, way in enumerate(order)
    ]
    assert [type(fact) for fact in facts] == [Executed, Replayed, Replayed]


@pytest.mark.case("OPR-33")
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_another_command_under_the_key_is_refused_by_each(
    first: str, second: str, doors: Doors, facts: list[Any]
) -> None:
    """Whatever way the first one came; and the first answer is still there."""
    doors.ask(first, Confirm(booking="b-1"), "press")

    if (first, second) == ("queue", "queue"):
        # The queue knows its own keys and does not even store the second.
        with pytest.raises(Exception, match="another") as error:
            doors.ask(second, Confirm(booking="b-2"), "press")
        refused = getattr(error.value, "problem", None)
    else:
        refused = doors.ask(second, Confirm(booking="b-2"), "press").refused
        assert isinstance(facts[-1], Mismatched)

    assert refused == ("rejected" if first != second == "queue" else "key-reused")
    assert doors.house.effects() == ["b-1"]
    again = doors.ask(first, Confirm(booking="b-1"), "press")
    assert again.value == {"booking": "b-1", "seats": 1.0, "number": 1}


@pytest.mark.case("OPR-33")
def test_other_bytes_at_one_address_are_another_request(doors: Doors) -> None:
    """Over HTTP the bytes are compared, not what is parsed from them."""
    headers = {"content-type": "application/json", "idempotency-key": "press"}
    bodies = [b'{"booking": "b-1"}', b'{"booking":"b-1"}']

    for way, path in (("fastapi", ASGI_PATH), ("flask", WSGI_PATH)):
        headers["idempotency-key"] = way
        first, second = [
            heard(*doors._post(way, path, headers, body)) for body in bodies
        ]

        assert first.value is not None
        assert second.refused == "key-reused"


@pytest.mark.case("OPR-33")
@pytest.mark.case("IDM-51", part="every way in")
@pytest.mark.parametrize("way", WAYS)
def test_an_action_older_than_its_key_is_known_is_not_done(
    way: str, doors: Doors
) -> None:
    """The queue hands on how old it is, as Idempotency-Age does over HTTP."""
    told = doors.ask(way, Confirm(booking="b-1"), "press", age=100_000)

    assert told.refused == ("unknown" if way == "queue" else "key-expired")
    assert doors.house.effects() == []


@pytest.mark.case("OPR-33")
def test_the_time_in_the_queue_counts_as_age(doors: Doors, clock: FakeClock) -> None:
    """First tried over HTTP, delivered when nobody could know any more: parked."""
    house = doors.house
    tried = RequestKey("press", b"", age=86_000)
    house.operation.enqueue(
        house.queue, Confirm(booking="b-1"), key=tried, scope=TENANT
    )

    clock.advance(500)
    house.queue.flush()

    (parked,) = house.queue.parked.list()
    assert parked.reason == "unknown"
    assert house.effects() == []


@pytest.mark.case("OPR-33")
def test_what_was_done_is_replayed_at_any_age(doors: Doors) -> None:
    """A record that is there settles it: the queue's retry gets Flask's answer."""
    first = doors.ask("flask", Confirm(booking="b-1"), "press")

    late = [
        doors.ask(way, Confirm(booking="b-1"), "press", age=100_000) for way in WAYS
    ]

    assert [each.value for each in late] == [first.value] * 3


# ------------------------------------------------------------- real processes


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Doors]:
    """Uvicorn and a WSGI server as processes, the worker in this one."""
    path = tmp_path_factory.mktemp("one") / "one.db"
    house = House(f"sqlite:///{path}")
    ports = {kind: free_port() for kind in ("fastapi", "flask")}

    def post(way: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", ports[way], timeout=120)
        with contextlib.closing(connection):
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    with contextlib.ExitStack() as stack:
        stack.callback(house.engine.close)
        for kind, port in ports.items():
            command = [sys.executable, str(PROGRAM), kind, str(port), str(path)]
            ready = http_ready(port, "/ready")
            stack.enter_context(ServerProcess(command, ready=ready))
        yield Doors(house, post)


@pytest.mark.case("OPR-33")
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_three_processes_and_one_key_are_one_effect(
    order: tuple[str, ...], served: Doors
) -> None:
    """uvicorn, a WSGI server and a worker, on one database file."""
    name = f"b-{next(KEYS)}"
    command = Confirm(booking=name, seats=2)

    told = [served.ask(way, command, f"key-{name}") for way in order]
    other = [
        served.ask(way, Confirm(booking="other"), f"key-{name}").refused
        for way in ("fastapi", "flask")
    ]

    assert served.house.effects().count(name) == 1
    assert [each.value for each in told] == [told[0].value] * 3
    assert [each.replayed for each in told if each.replayed is not None] == [
        place > 0 for place, way in enumerate(order) if way != "queue"
    ]
    assert other == ["key-reused", "key-reused"]


@pytest.mark.case("OPR-33")
def test_all_at_once_and_one_key_are_one_effect(served: Doors) -> None:
    """Nine callers begin together; one does it, eight hear what it answered."""
    ways = ["fastapi"] * 4 + ["flask"] * 4 + ["queue"]
    for _ in range(5):
        name = f"b-{next(KEYS)}"
        begin = threading.Barrier(len(ways))

        def ask(way: str, name: str = name, begin: Any = begin) -> Heard:
            begin.wait(120)
            return served.ask(way, Confirm(booking=name, seats=3), f"key-{name}")

        with ThreadPoolExecutor(len(ways)) as pool:
            told = list(pool.map(ask, ways))

        assert served.house.effects().count(name) == 1
        assert [each.value for each in told] == [told[0].value] * len(ways)
        assert [each.replayed for each in told].count(False) <= 1
