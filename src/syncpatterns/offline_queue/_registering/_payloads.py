"""Payloads as bytes, over versions of their form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from syncpatterns._http import RequestKey
from syncpatterns.codec import Codec, JsonCodec, TypedCodec, canonical_json, digest
from syncpatterns.errors import ConfigurationError, ResultNotStorable
from syncpatterns.offline_queue._core import Ended, Item, ItemState
from syncpatterns.offline_queue._core._references import (
    Reference,
    Unfilled,
    dump,
    fill,
    load,
)
from syncpatterns.offline_queue._delivering._losses import loses
from syncpatterns.offline_queue._registering._refs import Outline, take_out

# Beside the user's headers, none of which begins like these: what is empty in
# the payload, and the HTTP request that its key came with.
REFERENCES = "$refs"
REQUEST = "$request"
# What pydantic writes in the place of a secret.
_MASK = b"**********"

Upcast = Callable[[Any], Any]


class Packed(NamedTuple):
    """A payload, ready to be stored.

    Args:
        value: As lanes and entities are derived from it.
        data: As it is stored.
        references: What is still empty in it.
        fingerprint: The same for equal payloads.
    """

    value: Any
    data: bytes
    references: tuple[Reference, ...]
    fingerprint: bytes


class Unreadable(Exception):
    """A stored payload has not the form that its handler takes.

    Args:
        reason: Why, as one word.
        parked: Somebody has to look; else it can never be done.
    """

    def __init__(self, reason: str, *, parked: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.parked = parked


class PayloadForm:
    """How payloads of one operation are written and read.

    Args:
        name: Of the operation.
        codec: Of the newest form.
        version: Number of the newest form.
        upcast: Makes form n + 1 of form n, as JSON values.
    """

    def __init__(
        self, name: str, codec: Codec[Any], version: int, upcast: Mapping[int, Upcast]
    ) -> None:
        self.name = name
        self.codec = codec
        self.version = version
        self._upcast = dict(upcast)

    def pack(self, given: Any, limit: int) -> Packed:
        """Return *given* as it is stored.

        Raises:
            ResultNotStorable: It is not what the handler takes.
            ConfigurationError: It is larger than *limit* bytes.
        """
        value = given
        references: tuple[Reference, ...] = ()
        if isinstance(given, Mapping):
            emptied, references = self._taken_out(given)
            if references:
                value = Outline(cast("Mapping[str, Any]", given), self.name)
                data = JsonCodec().encode(emptied)
            else:
                value, data = self._from_mapping(cast("Mapping[str, Any]", given))
        else:
            data = self._encoded(given)
            self._refuse_loss(given, data)
        if _MASK in data and not references:
            self._refuse_masked(value, data)
        if len(data) > limit:
            raise ConfigurationError(
                f"{self.name}: the payload has {len(data)} bytes, the queue takes up "
                f"to {limit}. Keep what is large in a store of its own and queue where "
                "it is, or raise max_payload=."
            )
        named = canonical_json(dump(references)) if references else b"[]"
        print_ = digest(canonical_json(json.loads(data)), named)
        return Packed(value, data, references, print_)

    def _taken_out(self, given: Any) -> tuple[Any, tuple[Reference, ...]]:
        try:
            return take_out(given)
        except RecursionError:
            raise ResultNotStorable(
                f"{self.name}: the dict is nested too deep, or holds itself, and has "
                "no JSON form."
            ) from None

    def _refuse_masked(self, value: Any, data: bytes) -> None:
        """Refuse a secret: its handler would get the asterisks that pydantic writes."""
        read = self.codec.decode(data)
        if read != value and self.codec.encode(read) == data:
            raise ResultNotStorable(
                f"{self.name}: the payload holds a secret (pydantic's SecretStr or "
                "SecretBytes), which is written as asterisks. A queue keeps what it is "
                "given for days: let the handler get the secret when it is called."
            )

    def _refuse_loss(self, value: Any, data: bytes) -> None:
        """Refuse what its handler would get a part of.

        pydantic writes an instance of a subclass as the class that is annotated, and
        NaN in a field without a type as null, without a word.
        """
        if isinstance(self.codec, TypedCodec) and loses(self.codec, value, data):
            raise ResultNotStorable(
                f"{self.name}: a part of this {type(value).__name__} would not come "
                "back: fields of a subclass that the annotation does not name, or NaN. "
                "Annotate the handler with the class itself, with a Union of classes, "
                "or with SerializeAsAny where it can be read back."
            )

    def _encoded(self, value: Any) -> bytes:
        try:
            return self.codec.encode(value)
        except ResultNotStorable as error:
            raise ResultNotStorable(
                f"{self.name}: a {type(value).__name__} is not what the handler is "
                "annotated to take, or has no JSON form."
            ) from error

    def _from_mapping(self, given: Mapping[str, Any]) -> tuple[Any, bytes]:
        try:
            return given, self.codec.encode(given)
        except ResultNotStorable:
            pass  # a dict for a model: validated as the JSON that it stands for
        try:
            value = self.codec.decode(JsonCodec().encode(dict(given)))
        except Exception as error:
            raise ResultNotStorable(
                f"{self.name}: the dict is not what the handler is annotated to take."
            ) from error
        return value, self.codec.encode(value)

    def reads(self, item: Item) -> bool:
        """Tell whether `read` can give the payload of *item* without its parents."""
        if item.version > self.version or has_references(item):
            return False
        try:
            self.read(item, {})
        except Unreadable:
            return False
        return True

    def read(self, item: Item, parents: Mapping[int, Ended]) -> Any:
        """Return the payload of *item*, in the newest form and without gaps.

        Raises:
            Unreadable: It cannot be read.
        """
        try:
            references = references_of(item)
            if item.version == self.version and not references:
                return self.codec.decode(item.payload)
            value = json.loads(item.payload)
        except Exception as error:
            raise Unreadable("payload-invalid") from error
        value = _filled(value, references, parents)
        try:
            for version in range(item.version, self.version):
                value = self._upcast[version](value)
            return self.codec.decode(JsonCodec().encode(value))
        except Exception as error:
            raise Unreadable("payload-invalid") from error


def _filled(
    value: Any, references: tuple[Reference, ...], parents: Mapping[int, Ended]
) -> Any:
    if not references:
        return value
    results: dict[int, Any] = {}
    for reference in references:
        parent = parents.get(reference.seq)
        if parent is None or parent.state is not ItemState.DONE:
            raise Unreadable("parent")
        if not parent.result:  # done, but its answer was not kept
            raise Unreadable("parent-result", parked=True)
        results[reference.seq] = json.loads(parent.result)
    try:
        return fill(value, references, results)
    except (Unfilled, LookupError, TypeError) as error:
        raise Unreadable("parent-result", parked=True) from error


def references_of(item: Item) -> tuple[Reference, ...]:
    """Return what is empty in the payload of *item*.

    Raises:
        ValueError: Its headers cannot be read.
    """
    if not has_references(item):
        return ()
    return load(json.loads(item.headers).get(REFERENCES, []))


def has_references(item: Item) -> bool:
    """Tell whether the payload of *item* may have empty places."""
    return REFERENCES in item.headers


def headers_of(item: Item) -> dict[str, str]:
    """Return the headers that were given when *item* was enqueued.

    Raises:
        Unreadable: They cannot be read.
    """
    if item.headers == "{}":  # the rule, in every delivery
        return {}
    try:
        found: object = json.loads(item.headers)
    except ValueError as error:
        raise Unreadable("payload-invalid") from error
    if not isinstance(found, dict):
        raise Unreadable("payload-invalid")
    stored = cast("dict[str, Any]", found)
    return {name: str(stored[name]) for name in stored if not name.startswith("$")}


def request_of(item: Item) -> RequestKey:
    """Return the key of *item* with the request that it came with, if it did.

    Its age is counted from the caller's first try, as the caller said.

    Raises:
        Unreadable: What is kept of the request cannot be read.
    """
    if REQUEST not in item.headers:
        return RequestKey(item.key, b"")
    try:
        kept = json.loads(item.headers).get(REQUEST)
        if kept is None:  # a header of the user's says so, and no name
            return RequestKey(item.key, b"")
        digits, age, *door = kept
        # Items of an older release do not say by which door they came in.
        doors = [bytes.fromhex(each) for each in door] or [b""]
        return RequestKey(item.key, bytes.fromhex(digits), float(age), doors[0])
    except (AttributeError, TypeError, ValueError) as error:
        raise Unreadable("payload-invalid") from error


_SECRET = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"}
)
_MOST_HEADERS = 8192


def packed_headers(
    name: str,
    headers: Mapping[str, str],
    references: tuple[Reference, ...],
    asked: RequestKey | None = None,
) -> str:
    """Return *headers*, and what belongs to the payload, as they are stored.

    Raises:
        ConfigurationError: One is no text, or a credential: a queue is kept for
            days, and a token that is stored is stale or stolen by then.
    """
    if not isinstance(cast("object", headers), Mapping):
        raise ConfigurationError(f"{name}: headers= takes texts by name.")
    if not headers and not references and asked is None:
        return "{}"
    kept: dict[str, Any] = {}
    given = cast("Mapping[object, object]", headers)
    for header, value in given.items():
        if not isinstance(header, str) or not isinstance(value, str):
            raise ConfigurationError(f"{name}: headers= takes texts by name.")
        if header.startswith("$") or not header:
            raise ConfigurationError(f"{name}: no header is named {header!r}.")
        if header.lower() in _SECRET:
            raise ConfigurationError(
                f"{name}: the header {header!r} is a credential, and a queue keeps "
                "what it is given for days. Let the handler add it when it is called."
            )
        kept[header] = value
    if references:
        kept[REFERENCES] = dump(references)
    if asked is not None:
        kept[REQUEST] = [asked.fingerprint.hex(), asked.age, asked.door.hex()]
    text = JsonCodec().encode(kept).decode()
    if len(text) > _MOST_HEADERS:
        raise ConfigurationError(
            f"{name}: headers= has {len(text)} bytes, and {_MOST_HEADERS} are kept "
            "at most. Put what is long into the payload."
        )
    return text
