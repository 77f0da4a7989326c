from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncpatterns.testing import Fault, FaultProxy, free_port
from syncpatterns.testing._faults._link import Link, _Lane

HELLO = b"hello world"


@pytest.fixture
def proxy(echo: Any) -> Iterator[FaultProxy]:
    """Give a proxy before the echo server."""
    with FaultProxy(echo.port) as running:
        yield running


def connect(proxy: FaultProxy, timeout: float = 5.0) -> socket.socket:
    """Open a connection through the proxy."""
    return socket.create_connection(proxy.address, timeout)


def read_all(sock: socket.socket, size: int) -> bytes:
    """Read *size* bytes, or up to the end."""
    data = b""
    while len(data) < size and (more := sock.recv(65_536)):
        data += more
    return data


def talk(proxy: FaultProxy, size: int = len(HELLO), timeout: float = 5.0) -> bytes:
    """Say hello and return what comes back."""
    with connect(proxy, timeout) as sock:
        sock.sendall(HELLO)
        return read_all(sock, size)


def test_without_faults_everything_passes(proxy: FaultProxy) -> None:
    """Megabytes go through unharmed, in both directions at once."""
    data = bytes(range(256)) * 20_000
    with connect(proxy) as sock:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        received = read_all(sock, len(data))
        sender.join(120)

    assert received == data


def test_half_closed_connections_stay_half_open(echo: Any, proxy: FaultProxy) -> None:
    """A client that has no more to say still gets its answer."""
    with connect(proxy) as sock:
        sock.sendall(HELLO)
        sock.shutdown(socket.SHUT_WR)

        assert read_all(sock, 10**6) == HELLO
    assert echo.wait_for_ended(1) == ["closed"]


def test_rst_loses_the_message_and_resets_both_sides(
    echo: Any, proxy: FaultProxy
) -> None:
    """The client gets an error, and the server never saw the request."""
    proxy.add("rst")

    with pytest.raises(ConnectionResetError):
        talk(proxy)

    assert echo.wait_for_ended(1) == ["ConnectionResetError"]
    assert echo.received == []


def test_rst_after_reply_means_done_and_never_heard_of(
    echo: Any, proxy: FaultProxy
) -> None:
    """The server did it; the client cannot know."""
    proxy.add("rst_after_reply")

    with pytest.raises(ConnectionResetError):
        talk(proxy)

    assert echo.received == [HELLO]


def test_cut_lets_a_part_through_and_closes(echo: Any, proxy: FaultProxy) -> None:
    """A truncated answer looks like an orderly end."""
    proxy.add("cut:5", direction="down")

    assert talk(proxy) == b"hello"
    assert echo.received == [HELLO]


def test_slice_delivers_in_pieces(echo: Any, proxy: FaultProxy) -> None:
    """Code that takes one read for one message fails here."""
    proxy.add("slice:3")

    assert talk(proxy) == HELLO
    assert b"".join(echo.received) == HELLO


def test_slices_are_sent_one_after_the_other(proxy: FaultProxy) -> None:
    """Each piece has a moment of its own, or the kernel would join them again."""
    client, server = socket.socketpair()
    with client, server:
        link = Link(proxy, 1, client)
        lane = _Lane("up", client, server)
        link._apply(Fault("slice", 4), lane, HELLO)
        link._close_wakers()
    moments = [moment for moment, _ in lane.queue]

    assert [piece for _, piece in lane.queue] == [b"hell", b"o wo", b"rld"]
    assert sorted(set(moments)) == moments


def test_blackhole_swallows_and_stays_open(echo: Any, proxy: FaultProxy) -> None:
    """No error ever comes; only a time-out helps."""
    proxy.add("blackhole")

    with connect(proxy, 0.05) as sock:
        sock.sendall(HELLO)
        proxy.wait_for_fired()
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert echo.received == []


def test_corrupt_flips_one_bit(proxy: FaultProxy) -> None:
    """Exactly one bit differs."""
    proxy.add("corrupt", direction="down")

    answer = talk(proxy)

    flipped = [a ^ b for a, b in zip(answer, HELLO, strict=True) if a != b]
    assert len(flipped) == 1
    assert flipped[0].bit_count() == 1


def test_dup_delivers_twice(echo: Any, proxy: FaultProxy) -> None:
    """A message may arrive more often than it was sent."""
    proxy.add("dup")

    assert talk(proxy, 2 * len(HELLO)) == HELLO + HELLO
    assert b"".join(echo.received) == HELLO + HELLO


def test_delay_holds_back_and_keeps_the_order(echo: Any, proxy: FaultProxy) -> None:
    """What is behind a delayed message waits too."""
    proxy.add("delay:0.02")

    with connect(proxy) as sock:
        sock.sendall(b"1")
        proxy.wait_for_fired()
        sock.sendall(b"2")

        assert read_all(sock, 2) == b"12"
    assert b"".join(echo.received) == b"12"


def test_the_fault_refuse_resets_new_connections(proxy: FaultProxy) -> None:
    """It fires as often as it was told to, then connections are taken again."""
    proxy.add("refuse", times=2)

    for _ in range(2):
        with pytest.raises(ConnectionError):
            talk(proxy)

    assert talk(proxy) == HELLO
    assert [fired.kind for fired in proxy.fired] == ["refuse", "refuse"]


def test_refusing_is_a_refused_connection(proxy: FaultProxy) -> None:
    """Certainly not sent: nobody listens, and later somebody does again."""
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)

    proxy.accept()

    assert talk(proxy) == HELLO


