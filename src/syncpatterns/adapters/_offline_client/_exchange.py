"""One request over a wrapped client, with its answer read up to a limit."""

from __future__ import annotations

import logging
import re
from typing import Any, Final
from uuid import UUID

from syncpatterns._functions import is_async
from syncpatterns._loops import Loop, current_loop
from syncpatterns.adapters._offline_client._lines import Base, Line
from syncpatterns.adapters._offline_client._problems import (
    READ,
    Unread,
    is_problem,
    problem_of,
)
from syncpatterns.adapters._offline_client._reply import Answer, is_done
from syncpatterns.adapters._offline_client._request import HttpRequest
from syncpatterns.clock import Clock
from syncpatterns.errors import KeyInvalid, NoAnswer, NotExecuted, NotSent
from syncpatterns.offline_queue import ItemContext

_log = logging.getLogger("syncpatterns.offline_queue")

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
#: What httpx2 and httpx raise before a byte of the request has left.
_NEVER_LEFT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_PHASES: Final = ("connect", "read", "write", "pool")


def checked_key(key: object) -> str:
    """Return *key* as text, if a header can carry it.

    Raises:
        KeyInvalid: It cannot.
    """
    text = str(key) if isinstance(key, str | UUID | int) else ""
    if not _KEY.fullmatch(text):
        raise KeyInvalid("A key that is sent over HTTP is 1 to 255 of visible ASCII.")
    return text


def key_header(key: str) -> str:
    """Return *key* as it stands in the header: bare, or quoted (RFC 8941)."""
    checked_key(key)
    if re.search(r"[,\"\\]", key):
        return '"' + re.sub(r"([\"\\])", r"\\\1", key) + '"'
    return key


def delivery_headers(request: HttpRequest, ctx: ItemContext) -> dict[str, str]:
    """Return what one delivery of *request* says: what is kept, key, and ages.

    ``Idempotency-Age`` counts from the first delivery that may have arrived:
    whoever executes it needs it to know whether the key may be forgotten. It is
    absent where nothing can have arrived before. ``Idempotency-Waited`` counts
    from when the person acted; it decides nothing and is for records: an action
    that never left for three days has no age, but was wished for three days ago.
    """
    headers = {**request.headers, "idempotency-key": key_header(ctx.key)}
    if request.json is not None:
        headers.setdefault("content-type", "application/json")
    headers.setdefault("accept", "application/json")
    age, waited = int(ctx.age), int(ctx.waited)
    if age > 0 and ctx.deliveries > 1:
        headers["idempotency-age"] = str(age)
    if waited > 0:
        headers["idempotency-waited"] = str(waited)
    return headers


