"""What the SMS client says where no answer came, and what it keeps to itself."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import anyio
import httpx2
import pytest

from examples.critical_buttons.sms.provider import (
    NotSent,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUncertain,
    SmsMessage,
)
from examples.critical_buttons.sms.twilio import TwilioClient
from tests.app.simulated import FROM, PATIENCE, TO, with_more_patience
from tests.app.sms_clients import (
    ACCOUNT,
    MESSAGE,
    MOMENT,
    TOKEN,
    TOLD,
    answering,
    created,
    fake,
)


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (httpx2.ConnectError("x"), NotSent),
        (httpx2.ConnectTimeout("x"), NotSent),
        (httpx2.PoolTimeout("x"), NotSent),
        (httpx2.ReadTimeout("x"), ProviderUncertain),
        (httpx2.WriteTimeout("x"), ProviderUncertain),
        (httpx2.ReadError("x"), ProviderUncertain),
        (httpx2.WriteError("x"), ProviderUncertain),
        (httpx2.CloseError("x"), ProviderUncertain),
        (httpx2.RemoteProtocolError("x"), ProviderUncertain),
        (httpx2.LocalProtocolError("x"), ProviderUncertain),
        (httpx2.ProxyError("x"), ProviderUncertain),
        (httpx2.DecodingError("x"), ProviderUncertain),
    ],
)
async def test_only_what_comes_before_the_request_is_not_sent(
    raised: Exception, error: type[Exception]
) -> None:
    """A request that was half written may have been read."""

    def handle(_: httpx2.Request) -> httpx2.Response:
        raise raised

    async with fake(httpx2.MockTransport(handle)) as client:
        with pytest.raises(error) as caught:
            await client.send(MESSAGE, timeout=60)

    assert type(caught.value) is error


class RawServer:
    """Answers each connection with the same bytes, and then closes it or waits.

    Args:
        reply: What it says after it has read a request.
        reset: Whether it resets the connection.
        stay: Whether it leaves the connection open.
    """

    def __init__(
        self, reply: bytes = b"", *, reset: bool = False, stay: bool = False
    ) -> None:
        self.requests: queue.Queue[bytes] = queue.Queue()
        self._reply, self._reset, self._stay = reply, reset, stay
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            got = connection.recv(65_536)
            if not got:
                connection.close()
                return
            self.requests.put(got)
            with suppress(OSError):  # it has heard enough
                connection.sendall(self._reply)
            if self._stay:
                self._open.append(connection)
                continue
            if self._reset:
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A connection that says nothing ends it.
        socket.create_connection(self._socket.getsockname()).close()
        self._thread.join(PATIENCE)
        for connection in (*self._open, self._socket):
            connection.close()


def reply(status: int, length: int, body: str = "", *headers: str) -> bytes:
    """Return a raw HTTP answer that promises *length* bytes."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", *headers, "", body]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("server", "error"),
    [
        ({"reply": b""}, ProviderUncertain),
        ({"reply": b"", "reset": True}, ProviderUncertain),
        ({"reply": b"HTTP/1.1 2"}, ProviderUncertain),
        ({"reply": b"HTTP/1.1 2", "stay": True}, ProviderUncertain),
        ({"reply": b"SMTP ready\r\n\r\n"}, ProviderUncertain),
        ({"reply": reply(201, 100, '{"sid": "SM1"')}, ProviderUncertain),
        ({"reply": reply(201, 100, '{"sid": "SM1"'), "stay": True}, ProviderUncertain),
        ({"reply": reply(201, 9_000_000, "x" * 5_000_000)}, ProviderUncertain),
        ({"reply": reply(429, 100, "{"), "stay": True}, NotSent),
        ({"reply": reply(400, 100, "{")}, ProviderRejected),
        ({"reply": reply(401, 100, "{"), "stay": True}, ProviderMisconfigured),
        ({"reply": reply(302, 0, "", "Location: /elsewhere")}, ProviderUncertain),
        ({"reply": reply(307, 0, "", "Location: /elsewhere")}, ProviderUncertain),
    ],
)
async def test_an_answer_that_breaks_off_is_judged_by_what_came(
    server: dict[str, Any], error: type[Exception]
) -> None:
    """A status says enough; a redirect is not followed, nothing is asked twice."""

    async def once(seconds: float) -> tuple[type[Exception], int]:
        with RawServer(**server) as raw:
            async with TwilioClient(raw.url, ACCOUNT, TOKEN, FROM) as client:
                with pytest.raises(TOLD) as caught:
                    await client.send(MESSAGE, timeout=seconds)
            return type(caught.value), raw.requests.qsize()

    assert await with_more_patience(once, (error, 1)) == (error, 1)