def test_refusing_leaves_open_connections_alone(proxy: FaultProxy) -> None:
    """A listener that went away does not end what it had accepted."""
    with connect(proxy) as sock:
        sock.sendall(b"1")
        first = read_all(sock, 1)
        proxy.refuse()
        sock.sendall(b"2")

        assert (first, read_all(sock, 1)) == (b"1", b"2")


def test_a_frozen_line_holds_everything_until_it_thaws(
    echo: Any, proxy: FaultProxy
) -> None:
    """Nothing is lost by a freeze, and nothing moves during it."""
    with connect(proxy) as sock:
        sock.sendall(b"1")
        read_all(sock, 1)
        proxy.freeze()
        sock.settimeout(0.05)
        sock.sendall(b"2")
        with pytest.raises(TimeoutError):
            sock.recv(1)
        during = list(echo.received)
        proxy.thaw()
        sock.settimeout(5)

        assert read_all(sock, 1) == b"2"
    assert during == [b"1"]


def test_all_connections_can_be_cut_at_once(proxy: FaultProxy) -> None:
    """As when a load balancer restarts."""
    with connect(proxy) as one, connect(proxy) as two:
        for sock in (one, two):
            sock.sendall(b"1")
            read_all(sock, 1)
        cut = proxy.cut_all()

        assert cut == 2
        for sock in (one, two):
            with pytest.raises(ConnectionResetError):
                sock.recv(1)


def test_a_fault_fires_at_the_nth_fitting_message(proxy: FaultProxy) -> None:
    """Messages are counted over all connections, if they fit."""
    fault = proxy.add("rst", at=3, match=lambda data: data.startswith(b"h"))

    answers = [talk(proxy), talk(proxy)]
    with pytest.raises(ConnectionResetError):
        talk(proxy)
    answers.append(talk(proxy))

    assert answers == [HELLO] * 3
    assert (fault.seen, fault.fired) == (4, 1)


def test_both_directions_can_be_counted_as_one(proxy: FaultProxy) -> None:
    """A sweep over wire points counts what goes up and what comes down."""
    proxy.add("rst_after_reply", direction="both", at=2)

    with pytest.raises(ConnectionResetError):
        talk(proxy)

    assert [fired.direction for fired in proxy.fired] == ["down"]


def test_the_first_fault_added_wins(proxy: FaultProxy) -> None:
    """One message suffers one fault; the next one is for the next message."""
    proxy.add(Fault("dup"))
    proxy.add(Fault("rst"))

    first = talk(proxy, 2 * len(HELLO))
    with pytest.raises(ConnectionResetError):
        talk(proxy)

    assert first == HELLO * 2


def test_the_log_says_what_fired_where(proxy: FaultProxy) -> None:
    """A failing run can be read afterwards."""
    proxy.add("cut:0")
    talk(proxy)

    (fired,) = proxy.fired
    assert (fired.kind, fired.connection, fired.direction) == ("cut", 1, "up")
    assert fired.head == HELLO


def test_cleared_faults_do_not_fire(proxy: FaultProxy) -> None:
    """Clearing ends the bad times."""
    proxy.add("rst", times=None)
    proxy.clear()

    assert talk(proxy) == HELLO


def test_an_unreachable_target_is_a_reset_and_noted() -> None:
    """The client sees a broken line; the test can see why."""
    with FaultProxy(free_port()) as proxy:
        with pytest.raises(ConnectionError):
            talk(proxy)

        assert [type(e) for e in proxy.target_errors] == [ConnectionRefusedError]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no UNIX sockets here")
def test_the_target_may_be_a_unix_socket(tmp_path: Path) -> None:
    """Engines that listen on a path can be disturbed too."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with FaultProxy(path) as proxy, connect(proxy) as client:
            client.sendall(b"1")
            server, _ = listener.accept()
            with server:
                assert server.recv(1) == b"1"


def test_stopping_leaves_no_thread_behind(echo: Any) -> None:
    """Frozen, delayed and idle connections all end with the proxy."""
    before = set(threading.enumerate())
    proxy = FaultProxy(echo.port).start()
    proxy.add("delay:60")
    with connect(proxy) as delayed, connect(proxy):
        delayed.sendall(HELLO)
        proxy.wait_for_fired()
        proxy.freeze()
        proxy.stop()
        left = {t for t in threading.enumerate() if "fault" in t.name} - before

        assert left == set()
        assert delayed.recv(1) == b""


def test_a_proxy_runs_once_at_a_time(proxy: FaultProxy) -> None:
    """Starting twice would leak the first listener."""
    with pytest.raises(RuntimeError, match="already running"):
        proxy.start()


def test_a_stopped_proxy_has_no_port() -> None:
    """Asking for it says what to do."""
    with pytest.raises(RuntimeError, match="context manager"):
        _ = FaultProxy(1).port


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("explode", {}, "unknown fault 'explode'"),
        ("cut", {"amount": 0}, "multiple values"),
        ("cut:x", {}, "must be a number"),
        ("cut:-1", {}, "needs an amount"),
        ("slice", {}, "bytes a piece"),
        ("delay", {}, "seconds"),
        ("rst:3", {}, "takes no amount"),
        ("rst", {"at": 0}, "count from 1"),
        ("rst", {"times": 0}, "count from 1"),
        ("rst", {"direction": "left"}, "up, down or both"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    text: str, options: dict[str, Any], message: str
) -> None:
    """A typo in a test must not turn into a fault that never fires."""
    with pytest.raises((ValueError, TypeError), match=message):
        Fault.parse(text, **options)
