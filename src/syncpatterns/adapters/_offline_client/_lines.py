"""Where a wrapped client sends to, and what of its own goes along."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final, NamedTuple, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from syncpatterns.errors import ConfigurationError

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


class Line:
    """Keeps what a client has made to where it may go.

    Args:
        client: An httpx2 or httpx client.
        base: Where it sends to.
        named: Whether *auth* says who asks.
    """

    def __init__(self, client: Any, base: Base, *, named: bool) -> None:
        self.url: Final = base.url
        self._client: Final = client
        self._origin: Final = base.origin
        self._named: Final = named

    def built(self, method: str, path: str, **options: Any) -> Any:
        """Return the client's own request for *path* below the base.

        Of a client with ``params`` of its own they alone are the query, and what
        was asked for would be left out: the day, the page, the one lead. What the
        request says itself, the client's do not say again: one page is asked for.
        """
        made = self._client.build_request(method, self.url + path, **options)
        asked = path.partition("?")[2]
        own = getattr(self._client, "params", None)
        if asked and own:
            said = {name for name, _ in parse_qsl(asked, keep_blank_values=True)}
            pairs = cast("list[tuple[str, str]]", own.multi_items())
            added = urlencode([pair for pair in pairs if pair[0] not in said])
            # The request's own first, byte for byte as it is kept.
            both = f"{asked}&{added}" if added else asked
            made.url = made.url.copy_with(query=both.encode("ascii"))
        return made

    def checked(self, made: Any, own: Container[str]) -> Any:
        """Return *made*, if it goes where it may go and says only who asks.

        A client keeps the cookies that it is given. Where *auth* says who asks,
        the session of whoever asked before must not go along.

        Args:
            made: The client's own request.
            own: Names of the headers that were said for it, in lower case.

        Raises:
            ConfigurationError: It would go elsewhere.
        """
        if not self.leads(made):
            raise ConfigurationError(
                f"A request to {self.url} would go to another host; it was not sent."
            )
        return self._without_session(made, own)

    def followed(self, following: Any) -> Any:
        """Return *following*, where a redirect leads, if it may be told who asks.

        That is the base's own host and, as the client itself has it, the same host by
        https where the base says http, both at their own ports.

        Returns:
            None: It leads elsewhere.
        """
        scheme, host, port = self._origin
        secure = ("https", host, _PORTS["https"])
        upgrade = scheme == "http" and port == _PORTS["http"]
        known = str(following.url.scheme) in _PORTS
        to_secure = known and upgrade and _origin(following.url) == secure
        if not to_secure and not self.leads(following):
            return None
        return self._without_session(following, ())  # a client has put cookies in

    def _without_session(self, made: Any, own: Container[str]) -> Any:
        if self._named and "cookie" not in own:
            made.headers.pop("cookie", None)
        return made

    def leads(self, made: Any) -> bool:
        """Tell whether *made* goes to the base's own host."""
        return str(made.url.scheme) in _PORTS and _origin(made.url) == self._origin

    def sending(self, said: Mapping[str, str]) -> dict[str, Any]:
        """Return how a request is sent that *said* says who asks.

        A client with an ``auth`` of its own writes that over the header, so that
        the request of one would go with the credentials of another.
        """
        both = "authorization" in said and getattr(self._client, "auth", None)
        return {"auth": None} if both else {}
