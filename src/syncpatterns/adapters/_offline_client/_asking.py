"""Questions: what changes nothing goes straight on, to where it may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from syncpatterns.adapters._offline_client._lines import Base, Line
from syncpatterns.errors import ConfigurationError

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
        """
        made, sending, most = self._made(method, path, said, options)
        history: list[Any] = []
        while True:
            response = self._client.send(made, **sending)
            following = self._following(response, history, most)
            if following is None:
                return response
            made = following

    async def aask(
        self, method: str, path: str, said: Mapping[str, str], options: dict[str, Any]
    ) -> Any:
        """Do `ask` on an event loop."""
        made, sending, most = self._made(method, path, said, options)
        history: list[Any] = []
        while True:
            response = await self._client.send(made, **sending)
            following = self._following(response, history, most)
            if following is None:
                return response
            made = following

    def _made(
        self, method: str, path: str, said: Mapping[str, str], options: dict[str, Any]
    ) -> tuple[Any, dict[str, Any], int]:
        """Return the request, how it is sent, and how many redirects are followed."""
        making = {name: options[name] for name in options if name not in _SENDING}
        if self._named and making.get("cookies"):
            raise ConfigurationError(
                "auth= says who asks, and so the wrapped client's cookies stay behind; "
                "those of cookies= could not be told from them. Give them as a header: "
                'headers={"Cookie": "name=value"}.'
            )
        own = _names(making.get("headers"))
        made = self._line.built(method, path, **making)
        for name, value in said.items():
            made.headers[name] = value  # whatever the case of the one it replaces
        follows = options.get("follow_redirects")
        if not isinstance(follows, bool):
            follows = getattr(self._client, "follow_redirects", False)
        sending = {"follow_redirects": False, **self._line.sending(said)}
        if "auth" in options:
            sending["auth"] = options["auth"]
        most = int(getattr(self._client, "max_redirects", _MOST_REDIRECTS))
        return self._line.checked(made, {*said, *own}), sending, most if follows else 0

    def _following(self, response: Any, history: list[Any], most: int) -> Any:
        """Return the request that *response* leads to, or None.

        None as well where it leads to another host: whoever asked has the redirect
        itself then, and can decide.
        """
        following = getattr(response, "next_request", None)
        if history:
            response.history = list(history)
        if following is None or len(history) >= most or not self._line.leads(following):
            return None
        history.append(response)
        # A client that was given cookies has put them in.
        return self._line.checked(following, ())


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