@contextmanager
def deaf() -> Iterator[str]:
    """Yield the URL of a port whose queue of connections is full."""
    with socket.socket() as listener, socket.socket() as one, socket.socket() as two:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (one, two):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_deadline_that_ends_while_connecting_is_not_sent() -> None:
    """No byte has left: the connection was never made."""
    with deaf() as url:
        async with TwilioClient(url, ACCOUNT, TOKEN, FROM) as client:
            with pytest.raises(NotSent):
                await client.send(MESSAGE, timeout=0.3)


async def test_a_deadline_on_a_transport_that_tells_nothing_is_uncertain() -> None:
    """Not having seen the request leave proves nothing."""

    class Silent(httpx2.AsyncBaseTransport):
        async def handle_async_request(
            self, request: httpx2.Request
        ) -> httpx2.Response:
            await anyio.sleep_forever()
            raise AssertionError

    async with fake(Silent()) as client:
        with pytest.raises(ProviderUncertain):
            await client.send(MESSAGE, timeout=0.1)


@pytest.mark.parametrize("left", [0.0, -1.0])
async def test_without_time_left_nothing_is_asked(left: float) -> None:
    """A deadline that is over is certain."""

    def handle(_: httpx2.Request) -> httpx2.Response:
        raise AssertionError("it was asked")

    async with fake(httpx2.MockTransport(handle)) as client:
        with pytest.raises(NotSent):
            await client.send(MESSAGE, timeout=left)


async def test_a_closed_client_sends_nothing() -> None:
    """And says so."""
    client = answering(201, created())
    await client.aclose()

    with pytest.raises(NotSent):
        await client.send(MESSAGE, timeout=1)


async def test_a_cancelled_send_is_cancelled() -> None:
    """It is the caller who knows what cancelling means."""
    with RawServer(stay=True) as raw:
        async with TwilioClient(raw.url, ACCOUNT, TOKEN, FROM) as client:
            with anyio.move_on_after(0.2) as scope:
                await client.send(MESSAGE, timeout=30)

    assert scope.cancelled_caught


CANARY = "+12025550183"
SECRET = "Your PIN: 4711"


@pytest.mark.parametrize(
    "answer",
    [
        (400, f'{{"code": 21211, "message": "Invalid To {CANARY} {SECRET}"}}'),
        (201, f'{{"sid": "{CANARY} {SECRET}"}}'),
        (201, f'"{CANARY} {SECRET}'),
        (500, f"{CANARY} {SECRET}"),
        (429, f"{CANARY} {SECRET}"),
        (401, f"{CANARY} {SECRET}"),
    ],
)
async def test_no_error_and_no_log_names_a_number_a_text_or_the_token(
    answer: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the message, nor in the facts, nor in the chain of causes."""
    status, text = answer
    caplog.set_level(logging.DEBUG)
    raw = reply(status, len(text), text)
    with RawServer(raw) as server:
        async with TwilioClient(server.url, ACCOUNT, TOKEN, FROM) as client:
            with pytest.raises(Exception) as caught:
                await client.send(SmsMessage(CANARY, SECRET), timeout=60)
            with pytest.raises(Exception) as not_found:
                await client.find(SmsMessage(CANARY, SECRET), MOMENT, timeout=60)
        shown = "".join(
            "".join(traceback.format_exception(each)) + repr(vars(each))
            for each in (caught.value, not_found.value)
        )

    for secret in (CANARY, CANARY[1:], SECRET, SECRET[-4:], TOKEN):
        assert secret not in shown + caplog.text + repr(client)


async def test_half_a_character_is_refused_before_anything_is_sent() -> None:
    """And the error does not carry the text along."""
    async with answering(201, created()) as client:
        with pytest.raises(ProviderRejected) as caught:
            await client.send(SmsMessage(TO, SECRET + "\ud800"), timeout=60)

    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def test_a_message_does_not_print_itself() -> None:
    """A repr ends up in a log sooner or later."""
    shown = repr(SmsMessage(CANARY, SECRET))

    assert CANARY not in shown
    assert SECRET not in shown
