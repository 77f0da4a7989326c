"""One request over a wrapped client, with its answer read up to a limit."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit

from syncpatterns._functions import is_async
from syncpatterns._loops import Loop, current_loop
from syncpatterns.adapters._offline_client._reply import Answer, is_done
from syncpatterns.adapters._offline_client._request import OWN, HttpRequest
from syncpatterns.clock import Clock
from syncpatterns.errors import (
    ConfigurationError,
    KeyInvalid,
    NoAnswer,
    NotExecuted,
    NotSent,
    SyncPatternsError,
)
from syncpatterns.offline_queue import ItemContext

_log = logging.getLogger("syncpatterns.offline_queue")

#: Returns the headers that say who asks, for a scope; asked for each request.
Auth: TypeAlias = Callable[[str], "Mapping[str, str] | Awaitable[Mapping[str, str]]"]

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE: Final = re.compile(r"[\x20-\x7e]{0,16384}")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
#: What httpx2 and httpx raise before a byte of the request has left.
_NEVER_LEFT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_PHASES: Final = ("connect", "read", "write", "pool")
#: Options of a client's ``request`` that say how it is sent, not what.
_SENDING: Final = frozenset({"auth", "follow_redirects"})
_PORTS: Final = {"http": 80, "https": 443}


class Base(NamedTuple):
    """Where a client sends to, and nowhere else.

    Args:
        url: Without a slash at its end.
        origin: Scheme, host and port.
    """

    url: str
    origin: tuple[str, str, int]


def base_of(client: Any, given: str | None) -> Base:
    """Return where *client* sends to: *given*, or else its own ``base_url``.

    Raises:
        ConfigurationError: There is none, or it is none to send to.
    """
    text = str(given if given is not None else getattr(client, "base_url", ""))
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        # As the client reads it: of a host it makes the name that is looked up.
        origin = _origin(client.build_request("GET", text).url) if usable else None
    except Exception as error:
        raise ConfigurationError(
            f"base_url={text!r} cannot be used: {error}"
        ) from error
    if origin is None:
        raise ConfigurationError(
            "OfflineClient needs to know where it sends to: give the wrapped client "
            'base_url="https://crm.example", or say base_url= here.'
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "base_url= is scheme, host, port and path alone. Say who you are with "
            "auth=, and what you ask for in each request."
        )
    return Base(text.rstrip("/"), origin)


def _origin(url: Any) -> tuple[str, str, int]:
    host: object = getattr(url, "raw_host", None) or url.host
    name = host.decode("ascii") if isinstance(host, bytes) else str(host)
    return str(url.scheme), name.lower(), url.port or _PORTS[str(url.scheme)]


def checked_key(key: str) -> str:
    """Return *key*, if a header can carry it.

    Raises:
        KeyInvalid: It cannot.
    """
    if not _KEY.fullmatch(key):
        raise KeyInvalid("A key that is sent over HTTP is 1 to 255 of visible ASCII.")
    return key


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
        auth: Says who asks; None: the client itself does.
        limit: Most bytes of an answer that are kept.
        clock: Bounds the reading of an answer that drips.
    """

    def __init__(
        self, client: Any, base: Base, auth: Auth | None, limit: int, clock: Clock
    ) -> None:
        self.base: Final = base
        self.awaited: Final = is_async(getattr(client, "send", None))
        self._client: Final = client
        self._auth: Final = auth
        self._limit: Final = limit
        self._clock: Final = clock
        self._loop: Loop | None = None
        if auth is not None and is_async(auth) and not self.awaited:
            raise ConfigurationError(
                "auth= is async, and the wrapped client is not: nobody could await it. "
                "Give a plain function, or an AsyncClient."
            )

    def who(self, scope: str) -> dict[str, str]:
        """Return the headers that say who asks.

        Raises:
            NotSent: Nobody can say, for now.
            SyncPatternsError: Of *auth* itself, such as `SignInRequired`.
        """
        if self._auth is None:
            return {}
        try:
            return _headers_of(self._auth(scope))
        except SyncPatternsError:
            raise
        except Exception as error:
            raise self._nobody_knows(error) from error

    async def awho(self, scope: str) -> dict[str, str]:
        """Do `who` on an event loop."""
        if self._auth is None:
            return {}
        try:
            said = self._auth(scope)
            if isinstance(said, Awaitable):
                said = await said
            return _headers_of(said)
        except SyncPatternsError:
            raise
        except Exception as error:
            raise self._nobody_knows(error) from error

    def _nobody_knows(self, error: Exception) -> NotSent:
        # Nothing has left, whatever it was that auth= could not do: asked as the
        # time-out that it may be, it would count as "may have been done".
        _log.warning(
            "auth= failed with %s, so nothing was sent to %s.",
            type(error).__name__,
            self.base.url,
        )
        return NotSent(
            f"auth= failed with {type(error).__name__}; nothing was sent. It is asked "
            "again with the next try."
        )

    def send(
        self, request: HttpRequest, headers: dict[str, str], left: float
    ) -> Answer:
        """Send *request* and read its answer, in *left* seconds for each phase.

        Raises:
            Exception: Of the client, where there is no answer.
            TimeoutError: The answer drips.
        """
        made = self._made(request, headers, left)
        until = self._clock.monotonic() + left
        response = self._client.send(made, stream=True, follow_redirects=False)
        try:
            body = _Body(self._limit)
            for chunk in response.iter_bytes():
                if not body.takes(chunk):
                    break
                self._not_after(until)
            return body.answer(response)
        except Exception:
            if not is_done(int(response.status_code)):
                raise
            return _without_body(response)
        finally:
            response.close()

    async def asend(
        self, request: HttpRequest, headers: dict[str, str], left: float
    ) -> Answer:
        """Do `send` on an event loop, in *left* seconds for all of it."""
        import anyio  # noqa: PLC0415 - blocking users never pay for the event loop

        self._same_loop()
        made = self._made(request, headers, left)
        with anyio.fail_after(left):
            response = await self._client.send(
                made, stream=True, follow_redirects=False
            )
            try:
                body = _Body(self._limit)
                async for chunk in response.aiter_bytes():
                    if not body.takes(chunk):
                        break
                return body.answer(response)
            except Exception:
                if not is_done(int(response.status_code)):
                    raise
                return _without_body(response)
            finally:
                await response.aclose()

    def _made(self, request: HttpRequest, headers: dict[str, str], left: float) -> Any:
        """Return the client's own request, if it goes where it may go.

        Raises:
            ConfigurationError: It would go elsewhere.
            NotExecuted: The caller's deadline is over.
        """
        if left <= 0:  # says nothing about the service, as `NotSent` would
            raise NotExecuted("No time is left to send it in; nothing was sent.")
        made = self._client.build_request(
            request.method,
            self.base.url + request.path,
            content=request.body,
            headers=headers,
            timeout=self._timeout(left),
        )
        return self._checked(made, headers)

    def question(
        self, method: str, path: str, said: dict[str, str], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the client's own request for a question, and how it is sent.

        Args:
            method: GET, HEAD or OPTIONS.
            path: Below the base.
            said: The headers that say who asks.
            options: As the client's ``request`` takes them.
        """
        sending = {name: options[name] for name in _SENDING if name in options}
        making = {name: options[name] for name in options if name not in _SENDING}
        headers = {**making.pop("headers", {}), **said}
        made = self._client.build_request(
            method, self.base.url + path, headers=headers, **making
        )
        return self._checked(made, headers), sending

    def _checked(self, made: Any, headers: Mapping[str, str]) -> Any:
        """Return *made*, if it goes where it may go and says only who asks.

        A client keeps the cookies that it is given. Where *auth* says who asks,
        the session of whoever asked before must not go along.

        Raises:
            ConfigurationError: It would go elsewhere.
        """
        if _origin(made.url) != self.base.origin:
            raise ConfigurationError(
                f"A request to {self.base.url} would go to another host; it was not "
                "sent."
            )
        if self._auth is not None and "cookie" not in map(str.lower, headers):
            made.headers.pop("cookie", None)
        return made

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
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._whole = True

    def takes(self, chunk: bytes) -> bool:
        self._bytes += chunk
        self._whole = len(self._bytes) <= self._limit
        return self._whole

    def answer(self, response: Any) -> Answer:
        body = bytes(self._bytes) if self._whole else None
        return Answer(int(response.status_code), _headers(response), body)


def _without_body(response: Any) -> Answer:
    """Return an answer that broke off, where its status alone says enough.

    Only a success does: a 409 whose body is lost could be "in progress" as well
    as a refusal, so there the same key asks again.
    """
    return Answer(int(response.status_code), _headers(response), None)


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
    names = {each.__name__ for each in type(error).__mro__}
    kind = type(error).__name__
    if names & _NEVER_LEFT:
        return NotSent(f"{where}: nobody is there ({kind}). Nothing was sent.")
    if "RequestError" in names or isinstance(error, TimeoutError):
        return NoAnswer(
            f"{where}: no answer ({kind}). It may have been done; the same key asks "
            "again."
        )
    return error


def _headers_of(said: object) -> dict[str, str]:
    """Return the headers that *auth* gave.

    Raises:
        TypeError: It gave something else.
    """
    if not isinstance(said, Mapping):
        raise TypeError(f"auth= returns headers, not a {type(said).__name__}")
    given = cast("Mapping[Any, Any]", said)  # type: ignore[redundant-cast]  # pyright: of unknown things
    headers: dict[str, str] = {}
    for name, value in given.items():
        text = isinstance(name, str) and isinstance(value, str)
        if not text or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise TypeError("auth= returned a header that cannot be sent")
        if name.lower() in OWN:
            raise TypeError(f"auth= returned {name}, which the client sets itself")
        headers[name.lower()] = value
    return headers
