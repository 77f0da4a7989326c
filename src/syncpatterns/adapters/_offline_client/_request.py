"""An HTTP request as it waits in a queue: what is kept of it, and what never is.

::

    {"method": "POST", "path": "/api/x?day=1", "headers": {"if-match": "..."},
     "json": {...}}          or "text": "...", or "base64": "...", or no body

That is form 1. The path is relative and says no host, so that nobody who can
write into the queue's file can have a request, with the token that is added to
it, sent somewhere else. Credentials are not kept at all: a token that waits for
a week is stale or stolen by then.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Self, cast
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

from syncpatterns.codec import JsonCodec
from syncpatterns.errors import ConfigurationError, ResultNotStorable

#: Number of the stored form.
FORM: Final = 1
#: Methods that change something; the others ask, and are not queued.
UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Headers of a request that are kept without being asked for.
KEPT: Final = frozenset(
    {
        "accept",
        "accept-language",
        "content-language",
        "content-type",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "prefer",
        "traceparent",
        "tracestate",
        "x-request-id",
    }
)
#: Set by the client, or by what carries the request.
OWN: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "idempotency-age",
        "idempotency-key",
        "idempotency-waited",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-idempotency-key",
    }
)
_SECRET: Final = re.compile(
    r"auth|cookie|csrf|credential|passw|secret|session|signature|token|xsrf"
    r"|api.?key|access.?key"
)
_SECRET_QUERY: Final = re.compile(
    r"(?:access|auth|id|refresh|session)[_-]?token|api[_-]?key|client[_-]?secret"
    r"|password|secret|signature|token",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: What a header may say. Blanks at its ends are no part of it (RFC 9110 5.5), and a
#: line is refused that has them.
VALUE: Final = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?")
_LONGEST_VALUE: Final = 4096
# Visible ASCII; no fragment, and no backslash, which some take for a slash.
_LONGEST_PATH: Final = 8192
_PATH: Final = re.compile(r"/(?!/)[!\"$-\[\]-~]*")
_ABSOLUTE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]{2}|\\", re.IGNORECASE)
_DOTS: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)
_SAFE: Final = "/:@!$&'()*+,;=~-._%?[]"
_FIELDS: Final = frozenset({"method", "path", "headers", "json", "text", "base64"})
_BODIES: Final = frozenset({"json", "text", "base64"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that changes something at another service.

    Args:
        method: POST, PUT, PATCH or DELETE.
        path: Path and query, relative to the client's ``base_url``.
        headers: Those that are kept, with names in lower case.
        json: The body, if it is JSON; None if it is not, or there is none.
        content: The body, if it is anything else.

    Raises:
        ValueError: It is no such request.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    json: Any = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.method not in UNSAFE:
            raise ValueError("the method is none that is queued")
        if problem := wrong_path(self.path):
            raise ValueError(problem)
        if self.json is not None and self.content is not None:
            raise ValueError("a request has one body")
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or not _sendable(value):
                raise ValueError("a header has a form that cannot be sent")

    @property
    def body(self) -> bytes:
        """The bytes that are sent, the same in every delivery.

        A service that knows keys compares bytes: written anew in another way,
        the same JSON would be another request with a used key.
        """
        if self.json is not None:
            return JsonCodec().encode(self.json)
        return self.content or b""

    def with_json(self, value: Any) -> Self:
        """Return the request with another body, for `RetryWith`."""
        return replace(self, json=plain(value), content=None)

    def with_headers(self, **headers: str | None) -> Self:
        """Return it with other headers, None for without; ``_`` stands for ``-``."""
        kept = dict(self.headers)
        for name, value in headers.items():
            if value is None:
                kept.pop(name.replace("_", "-"), None)
            else:
                kept[name.replace("_", "-")] = value
        return replace(self, headers=kept)


class RequestCodec:
    """Writes and reads form 1, and lets nothing pass that may not be sent.

    What was written into the file by somebody else is refused here, before it
    is sent: its item is DEAD (``payload-invalid``).

    Args:
        headers: Names of the headers that may be kept, in lower case.
    """

    def __init__(self, headers: Collection[str]) -> None:
        self._headers = frozenset(headers)

    def encode(self, value: HttpRequest) -> bytes:
        """Return *value* as it is stored.

        Raises:
            ResultNotStorable: It is no request, or has a header that is not kept.
        """
        if not isinstance(value, HttpRequest):
            raise ResultNotStorable(
                f"A {type(value).__name__} is no HttpRequest. Hand requests in with "
                "client.post(...) and its like."
            )
        unknown = self._not_kept(value.headers)
        if unknown:
            raise ResultNotStorable(f"The header {unknown!r} is not kept by a queue.")
        return JsonCodec().encode(stored(value))

    def decode(self, data: bytes) -> HttpRequest:
        """Return the request in *data*.

        Raises:
            ValueError: It is none, or one that may not be sent.
        """
        found = JsonCodec().decode(data)
        if not isinstance(found, dict):
            raise ValueError("no request")  # noqa: TRY004 - one error for all of it
        fields = cast("dict[str, Any]", found)
        if not set(fields) <= _FIELDS or len(_BODIES & set(fields)) > 1:
            raise ValueError("a request has other fields")
        headers = fields.get("headers", {})
        if not isinstance(headers, dict) or self._not_kept(cast("Any", headers)):
            raise ValueError("a header may not be sent")
        return HttpRequest(
            _text(fields, "method"),
            _text(fields, "path"),
            {name: _text(cast("Any", headers), name) for name in cast("Any", headers)},
            fields.get("json"),
            _content(fields),
        )

    def _not_kept(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if name not in self._headers), None)


def stored(request: HttpRequest) -> dict[str, Any]:
    """Return *request* in form 1, as JSON values (or with the `Ref` in them)."""
    form: dict[str, Any] = {"method": request.method, "path": request.path}
    if request.headers:
        form["headers"] = dict(request.headers)
    if request.json is not None:
        form["json"] = request.json
    elif request.content is not None:
        try:
            form["text"] = request.content.decode("utf-8")
        except UnicodeDecodeError:
            form["base64"] = base64.b64encode(request.content).decode("ascii")
    return form


def _content(fields: dict[str, Any]) -> bytes | None:
    if "text" in fields:
        return _text(fields, "text").encode("utf-8")
    if "base64" in fields:
        return base64.b64decode(_text(fields, "base64"), validate=True)
    return None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value: object = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")  # noqa: TRY004 - as above
    return value


# ------------------------------------------------------- from what a caller says


def plain(value: Any) -> Any:
    """Return *value* as the JSON values that will be read back.

    Raises:
        ResultNotStorable: It has no JSON form.
    """
    return json.loads(JsonCodec().encode(value))


def form_of(data: Any) -> tuple[bytes, str | None]:
    """Return a body and its content type; a mapping becomes an HTML form's.

    Raises:
        ConfigurationError: It can be sent once, or not at all.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(cast("bytes", data)), None
    try:
        if isinstance(data, str):
            return data.encode(), "text/plain; charset=utf-8"
        if isinstance(data, Mapping | list | tuple):
            fields = _encoded(cast("object", data), "data")
            return fields.encode(), "application/x-www-form-urlencoded"
    except UnicodeEncodeError:
        raise ConfigurationError(
            "The body holds half of a surrogate pair, which is no text and cannot be "
            "sent. Give it as bytes."
        ) from None
    raise ConfigurationError(
        "A body is bytes, text or, for data=, a dict of fields: what waits in a queue "
        f"is sent more than once, and a {type(data).__name__} cannot be."
    )