class Exchanges:
    """Makes requests over one wrapped client.

    Args:
        client: An httpx2 or httpx client.
        base: Where it sends to.
        limit: Most bytes of an answer that are kept.
        clock: Bounds the reading of an answer that drips.
        named: Whether *auth* says who asks.
    """

    def __init__(
        self, client: Any, base: Base, limit: int, clock: Clock, *, named: bool
    ) -> None:
        self.awaited: Final = is_async(getattr(client, "send", None))
        self._client: Final = client
        self._line: Final = Line(client, base, named=named)
        self._limit: Final = limit
        self._clock: Final = clock
        self._loop: Loop | None = None

    def send(
        self,
        request: HttpRequest,
        said: dict[str, str],
        headers: dict[str, str],
        left: float,
    ) -> Answer:
        """Send *request* and read its answer, in *left* seconds for each phase.

        Args:
            request: What is sent.
            said: The headers that say who asks.
            headers: All others.
            left: Seconds.

        Raises:
            Exception: Of the client, where there is no answer.
            TimeoutError: The answer drips.
        """
        made = self._made(request, {**headers, **said}, left)
        until = self._clock.monotonic() + left
        try:
            response = self._client.send(
                made, stream=True, follow_redirects=False, **self._line.sending(said)
            )
        except Exception as error:  # noqa: BLE001 - raised again, but for an answer
            return self._answered(error)
        try:
            body = _Body(self._limit, response)
            for chunk in response.iter_bytes():
                if not body.takes(chunk):
                    break
                self._not_after(until)
            return body.answer()
        except Exception:
            if not is_done(int(response.status_code)):
                raise
            return _without_body(response)
        finally:
            response.close()

    async def asend(
        self,
        request: HttpRequest,
        said: dict[str, str],
        headers: dict[str, str],
        left: float,
    ) -> Answer:
        """Do `send` on an event loop, in *left* seconds for all of it."""
        import anyio  # noqa: PLC0415 - blocking users never pay for the event loop

        self._same_loop()
        made = self._made(request, {**headers, **said}, left)
        response: Any = None
        with anyio.move_on_after(left):
            try:
                response = await self._client.send(
                    made,
                    stream=True,
                    follow_redirects=False,
                    **self._line.sending(said),
                )
            except Exception as error:  # noqa: BLE001 - raised again, as above
                return self._answered(error)
            try:
                body = _Body(self._limit, response)
                async for chunk in response.aiter_bytes():
                    if not body.takes(chunk):
                        break
                return body.answer()
            except Exception:
                if not is_done(int(response.status_code)):
                    raise
                return _without_body(response)
            finally:
                await response.aclose()
        if response is None or not is_done(int(response.status_code)):
            raise TimeoutError("no answer, or not all of it; its time is over")
        return _without_body(response)

    def _made(self, request: HttpRequest, headers: dict[str, str], left: float) -> Any:
        """Return the client's own request, if it goes where it may go.

        Raises:
            ConfigurationError: It would go elsewhere.
            NotExecuted: The caller's deadline is over.
            NotSent: The wrapped client is closed.
        """
        if left <= 0:  # says nothing about the service, as `NotSent` would
            raise NotExecuted("No time is left to send it in; nothing was sent.")
        if getattr(self._client, "is_closed", False) is True:
            # Its own error is none of a line: it would count as a failed attempt,
            # and what waits would be DEAD seconds after the program began to end.
            _log.error(
                "The client that an OfflineClient was made around is closed, so "
                "nothing is sent. Close it after the last drain has ended."
            )
            raise NotSent("The wrapped client is closed; nothing was sent.")
        made = self._line.built(
            request.method,
            request.path,
            content=request.body,
            headers=headers,
            timeout=self._timeout(left),
        )
        return self._line.checked(made, headers)

    def _answered(self, error: Exception) -> Answer:
        """Return the answer that *error* is about: of ``raise_for_status`` in a hook.

        Clients are often given that hook. What it raises is no failure of the line,
        and the same table says what the answer means, as far as it was read: the
        client has closed it, and a problem that nobody read before has lost its type.

        Raises:
            Exception: *error*, where there is no answer in it.
        """
        response: Any = getattr(error, "response", None)
        if response is None or not _is(error, "HTTPStatusError"):
            raise error
        body = _Body(self._limit, response)
        try:
            body.takes(bytes(response.content))
        except Exception:  # noqa: BLE001 - not read, and now it is closed
            return _without_body(response)
        return body.answer()

    def _not_after(self, until: float) -> None:
        if self._clock.monotonic() > until:
            raise TimeoutError("the answer drips; its time is over")

    def _timeout(self, left: float) -> Any:
        """Return the client's time-outs, none above *left*; for the four phases."""
        own = getattr(self._client, "timeout", None)
        given = [getattr(own, phase, None) for phase in _PHASES]
        return tuple(left if each is None else min(each, left) for each in given)

    def _same_loop(self) -> None:
        """Refuse to use an async client on a second event loop.

        Its connections live on the first, and what they raise there would be
        counted against an item that was never sent.

        Raises:
            NotSent: It is another loop.
        """
        loop = current_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            _log.error(
                "An OfflineClient was made around an async client that belongs to "
                "another event loop, so nothing is sent. Drain it on that loop, or "
                "give it a blocking client, which works everywhere."
            )
            raise NotSent(
                "The async client belongs to another event loop; nothing was sent."
            )


class _Body:
    """What is read of an answer's body.

    Args:
        limit: Most bytes that are kept.
        response: The client's own.
    """

    def __init__(self, limit: int, response: Any) -> None:
        self._response = response
        self._headers = _headers(response)
        self._limit = limit
        # A problem's type is looked at however little of bodies is kept.
        named = is_problem(self._headers.get("content-type"))
        self._read = max(limit, READ) if named else limit
        self._bytes = bytearray()
        self._whole = True

    def takes(self, chunk: bytes) -> bool:
        """Take *chunk*; tell whether more is wanted."""
        self._bytes += chunk
        self._whole = len(self._bytes) <= self._read
        return self._whole

    def answer(self) -> Answer:
        """Return the answer with what was read."""
        kept = self._whole and len(self._bytes) <= self._limit
        body = bytes(self._bytes[: self._read])
        return Answer(
            int(self._response.status_code),
            self._headers,
            body if kept else None,
            problem_of(self._headers.get("content-type"), body, whole=self._whole),
        )


def _without_body(response: Any) -> Answer:
    """Return an answer whose body is lost: that there was a problem is still known."""
    headers = _headers(response)
    named = is_problem(headers.get("content-type"))
    lost = Unread.UNREAD if named else None
    return Answer(int(response.status_code), headers, None, lost)


def _headers(response: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in response.headers.items()}


def told(error: Exception, where: str) -> Exception:
    """Return *error* in the words of this library, where it is a client's own.

    An answer whose compression is broken is a `RequestError` and no transport
    error; it came, so the request may have been done.

    Args:
        error: What the client raised.
        where: How the message begins: operation and hash of the key.
    """
    kind = type(error).__name__
    if _is(error, *_NEVER_LEFT):
        return NotSent(f"{where}: nobody is there ({kind}). Nothing was sent.")
    if _is(error, "RequestError") or isinstance(error, TimeoutError):
        return NoAnswer(
            f"{where}: no answer ({kind}). It may have been done; the same key asks "
            "again."
        )
    return error


def _is(error: Exception, *names: str) -> bool:
    """Tell whether *error* is of a class of that name; neither package is imported."""
    return any(each.__name__ in names for each in type(error).__mro__)
