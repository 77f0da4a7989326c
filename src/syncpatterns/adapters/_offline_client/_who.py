"""Who asks: headers that are made when a request is sent, and never kept."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from syncpatterns._functions import is_async
from syncpatterns.adapters._offline_client._request import OWN, VALUE
from syncpatterns.errors import ConfigurationError, NotSent, SyncPatternsError

_log = logging.getLogger("syncpatterns.offline_queue")

#: Returns the headers that say who asks, for a scope; asked for each request.
Auth: TypeAlias = Callable[[str], "Mapping[str, str] | Awaitable[Mapping[str, str]]"]

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_LONGEST: Final = 16384


class _Unfit(TypeError):
    """What *auth* returned cannot be sent; says which header, never its value."""


class Who:
    """Asks *auth* who asks.

    Args:
        auth: None: the wrapped client says it.
        where: Where requests go to, for the log.
        awaited: The wrapped client is async.
    """

    def __init__(self, auth: Auth | None, where: str, *, awaited: bool) -> None:
        self.asked: Final = auth is not None
        self._auth: Final = auth
        self._where: Final = where
        if auth is not None and not callable(cast("object", auth)):
            raise ConfigurationError(
                "auth= takes a function of the scope that returns headers, such as "
                'lambda scope: {"Authorization": token_of(scope)}. Headers that never '
                "change are the wrapped client's own."
            )
        if auth is not None and is_async(auth) and not awaited:
            raise ConfigurationError(
                "auth= is async, and the wrapped client is not: nobody could await it. "
                "Give a plain function, or an AsyncClient."
            )

    def headers(self, scope: str) -> dict[str, str]:
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

    async def aheaders(self, scope: str) -> dict[str, str]:
        """Do `headers` on an event loop."""
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
        why = f": {error}" if isinstance(error, _Unfit) else ""
        kind = "TypeError" if why else type(error).__name__
        _log.warning(
            "auth= failed with %s, so nothing was sent to %s%s", kind, self._where, why
        )
        return NotSent(
            f"auth= failed with {kind}; nothing was sent. It is asked again with the "
            "next try."
        )


def _headers_of(said: object) -> dict[str, str]:
    """Return the headers that *auth* gave.

    Raises:
        TypeError: It gave something else.
    """
    if not isinstance(said, Mapping):
        raise _Unfit(f"it returns headers, not a {type(said).__name__}.")
    given = cast("Mapping[Any, Any]", said)  # type: ignore[redundant-cast]  # pyright: of unknown things
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _Unfit("it returned a header whose name cannot be sent.")
        if name.lower() in OWN:
            raise _Unfit(f"it returned {name}, which the client sets itself.")
        fits = isinstance(value, str) and len(value) <= _LONGEST
        if not fits or not VALUE.fullmatch(value):
            raise _Unfit(
                f"it returned {name} with a value that cannot be sent. It is visible "
                "ASCII without blanks or a line break at its ends."
            )
        headers[name.lower()] = value
    return headers