def _encoded(fields: object, option: str) -> str:
    """Return *fields* as a query says them; None and booleans as httpx does.

    Raises:
        ConfigurationError: They are none.
    """
    given: object = fields
    # Of httpx's own QueryParams `items` has each name once, with its first value.
    pairs = getattr(fields, "multi_items", None)
    if callable(pairs):
        given = pairs()
    elif isinstance(fields, Mapping):
        given = cast("Mapping[str, Any]", fields).items()
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ConfigurationError(f"{option}= takes a dict of fields, or pairs of them.")
    texts: list[tuple[str, str]] = []
    for pair in cast("Iterable[object]", given):
        try:
            name, value = cast("tuple[Any, Any]", pair)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"{option}= takes a dict of fields, or pairs of a name and a value."
            ) from None
        many: tuple[Any, ...] = (
            tuple(cast("Iterable[Any]", value))
            if isinstance(value, list | tuple)
            else (value,)
        )
        texts += [(str(name), _text_of(each, option)) for each in many]
    return urlencode(texts)


def _text_of(value: Any, option: str) -> str:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    if isinstance(value, str | int | float | Decimal | date | time | UUID):
        return str(value)
    raise ConfigurationError(
        f"{option}= takes texts, numbers, dates and lists of these, not a "
        f"{type(value).__name__}."
    )


