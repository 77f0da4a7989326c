"""Probes: yes or no, in time, whatever the other side does."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

import anyio
import httpx2
import pytest

from syncpatterns import CircuitBreaker
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import OfflineQueue
from syncpatterns.offline_queue._reaching._probes import (
    BreakerProbe,
    CallbackProbe,
    HTTPProbe,
    TCPProbe,
    all_of,
    any_of,
)
from syncpatterns.offline_queue._reaching._witnesses import Probe
from syncpatterns.testing import FakeClock, free_port
from tests.unit.offline_queue.surface import World

Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """Give the port of a server of 127.0.0.1 that answers as told."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            with contextlib.suppress(OSError):
                answer(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def status(code: int) -> Answer:
    """Answer with *code*."""
    head = f"HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return lambda peer: peer.sendall(head.encode())


async def both(probe: Probe) -> set[bool]:
    """Return the answers of both worlds."""
    return {await anyio.to_thread.run_sync(probe.probe), await probe.aprobe()}


@pytest.mark.parametrize(
    ("code", "found"),
    [(200, True), (302, True), (401, True), (404, True), (500, False), (503, False)],
)
async def test_any_answer_below_500_says_that_somebody_is_there(
    code: int, found: bool
) -> None:
    """Whoever refuses us is up; the items will be told the same."""
    with serving(status(code)) as port:
        assert await both(HTTPProbe(f"http://127.0.0.1:{port}/health", timeout=60)) == {
            found
        }


async def test_a_client_of_httpx_can_be_used() -> None:
    """Blocking or async: it brings its own headers and certificates."""
    with serving(status(404)) as port:
        url = f"http://127.0.0.1:{port}/health?deep=1"
        with httpx2.Client() as client:
            blocking = await both(HTTPProbe(url, client=client, timeout=60))
        async with httpx2.AsyncClient() as client:
            awaited = await HTTPProbe(url, client=client, timeout=60).aprobe()

    assert blocking == {True}
    assert awaited is True


async def test_a_client_that_finds_nobody_says_no() -> None:
    """Whatever it raises."""
    url = f"http://127.0.0.1:{free_port()}/"
    with httpx2.Client() as client:
        assert await both(HTTPProbe(url, client=client)) == {False}
    async with httpx2.AsyncClient() as client:
        assert await HTTPProbe(url, client=client).aprobe() is False


async def test_an_async_client_is_no_use_to_a_blocking_worker() -> None:
    """It is told what to do instead."""
    async with httpx2.AsyncClient() as client:
        with pytest.raises(ConfigurationError) as caught:
            HTTPProbe("http://127.0.0.1/", client=client).probe()

    assert "blocking client" in str(caught.value)


async def test_a_closed_port_says_no() -> None:
    """Over HTTP, TCP, and as part of several."""
    port = free_port()
    tcp, http = TCPProbe("127.0.0.1", port), HTTPProbe(f"http://127.0.0.1:{port}/")

    assert await both(tcp) == {False}
    assert await both(http) == {False}


async def test_an_open_port_says_yes() -> None:
    """Nothing has to be sent."""
    with serving(status(200)) as port:
        assert await both(TCPProbe("127.0.0.1", port, timeout=60)) == {True}


def silent(peer: socket.socket) -> None:
    """Take the request and say nothing until the other side gives up."""
    peer.recv(1)


def dripping(peer: socket.socket) -> None:
    """Send a byte now and then, which starts a socket's time-out anew each time."""
    beat = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\n" * 100:
        peer.sendall(bytes([byte]))
        beat.wait(0.05)


def nonsense(peer: socket.socket) -> None:
    """Speak another protocol."""
    peer.sendall(b"220 mail.example.org ESMTP\r\n\x00\xff\r\n\r\n")


@pytest.mark.parametrize("answer", [silent, dripping, nonsense])
async def test_a_server_that_never_answers_is_a_no_in_time(answer: Answer) -> None:
    """A byte every 50 ms would keep a socket's own time-out from ever ending."""
    with serving(answer) as port, anyio.fail_after(120):
        probe = HTTPProbe(f"http://127.0.0.1:{port}/", timeout=0.2)

        assert await both(probe) == {False}


async def test_a_breaker_is_asked_without_a_call() -> None:
    """Open it says no, and when a call may go it says yes."""
    clock = FakeClock()
    breaker = CircuitBreaker(name="sms", failures=1, recovery=60.0, clock=clock)
    probe = BreakerProbe(breaker)
    with pytest.raises(OSError):
        breaker.call(_fail)

    assert await both(probe) == {False}

    clock.advance(60.0)

    assert await both(probe) == {True}


async def test_a_function_is_asked_blocking_and_async() -> None:
    """In both worlds, whatever it is."""

    async def awaited() -> bool:
        await anyio.lowlevel.checkpoint()
        return True

    assert await both(CallbackProbe(lambda: True)) == {True}
    assert await both(CallbackProbe(lambda: False)) == {False}
    assert await both(CallbackProbe(awaited)) == {True}


async def test_a_function_that_raises_or_hangs_says_no() -> None:
    """And nobody waits for it longer than its time-out."""

    async def fails() -> bool:
        raise LookupError

    hanging = threading.Event()
    try:
        with anyio.fail_after(120):
            assert await both(CallbackProbe(_fail)) == {False}
            assert await both(CallbackProbe(fails)) == {False}
            assert await both(CallbackProbe(hanging.wait, timeout=0.05)) == {False}
            assert await CallbackProbe(_for_ever, timeout=0.05).aprobe() is False
    finally:
        hanging.set()


async def test_a_function_that_ends_the_program_says_no() -> None:
    """Passed on, it would end the drain, and the next one at the same look."""

    def leave() -> bool:
        raise SystemExit(3)

    async def leave_later() -> bool:
        raise SystemExit(3)

    assert await both(CallbackProbe(leave)) == {False}
    assert await both(CallbackProbe(leave_later)) == {False}


class _Leaves:
    """A probe of somebody's own, that ends the program."""

    def probe(self) -> bool:
        raise SystemExit(3)

    async def aprobe(self) -> bool:
        raise SystemExit(3)


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_probe_of_ones_own_that_ends_the_program_found_nobody(
    make: Callable[..., OfflineQueue], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The drain goes on without its target, and says why."""
    queue = make(probe={"away": _Leaves()})
    script: list[Exception] = [ConnectionRefusedError()]

    @queue.handler("n.add", target="away")
    def add(payload: int) -> None:
        if script:
            raise script.pop()

    queue.enqueue(add, 1)
    flush = World(kind).flush
    flush(queue)
    report = flush(queue)

    assert (report.sent, report.left, report.offline) == (0, 1, ("away",))
    assert "failed with SystemExit: 3" in caplog.text


async def test_several_probes_are_asked_until_it_is_clear() -> None:
    """any_of ends with the first yes, all_of with the first no."""
    asked: list[str] = []

    def probe(name: str, answer: bool) -> Probe:
        def ask() -> bool:
            asked.append(name)
            return answer

        return CallbackProbe(ask)

    yes, no = probe("yes", True), probe("no", False)

    assert await both(any_of(no, yes, no)) == {True}
    assert await both(all_of(yes, no, yes)) == {False}
    assert await both(any_of(no, no)) == {False}
    assert await both(all_of(yes, yes)) == {True}
    assert asked[:4] == ["no", "yes", "no", "yes"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: HTTPProbe("ftp://127.0.0.1/"), "http://127.0.0.1/health"),
        (lambda: HTTPProbe("127.0.0.1:80"), "http://127.0.0.1/health"),
        (lambda: HTTPProbe("http:///nowhere"), "http://127.0.0.1/health"),
        (lambda: HTTPProbe("http://127.0.0.1/a b"), "percent-encode"),
        (lambda: HTTPProbe("http://127.0.0.1/\r\nX: y"), "percent-encode"),
        (lambda: HTTPProbe("http://127.0.0.1:99999/"), "out of range"),
        (lambda: HTTPProbe("http://[::1/"), "Invalid IPv6"),
        (lambda: HTTPProbe("http://me:secret@127.0.0.1/"), "names a user"),
        (lambda: HTTPProbe("http://127.0.0.1/", client=object()), "get(url)"),
        (lambda: HTTPProbe("http://127.0.0.1/", timeout=0), "timeout=0"),
        (lambda: TCPProbe("h", 1, timeout=None), "timeout=None"),  # type: ignore[arg-type]  # what is refused
        (lambda: TCPProbe("h", 1, timeout="5"), "timeout='5'"),  # type: ignore[arg-type]  # what is refused
        (lambda: CallbackProbe(_fail, timeout=True), "timeout=True"),
        (lambda: TCPProbe(7, 1), "names no port"),  # type: ignore[arg-type]  # what is refused
        (lambda: any_of(CallbackProbe), "is no probe"),  # type: ignore[arg-type]  # what is refused
        (lambda: TCPProbe("127.0.0.1", 0), "names no port"),
        (lambda: TCPProbe("127.0.0.1", 65536), "names no port"),
        (lambda: TCPProbe("", 80), "names no port"),
        (lambda: TCPProbe("127.0.0.1", 80, timeout=float("inf")), "timeout=inf"),
        (lambda: CallbackProbe("up"), "needs a function"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: BreakerProbe(object()), "CircuitBreaker"),  # type: ignore[arg-type]  # as above
        (any_of, "at least one"),
        (lambda: all_of(lambda: True), "no probe"),  # type: ignore[arg-type]  # as above
    ],
    ids=range(23),
)
def test_a_probe_that_cannot_work_is_refused_when_it_is_made(
    make: Callable[[], object], says: str
) -> None:
    """With the sentence that says what to do."""
    with pytest.raises(ConfigurationError) as caught:
        make()

    assert says in str(caught.value)


def test_a_probe_says_what_it_asks() -> None:
    """For the log, which is no place for a token."""
    url = "http://127.0.0.1/health?token=secret"
    probe = any_of(HTTPProbe(url), TCPProbe("127.0.0.1", 80))

    assert repr(probe) == (
        "any_of(HTTPProbe('http://127.0.0.1/health'), TCPProbe('127.0.0.1', 80))"
    )


async def _for_ever() -> bool:
    await anyio.sleep_forever()
    return True


def _fail() -> bool:
    raise OSError
