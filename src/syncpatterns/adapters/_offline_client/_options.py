"""From what a caller says about a request to what its queue is given: no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast
from uuid import UUID

from typing_extensions import TypedDict

from syncpatterns.adapters._offline_client._exchange import checked_key
from syncpatterns.adapters._offline_client._request import (
    HttpRequest,
    checked_headers,
    form_of,
    plain,
    relative,
    stored,
)
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue import LaterOptions, Ref
from syncpatterns.offline_queue._taking._calls import Mode


class RequestOptions(TypedDict, total=False):
    """What can be said about one request that changes something.

    Keys:
        json: The body, as JSON values, a model or a dataclass; may hold `Ref`.
        data: The body: text, or a mapping for the fields of an HTML form. There is
            no ``files=``: a file is read once, and a request may be sent again.
        content: The body, as bytes or text.
        params: Added to the query; a dict or pairs.
        headers: Those that may be kept; never credentials.
        key: Idempotency key, 1 to 255 of visible ASCII; made before the first
            try if None.
        scope: Whose key it is, and whose credentials *auth* is asked for.
        lane: Requests of one lane are sent one by one, in their order; instead
            of what the client's ``lane=`` makes of the request.
        mode: ``auto``: now, else later. ``queue``: later. ``online``: now, or it
            raises and nothing stays behind.
        later: More about when: ``priority``, ``delay``, ``expires_in``,
            ``after``; see `LaterOptions`.
    """

    json: Any
    data: str | Mapping[str, Any] | Sequence[tuple[str, Any]]
    content: bytes | str
    params: Mapping[str, Any] | Sequence[tuple[str, Any]]
    headers: Mapping[str, str]
    key: str | UUID | None
    scope: str
    lane: str | None
    mode: Mode
    later: LaterOptions


_BODIES: Final = ("json", "data", "content")


class Desk:
    """Takes requests in for one client.

    Args:
        operation: Name of the client in its queue.
        base: Where it sends to.
        kept: Names of the headers that may be stored.
    """

    def __init__(self, operation: str, base: str, kept: Collection[str]) -> None:
        self._operation: Final = operation
        self._base: Final = base
        self._kept: Final = kept

    def taken(
        self, method: str, url: str, options: RequestOptions
    ) -> tuple[Any, dict[str, Any], Mode]:
        """Return the payload, the options of the queue, and the mode.

        Raises:
            ConfigurationError: Something was said that can never work.
            KeyInvalid: A header cannot carry the key.
            ResultNotStorable: The body has no JSON form.
        """
        said: dict[str, Any] = dict(options)
        unknown = sorted(set(said) - set(RequestOptions.__annotations__))
        if "files" in unknown:
            raise ConfigurationError(
                f"{self._operation}: files= is not taken: a file is read once, and "
                "what waits in a queue may be sent again after days, byte for byte. "
                "Store the file elsewhere and send where it is, or build the multipart "
                "body and give it as content= with its content-type."
            )
        if unknown:
            raise ConfigurationError(
                f"{self._operation}: there is no option {unknown[0]}=. Time-outs, "
                "cookies and credentials are the wrapped client's; there are "
                f"{', '.join(f'{name}=' for name in RequestOptions.__annotations__)}."
            )
        verb = method.upper() if isinstance(cast("object", method), str) else ""
        payload = self._payload(verb, url, said)
        kept = self._later(said.get("later"))
        kept.update((name, said[name]) for name in ("scope", "lane") if name in said)
        if said.get("key") is not None:
            kept["key"] = checked_key(said["key"])
        mode: Mode = said.get("mode", "auto")
        return payload, kept, mode

    def _later(self, later: object) -> dict[str, Any]:
        """Return *later*, if it says when and nothing else.

        Raises:
            ConfigurationError: It is none, or says what has an option of its own.
        """
        if later is None:
            return {}
        if not isinstance(later, Mapping):
            raise ConfigurationError(
                f"{self._operation}: later= takes a dict, such as "
                '{"delay": 60}, see LaterOptions.'
            )
        kept = dict(cast("Mapping[str, Any]", later))
        own = sorted({"key", "scope"} & set(kept))
        if own:  # unchecked, a key that no header carries would be stored
            raise ConfigurationError(
                f"{self._operation}: {own[0]}= stands by itself, not in later=."
            )
        return kept

    def _payload(self, method: str, url: str, said: dict[str, Any]) -> Any:
        path = relative(url, said.get("params"), self._base)
        headers = checked_headers(said.get("headers"), self._kept)
        bodies = [name for name in _BODIES if said.get(name) is not None]
        if len(bodies) > 1:
            raise ConfigurationError(
                f"{self._operation}: a request has one body: {bodies[0]}= or "
                f"{bodies[1]}=."
            )
        content, value = None, said.get("json")
        if bodies and value is None:
            content, kind = form_of(said[bodies[0]])
            if kind is not None:
                headers.setdefault("content-type", kind)
        try:
            if _has_reference(value):
                # Checked as far as it is known; the rest when it is delivered.
                return {**stored(HttpRequest(method, path, headers)), "json": value}
            body = None if value is None else plain(value)
            return HttpRequest(method, path, headers, body, content)
        except ValueError as error:
            raise ConfigurationError(f"{self._operation}: {error}.") from error


def _has_reference(value: Any) -> bool:
    looked = [value]
    while looked:  # no recursion: whatever is nested too deep has no JSON form
        each = looked.pop()
        if isinstance(each, Ref):
            return True
        if isinstance(each, Mapping):
            looked += cast("Mapping[str, Any]", each).values()
        elif isinstance(each, list | tuple):
            looked += cast("list[Any]", each)
    return False
