"""Ways to find out whether a target is back, without sending it an item.

A probe is asked while its target is offline, at 1, 2, 4 .. 30 s. It answers
yes or no within its time-out and raises nothing; what it meets on the way
counts as no.
"""

from __future__ import annotations

import http.client
import inspect
import logging
import math
import re
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast
from urllib.parse import SplitResult, urlsplit

from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._reaching._witnesses import Gate, Probe

_log = logging.getLogger("syncpatterns.offline_queue")

_SERVER_ERROR: Final = 500
_PRINTABLE: Final = re.compile(r"[!-~]+")


class _Asked(ABC):
    """A probe whose question blocks: it is asked on a thread of its own.

    A time-out of the socket alone would not bound it: looking up a name has
    none, and a server that sends a byte now and then starts it anew each time.
    """

    def __init__(self, timeout: float) -> None:
        given: object = timeout
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not number or not 0 < timeout < math.inf:
            raise ConfigurationError(
                f"timeout={timeout!r} must be a positive number of seconds."
            )
        self.timeout = timeout

    @abstractmethod
    def _ask(self) -> bool:
        """Ask, for as long as it takes; anything raised is a no."""

    def probe(self) -> bool:
        """Answer on this thread, within the time-out."""
        said: list[bool] = []

        def ask() -> None:
            said.append(self._asked())

        thread = threading.Thread(target=ask, name="syncpatterns-probe", daemon=True)
        thread.start()
        thread.join(self.timeout)
        return bool(said and said[0])

    async def aprobe(self) -> bool:
        """Answer on the running event loop, within the time-out."""
        return await _on_a_thread(self._asked, self.timeout)

    def _asked(self) -> bool:
        try:
            return self._ask()
        except (OSError, http.client.HTTPException, ValueError) as error:
            _log.debug("%r found nobody: %s", self, type(error).__name__)
            return False
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a client's own errors are no answer
            _log.warning("%r failed with %s: %s", self, type(error).__name__, error)
            return False


class HTTPProbe(_Asked):
    """Asks *url* with GET; any answer below 500 says that somebody is there.

    Redirects are not followed, and the body is not read.

    Args:
        url: An address that is cheap to ask, such as a health page.
        client: An httpx2 or httpx client, blocking or async, or anything with
            ``get(url)`` whose answer has a `status_code`; None uses the
            standard library on a thread. It brings its own proxies, headers
            and certificates. A blocking worker needs a blocking one.
        timeout: Seconds after which it is taken as no.

    Raises:
        ConfigurationError: *url* is no http or https address or names a user,
            or *timeout* is not positive.
    """

    def __init__(self, url: str, *, client: Any = None, timeout: float = 5.0) -> None:
        super().__init__(timeout)
        parts = _parts_of(url)
        if client is not None and not callable(getattr(client, "get", None)):
            raise ConfigurationError(
                f"client={client!r} has no get(url); pass an httpx2 or httpx client."
            )
        self.url = url
        self._parts = parts
        self._client: Any = client
        self._awaited = inspect.iscoroutinefunction(getattr(client, "get", None))

    def __repr__(self) -> str:
        # For the log: a token may be part of the query, and has no business there.
        shown = self._parts._replace(query="", fragment="").geturl()
        return f"HTTPProbe({shown!r})"

    def probe(self) -> bool:
        """Answer on this thread, within the time-out.

        Raises:
            ConfigurationError: The client is async.
        """
        if self._awaited:
            raise ConfigurationError(
                f"{self!r} has an async client, and a blocking worker asks it; give "
                "it a blocking client, or none."
            )
        return super().probe()

    async def aprobe(self) -> bool:
        """Answer on the running event loop, within the time-out."""
        if self._awaited:
            return await _awaited(self._aget, self.timeout, self)
        return await super().aprobe()

    def _ask(self) -> bool:
        if self._client is not None:
            return int(self._client.get(self.url).status_code) < _SERVER_ERROR
        parts = self._parts
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status < _SERVER_ERROR
        finally:
            connection.close()

    async def _aget(self) -> bool:
        answer = await self._client.get(self.url)
        return int(answer.status_code) < _SERVER_ERROR


def _parts_of(url: str) -> SplitResult:
    if not isinstance(cast("object", url), str) or not _PRINTABLE.fullmatch(url):
        raise ConfigurationError(
            "HTTPProbe(url) needs an address of printable ASCII characters without "
            "spaces; percent-encode the others."
        )
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError as error:
        raise ConfigurationError(f"HTTPProbe(url): {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"HTTPProbe({url!r}) needs an address such as http://127.0.0.1/health."
        )
    if parts.username is not None:
        raise ConfigurationError(
            "HTTPProbe(url) names a user, which would be shown in logs; pass "
            "client= that signs in, or ask an address that needs no user."
        )
    return parts


