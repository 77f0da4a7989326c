"""How an event is checked, stored and put on a wire.

An outbox row holds id, channel and type as columns; all else is the *body*, a
JSON object. The *envelope* that clients get is the body with the three in
front, so it is made by joining bytes and never by writing the JSON again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeGuard, cast

from syncpatterns.codec import JsonCodec, encode_json, is_flat
from syncpatterns.errors import PayloadTooLarge, PublishRejected, ResultNotStorable

#: Bytes that an event may take as JSON, without id, channel and type.
MAX_BODY: Final = 256 * 1024

_CHANNEL: Final = re.compile(r"[A-Za-z0-9_.:=@,;-]{1,200}")
_TYPE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# Neither quotes nor backslashes nor line ends, so that an envelope is joined
# without escaping and no identity can begin a line of its own in a stream.
_ID: Final = re.compile(r"[A-Za-z0-9_.:=@,;+/~-]{1,200}")
_MAX_TEXT: Final = 200
_MAX_HEADERS: Final = 32
_MAX_NUMBER: Final = 2**63 - 1


class Fields(NamedTuple):
    """The part of an event that its body holds."""

    data: Mapping[str, Any]
    occurred_at: datetime
    version: int = 1
    key: str | None = None
    key_version: int | None = None
    source: str | None = None
    headers: Mapping[str, str] = {}


def valid_channel(name: object) -> bool:
    """Tell whether *name* can be a channel."""
    return isinstance(name, str) and _CHANNEL.fullmatch(name) is not None


def check_address(channel: object, kind: object, event_id: object) -> None:
    """Refuse a channel, type or id that no wire could carry.

    Raises:
        PublishRejected: One of them is malformed.
    """
    if not valid_channel(channel):
        raise PublishRejected(
            "A channel is 1 to 200 of the characters A-Z a-z 0-9 _ . : = @ , ; -"
        )
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise PublishRejected(
            "An event's type is 1 to 100 of the characters A-Z a-z 0-9 _ . : -"
        )
    if not isinstance(event_id, str) or not _ID.fullmatch(event_id):
        raise PublishRejected(
            "An event's id is 1 to 200 of the characters A-Z a-z 0-9 "
            "_ . : = @ , ; + / ~ -; leave it out to get a UUID."
        )


def check_fields(fields: Fields) -> tuple[Fields, bytes]:
    """Return *fields* in their stored form, and the body: written once, for all.

    Data becomes plain JSON types, the time UTC.

    Raises:
        PublishRejected: One of them is malformed or has no JSON form.
        PayloadTooLarge: They take more than 256 KiB.
    """
    _check_version(fields)
    _check_text("source", fields.source)
    _check_headers(fields.headers)
    given = _object(fields.data)
    text = _dump(given)
    copied = _flat_copy(given)
    checked = fields._replace(
        data=json.loads(text) if copied is None else copied,
        occurred_at=_instant(fields.occurred_at),
        headers=dict(fields.headers),
    )
    return checked, _body(checked, text)


def _flat_copy(given: Mapping[str, Any]) -> dict[str, Any] | None:
    if type(given) is not dict:
        return None
    plain = cast("dict[str, Any]", given)
    return plain.copy() if is_flat(plain) else None


def _body(fields: Fields, data: str) -> bytes:
    when = fields.occurred_at.isoformat().removesuffix("+00:00")
    head = f'{{"version":{fields.version},"occurred_at":"{when}Z"'
    some: dict[str, Any] = {
        name: value
        for name, value in (
            ("key", fields.key),
            ("key_version", fields.key_version),
            ("source", fields.source),
            ("headers", fields.headers or None),
        )
        if value is not None
    }
    more = f",{_dump(some)[1:-1]}" if some else ""
    body = f'{head}{more},"data":{data}}}'.encode()
    if len(body) > MAX_BODY:
        raise PayloadTooLarge(
            f"The event takes {len(body)} bytes; {MAX_BODY} is the most. Publish "
            "what changed and an id, and let readers fetch the rest."
        )
    return body


def decode_body(body: bytes) -> Fields | None:
    """Return the fields in a stored *body*; None if it is something else.

    A reader must survive whatever a later release or another program wrote.
    """
    try:
        members = json.loads(body)
        fields = Fields(
            data=members["data"],
            occurred_at=datetime.fromisoformat(members["occurred_at"]),
            version=members.get("version", 1),
            key=members.get("key"),
            key_version=members.get("key_version"),
            source=members.get("source"),
            headers=members.get("headers") or {},
        )
        _check_version(fields)
        _check_text("source", fields.source)
        _check_headers(fields.headers)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    except PublishRejected:
        return None
    if not isinstance(fields.data, dict) or fields.occurred_at.utcoffset() is None:
        return None
    return fields


def one_line(body: bytes) -> bytes:
    """Return *body* as one line of JSON that is an object.

    What another program stored may be spread over lines, and a line end would
    end the field of an event stream; what is no object at all is left out.
    """
    try:
        members: object = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        return b'{"data":{},"unreadable":true}'
    return json.dumps(members, separators=(",", ":")).encode()


def envelope(channel: str, event_id: str, kind: str, body: bytes) -> bytes:
    """Return the JSON object that clients get; *channel* may be a public name."""
    head = f'{{"id":"{event_id}","channel":"{channel}","type":"{kind}"'
    rest = body[1:]
    return b"%b%b%b" % (head.encode(), b"" if rest == b"}" else b",", rest)


def stored_form(event: Any, now: float) -> tuple[str, str, str, bytes]:
    """Return channel, id, type and body of *event*, checked.

    Args:
        event: A realtime `Event`, which was encoded when it was made, or any
            object with the attributes of `_transaction.Publishable`.
        now: When it occurred if *event* does not say, in seconds since the
            epoch.

    Raises:
        PublishRejected: It can never be published as it is.
        PayloadTooLarge: It takes more than 256 KiB.
    """
    ready = getattr(event, "_stored_form", None)
    if ready is not None:
        return cast("tuple[str, str, str, bytes]", ready())
    try:
        channel, event_id, kind = event.channel, event.id, event.type
        given = {
            name: getattr(event, name)
            for name in Fields._fields
            if name == "data" or hasattr(event, name)
        }
    except AttributeError as error:
        raise PublishRejected(
            f"A {type(event).__name__} is not an event: it has no "
            f"attribute {error.name!r}. Publish a syncpatterns.Event."
        ) from error
    check_address(channel, kind, event_id)
    given.setdefault("occurred_at", datetime.fromtimestamp(now, UTC))
    return channel, event_id, kind, check_fields(Fields(**given))[1]


def _check_version(fields: Fields) -> None:
    if not _whole(fields.version, 1):
        raise PublishRejected("An event's version is a whole number from 1 on.")
    _check_text("key", fields.key)
    if fields.key_version is None:
        return
    if not _whole(fields.key_version, 0) or fields.key is None:
        raise PublishRejected(
            "An event's key_version is a whole number from 0 on and needs a key."
        )


def _whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= _MAX_NUMBER


def _check_text(name: str, value: object) -> None:
    if value is not None and (
        not isinstance(value, str) or not 1 <= len(value) <= _MAX_TEXT
    ):
        raise PublishRejected(f"An event's {name} is 1 to {_MAX_TEXT} characters.")


def _check_headers(headers: object) -> None:
    if headers == {}:  # nearly always
        return
    if (
        _is_mapping(headers)
        and len(headers) <= _MAX_HEADERS
        and all(isinstance(text, str) for pair in headers.items() for text in pair)
    ):
        return
    raise PublishRejected(
        f"An event's headers are at most {_MAX_HEADERS} pairs of strings."
    )


def _object(data: object) -> Mapping[Any, Any]:
    if not _is_mapping(data):
        raise PublishRejected("An event's data must be a JSON object (a dict).")
    return data


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _instant(when: object) -> datetime:
    if not isinstance(when, datetime) or when.utcoffset() is None:
        raise PublishRejected(
            "An event's occurred_at must be a datetime with a time zone."
        )
    return when.astimezone(UTC)


def _dump(value: Any) -> str:
    try:
        return encode_json(value)
    except TypeError:
        pass  # a date, a UUID, a model: the codec knows their JSON forms
    except (ValueError, RecursionError) as error:
        raise PublishRejected(f"The event has no JSON form: {error}") from error
    try:
        return JsonCodec().encode(value).decode()
    except ResultNotStorable as error:
        raise PublishRejected(f"The event has no JSON form. {error}") from error
