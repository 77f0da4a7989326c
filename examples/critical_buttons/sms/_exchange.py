"""One HTTP request and its answer, and what is known where there is none."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import anyio
import httpx2

from examples.critical_buttons.sms.answers import Answer

_MAX_ANSWER: Final = 4 * 1024 * 1024
#: What `httpx2` raises before a byte of the request has left.
_NOT_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class Lost(Exception):
    """There is no answer.

    Args:
        kind: What happened, in one word; free of personal data.
        certainly_not_sent: Whether no byte of the request can have left.
    """

    def __init__(self, kind: str, *, certainly_not_sent: bool) -> None:
        super().__init__(kind)
        self.certainly_not_sent = certainly_not_sent


class Exchange:
    """Makes requests for one account.

    The transport is used without a client around it: a client follows cookies
    and logs each URL, and the URL of a list names a phone number.

    Args:
        credentials: Account and token.
        transport: Instead of the network.
    """

    def __init__(
        self,
        credentials: tuple[str, str],
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        basic = base64.b64encode(":".join(credentials).encode()).decode("ascii")
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": f"Basic {basic}",
            "User-Agent": "syncpatterns-critical-buttons",
        }
        self._transport = transport
        self._closed = False

    def open(self) -> httpx2.AsyncBaseTransport:
        """Return the transport, made on first use.

        Raises:
            Lost: It was closed.
        """
        if self._closed:
            raise Lost("Closed", certainly_not_sent=True)
        if self._transport is None:
            self._transport = httpx2.AsyncHTTPTransport(
                limits=httpx2.Limits(max_keepalive_connections=0)
            )
        return self._transport

    async def aclose(self) -> None:
        """Close the transport."""
        self._closed = True
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        timeout: float,  # noqa: ASYNC109 - what is left of the caller's deadline
        *,
        content: bytes | None = None,
    ) -> Answer:
        """Make one request.

        Args:
            method: GET or POST.
            url: The whole URL.
            timeout: Seconds for all of it, the last byte of the answer included:
                one that drips would outlast every time-out of a single read.
            content: A form.

        Raises:
            Lost: There is no answer.
        """
        transport = self.open()
        progress = _Progress()
        headers = dict(self._headers)
        if content is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = httpx2.Request(
            method,
            url,
            headers=headers,
            content=content,
            extensions={
                "timeout": httpx2.Timeout(timeout).as_dict(),
                "trace": progress.note,
            },
        )
        response: httpx2.Response | None = None
        try:
            with anyio.fail_after(timeout):
                response = await transport.handle_async_request(request)
                return _answer(response, await _body(response))
        except _NOT_SENT as error:
            raise Lost(type(error).__name__, certainly_not_sent=True) from None
        except TimeoutError:
            if response is not None:
                return _answer(response, None)
            raise Lost("Timeout", certainly_not_sent=progress.connecting) from None
        except httpx2.HTTPError as error:
            raise Lost(type(error).__name__, certainly_not_sent=False) from None


class _Progress:
    """How far a request has come, as httpx2's trace extension tells it.

    Only a connection attempt that was seen to begin, and no request after it,
    proves that nothing left. A transport that tells nothing proves nothing.
    """

    def __init__(self) -> None:
        self.connecting = False

    async def note(self, event: str, _: Mapping[str, Any]) -> None:
        if event.endswith("connect_tcp.started"):
            self.connecting = True
        elif event.endswith("send_request_headers.started"):
            self.connecting = False


async def _body(response: httpx2.Response) -> bytes | None:
    """Return the body; None if it broke off or is too long, the status says enough.

    One that is too long is read on, to nowhere, until it or the deadline ends:
    httpx2's streams are generators in generators, which are closed for certain
    only by coming to their end or by an exception from within.
    """
    body: bytearray | None = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            if body is not None:
                body += chunk
                body = body if len(body) <= _MAX_ANSWER else None
    except httpx2.HTTPError:
        return None
    finally:
        await response.aclose()
    return None if body is None else bytes(body)


def _answer(response: httpx2.Response, body: bytes | None) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, body)