def relative(url: object, params: object, base: str) -> str:
    """Return *url* as it is kept: a path and query below *base*.

    Raises:
        ConfigurationError: It leads elsewhere, or holds a credential.
    """
    if not isinstance(url, str) and type(url).__name__ != "URL":  # httpx's own
        raise ConfigurationError(
            f"The address is a path below {base}, not a {type(url).__name__}."
        )
    text = str(url)
    if text == base or text.startswith((f"{base}/", f"{base}?")):
        text = text[len(base) :]
    if _ABSOLUTE.match(text):
        raise ConfigurationError(
            f"This client sends to {base} alone, so that a queue's file cannot have "
            "its token sent elsewhere. Give a path below it, or make a client for the "
            "other service."
        )
    if "#" in text:
        raise ConfigurationError("The address has a fragment (#), which is never sent.")
    try:
        text = quote(text if text.startswith("/") else f"/{text}", safe=_SAFE)
        if params is not None and (query := _encoded(params, "params")):
            text += ("&" if "?" in text else "?") + query
    except UnicodeEncodeError:
        raise ConfigurationError(
            "The address holds half of a surrogate pair, which is no text."
        ) from None
    if problem := wrong_path(text):
        raise ConfigurationError(f"The address cannot be used: {problem}.")
    query = text.partition("?")[2]
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if _SECRET_QUERY.fullmatch(name):
            raise ConfigurationError(
                f"The query says {name}=, which is a credential, and a queue keeps "
                "what it is given for days. Let auth= add it when it is sent."
            )
    return text


def wrong_path(path: str) -> str:
    """Return what is wrong with a stored path; empty if nothing is."""
    if len(path) > _LONGEST_PATH:
        return f"a path and its query have up to {_LONGEST_PATH} characters"
    if not _PATH.fullmatch(path):
        return "a path begins with one slash and has no fragment"
    parts = path.partition("?")[0].split("/")
    if any(_DOTS.fullmatch(part) for part in parts):
        return "a path does not go up or stand still (. or ..)"
    return ""


def kept_headers(names: Iterable[str]) -> frozenset[str]:
    """Return all headers that are kept: *names*, and those that always are.

    Raises:
        ConfigurationError: One is a credential, or not the caller's to set.
    """
    if isinstance(names, str) or not isinstance(cast("object", names), Iterable):
        raise ConfigurationError("keep_headers= takes a list of names.")
    wanted = {str(name).lower() for name in names}
    for name in sorted(wanted):
        if not _HEADER.fullmatch(name) or name in OWN:
            raise ConfigurationError(
                f"keep_headers= names {name!r}, which the client sets itself, or which "
                "is no header."
            )
        if _SECRET.search(name):
            raise ConfigurationError(
                f"keep_headers= names {name!r}, a credential, and a queue keeps what "
                "it is given for days. Say auth=, a function that returns it when a "
                "request is sent, or set it on the wrapped client."
            )
    return KEPT | wanted


def checked_headers(
    headers: Mapping[str, str] | None, kept: Collection[str]
) -> dict[str, str]:
    """Return *headers* with names in lower case.

    Raises:
        ConfigurationError: One is not kept, or cannot be sent.
    """
    found: dict[str, str] = {}
    said: object = {} if headers is None else headers
    if not isinstance(said, Mapping):
        raise ConfigurationError("headers= takes a dict of texts by name.")
    for given, value in cast("Mapping[object, str]", said).items():
        name = str(given).lower()
        if name not in kept:
            raise ConfigurationError(_why_not(name))
        if not isinstance(cast("object", value), str) or not _sendable(value):
            raise ConfigurationError(
                f"The header {name!r} holds what cannot be sent: visible ASCII only, "
                f"up to {_LONGEST_VALUE} characters, without blanks at its ends."
            )
        found[name] = value
    return found


def _sendable(value: str) -> bool:
    return len(value) <= _LONGEST_VALUE and VALUE.fullmatch(value) is not None


def _why_not(name: str) -> str:
    if name in {"idempotency-key", "x-idempotency-key"}:
        return f"The header {name!r} is set by the client; say key=."
    if name in OWN:
        return f"The header {name!r} is set by the client itself."
    if _SECRET.search(name):
        return (
            f"The header {name!r} is a credential, and a queue keeps what it is given "
            "for days. Say auth= when the client is made, a function that returns it "
            "when a request is sent, or set it on the wrapped client."
        )
    return (
        f"The header {name!r} is not among those that are kept. Name it in "
        "keep_headers= if it may lie in a file for days, or set it on the wrapped "
        "client."
    )
