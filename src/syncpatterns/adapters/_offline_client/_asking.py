"""Questions: what changes nothing goes straight on, to where it may go."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from syncpatterns.adapters._offline_client._lines import Base, Line
from syncpatterns.errors import ConfigurationError, NoAnswer

#: Options of a client's ``request`` that say how it is sent, not what.
_SENDING: Final = frozenset({"auth", "follow_redirects"})
_MOST_REDIRECTS: Final = 20


class Questions:
    """Asks over one wrapped client.

    Redirects are followed here and not by the client: it would take along what
    says who asks, all but ``Authorization``, to wherever it is sent.

    Args:
        client: An httpx2 or httpx client.
        base: Where it asks, and nowhere else.
        named: Whether *auth* says who asks.
    """

    def __init__(self, client: Any, base: Base, *, named: bool) -> None:
        self._client: Final = client
        self._named: Final = named
        self._line: Final = Line(client, base, named=named)

    def ask(
        self, method: str, path: str, said: Mapping[str, str], options: dict[str, Any]
    ) -> Any:
        """Return the client's own response.

        Args:
            method: GET, HEAD or OPTIONS.
            path: Below the base.
            said: The headers that say who asks.
            options: As the client's ``request`` takes them.

        Raises:
            ConfigurationError: It would go elsewhere, or says who asks twice.
            Exception: The client's own, also where redirects do not end.
        """
        made, sending, way = self._made(method, path, said, options)
        while True:
            response = self._client.send(made, **sending)
            following = way.on(response)
            if following is None:
                return response
            made = following

    async def aask(
        self, method: str, path: str, said: Mapping[str, str], options: dict[str, Any]
    ) -> Any:
        """Do `ask` on an event loop."""
        made, sending, way = self._made(method, path, said, options)
        while True:
            response = await self._client.send(made, **sending)
            following = way.on(response)
            if following is None:
                return response
            made = following

    def _made(
        self, method: str, path: str, said: Mapping[str, str], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any], _Way]:
        """Return the request, how it is sent, and how its redirects are followed."""
        making = {name: options[name] for name in options if name not in _SENDING}
        if self._named and making.get("cookies"):
            raise ConfigurationError(
                "auth= says who asks, and so the wrapped client's cookies stay behind; "
                "those of cookies= could not be told from them. Give them as a header: "
                'headers={"Cookie": "name=value"}.'
            )
        if "authorization" in said and options.get("auth") is not None:
            raise ConfigurationError(
                "The auth= of this question would be written over the Authorization "
                "that the auth= of the OfflineClient returned: it says twice who asks. "
                "Leave one of them out."
            )
        if making.get("headers") is not None:
            making["headers"] = _twice(making["headers"])
        own = _names(making.get("headers"))
        made = self._line.built(method, path, **making)
        for name, value in said.items():
            made.headers[name] = value  # whatever the case of the one it replaces
        sending = {"follow_redirects": False, **self._line.sending(said)}
        if "auth" in options:
            sending["auth"] = options["auth"]
        follows = options.get("follow_redirects")
        if not isinstance(follows, bool):
            follows = bool(getattr(self._client, "follow_redirects", False))
        made = self._line.checked(made, {*said, *own})
        told = "cookie" in {*said, *own}
        cookie = made.headers.get("cookie") if told else None
        return made, sending, _Way(self._client, self._line, cookie, follows=follows)


class _Way:
    """Where the redirects of one question lead.

    Args:
        client: The wrapped one.
        line: To where it may go.
        cookie: Said for this question; a client takes it out when it is sent on.
        follows: Whether redirects are followed at all.
    """

    def __init__(
        self, client: Any, line: Line, cookie: str | None, *, follows: bool
    ) -> None:
        self._client: Final = client
        self._line: Final = line
        self._cookie: Final = cookie
        self._follows: Final = follows
        self._most: Final = int(getattr(client, "max_redirects", _MOST_REDIRECTS))
        self._history: list[Any] = []

    def on(self, response: Any) -> Any:
        """Return the request that *response* leads to, or None.

        None as well where it leads to another host: whoever asked has the redirect
        itself then, and can decide.

        Raises:
            Exception: The client's own TooManyRedirects.
        """
        following = getattr(response, "next_request", None)
        if self._history:
            response.history = list(self._history)
        if following is None or not self._follows:
            return None
        following = self._line.followed(following)
        if following is None:
            return None
        if len(self._history) >= self._most:
            raise _too_many(self._client, following)
        self._history.append(response)
        if self._cookie is not None and "cookie" not in following.headers:
            following.headers["cookie"] = self._cookie
        return following


def _too_many(client: Any, request: Any) -> Exception:
    """Return what *client* raises where redirects do not end.

    Its package is not imported here, but by whoever made it.
    """
    words = "Exceeded maximum allowed redirects."
    for each in type(client).__mro__:
        package = sys.modules.get(each.__module__.partition(".")[0])
        kind = getattr(package, "TooManyRedirects", None)
        if kind is not None:
            error: Exception = kind(words, request=request)
            return error
    return NoAnswer(words)


def _twice(headers: Any) -> Any:
    """Return *headers* in a form that can be looked at more than once."""
    if isinstance(headers, Mapping):
        return cast("Any", headers)
    return list(headers)


def _names(headers: Any) -> Iterable[str]:
    """Return the names of *headers*, in lower case, in whichever form they come."""
    if headers is None:
        return ()
    if isinstance(headers, Mapping):
        given = cast("Iterable[Any]", headers)
    else:
        given = (pair[0] for pair in cast("Iterable[tuple[Any, Any]]", headers))
    return [
        (name.decode("latin-1") if isinstance(name, bytes) else str(name)).lower()
        for name in given
    ]