class TCPProbe(_Asked):
    """Opens a connection to *host* and *port* and closes it.

    Args:
        host: Name or address.
        port: Number of the port.
        timeout: Seconds after which it is taken as no.

    Raises:
        ConfigurationError: *port* is none, or *timeout* is not positive.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 5.0) -> None:
        super().__init__(timeout)
        given: object = host
        if (
            not isinstance(given, str)
            or not host
            or type(port) is not int
            or not 0 < port < 1 << 16
        ):
            raise ConfigurationError(f"TCPProbe({host!r}, {port!r}) names no port.")
        self.host = host
        self.port = port

    def __repr__(self) -> str:
        return f"TCPProbe({self.host!r}, {self.port})"

    def _ask(self) -> bool:
        socket.create_connection((self.host, self.port), self.timeout).close()
        return True


class BreakerProbe:
    """Asks a breaker whether it would let a call through; costs nothing.

    Args:
        breaker: A `syncpatterns.CircuitBreaker`.
    """

    def __init__(self, breaker: Gate) -> None:
        if not hasattr(breaker, "retry_after"):
            raise ConfigurationError(
                f"BreakerProbe({breaker!r}) needs a syncpatterns.CircuitBreaker."
            )
        self._breaker = breaker

    def __repr__(self) -> str:
        return f"BreakerProbe({self._breaker!r})"

    def probe(self) -> bool:
        """Tell whether it would let a call through."""
        return self._breaker.retry_after <= 0

    async def aprobe(self) -> bool:
        """Do `probe`."""
        return self.probe()


class CallbackProbe(_Asked):
    """Asks a function; whatever it raises counts as no.

    Args:
        ask: Returns whether the target is there. A blocking one runs on a
            thread. A blocking worker runs an async one in a loop of its own.
        timeout: Seconds after which it is taken as no.

    Raises:
        ConfigurationError: *ask* cannot be called, or *timeout* is not positive.
    """

    def __init__(
        self, ask: Callable[[], bool | Awaitable[bool]], *, timeout: float = 5.0
    ) -> None:
        super().__init__(timeout)
        if not callable(cast("object", ask)):
            raise ConfigurationError(f"CallbackProbe({ask!r}) needs a function.")
        self._function = ask

    def __repr__(self) -> str:
        name = getattr(self._function, "__qualname__", repr(self._function))
        return f"CallbackProbe({name})"

    async def aprobe(self) -> bool:
        """Answer on the running event loop, within the time-out."""
        if inspect.iscoroutinefunction(self._function):
            return await _awaited(self._function, self.timeout, self)
        return await super().aprobe()

    def _ask(self) -> bool:
        import anyio  # noqa: PLC0415 - blocking users never pay for the event loop

        answer = self._function()
        if not inspect.isawaitable(answer):
            return bool(answer)

        async def wait() -> bool:
            return bool(await answer)

        return anyio.run(wait)


class _Several:
    def __init__(self, name: str, probes: tuple[Probe, ...]) -> None:
        if not probes:
            raise ConfigurationError(f"{name}() needs at least one probe.")
        for each in cast("tuple[object, ...]", probes):
            if not isinstance(each, Probe) or isinstance(each, type):
                raise ConfigurationError(
                    f"{name}() got {each!r}, which is no probe: it needs probe() and "
                    "aprobe(). Wrap a function in CallbackProbe."
                )
        self._name = name
        self._probes = probes

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(repr(each) for each in self._probes)})"


class _Any(_Several):
    def probe(self) -> bool:
        return any(each.probe() for each in self._probes)

    async def aprobe(self) -> bool:
        for each in self._probes:
            if await each.aprobe():
                return True
        return False


class _All(_Several):
    def probe(self) -> bool:
        return all(each.probe() for each in self._probes)

    async def aprobe(self) -> bool:
        for each in self._probes:
            if not await each.aprobe():
                return False
        return True


def any_of(*probes: Probe) -> Probe:
    """Return a probe that asks one after the other until one says yes.

    Raises:
        ConfigurationError: There is none, or something is no probe.
    """
    return _Any("any_of", probes)


def all_of(*probes: Probe) -> Probe:
    """Return a probe that asks one after the other until one says no.

    Raises:
        ConfigurationError: There is none, or something is no probe.
    """
    return _All("all_of", probes)


async def _on_a_thread(ask: Callable[[], bool], seconds: float) -> bool:
    import anyio  # noqa: PLC0415 - blocking users never pay for the event loop
    from anyio.to_thread import run_sync  # noqa: PLC0415 - as above

    with anyio.move_on_after(seconds):
        limiter = anyio.CapacityLimiter(1)  # a question that hangs holds up no other
        return await run_sync(ask, abandon_on_cancel=True, limiter=limiter)
    return False


async def _awaited(
    ask: Callable[[], Awaitable[Any]], seconds: float, probe: object
) -> bool:
    import anyio  # noqa: PLC0415 - blocking users never pay for the event loop

    try:
        with anyio.move_on_after(seconds):
            return bool(await ask())
    # A library that takes itself for a program would end the drain, and the next.
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever happened, nobody answered
        _log.debug("%r found nobody: %s", probe, type(error).__name__)
    return False
