"""Bytes for values, and canonical bytes for fingerprints.

Everything the library stores is JSON with a schema chosen by a type; nothing
is ever pickled, so stored data cannot run code when it is read back.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from syncpatterns.errors import ResultNotStorable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Codec", "JsonCodec", "TypedCodec", "canonical_json", "codec_for"]

T = TypeVar("T")


class Codec(Protocol[T]):
    """Turns values of one type into bytes and back."""

    def encode(self, value: T) -> bytes:
        """Return *value* as bytes.

        Raises:
            ResultNotStorable: *value* has no such form.
        """
        ...

    def decode(self, data: bytes) -> T:
        """Return the value that `encode` was given."""
        ...


class JsonCodec:
    """Plain JSON: what goes in as a tuple or date comes out as list or text."""

    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return compact JSON.

        Raises:
            ResultNotStorable: *value* holds something JSON cannot say.
        """
        if value is None:
            return b"null"
        return _dump(_jsonable(value), sort_keys=False)

    def decode(self, data: bytes) -> Any:
        """Return the JSON value in *data*."""
        return json.loads(data)


class TypedCodec(Generic[T]):
    """JSON validated against a type: a replayed Booking is a Booking again.

    Args:
        annotation: Any type pydantic can build a schema for.
    """

    __slots__ = ("_adapter", "_annotation")

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self._adapter: TypeAdapter[T] = _adapter(annotation)

    def encode(self, value: T) -> bytes:
        """Return *value* as compact JSON.

        Raises:
            ResultNotStorable: *value* is not of the declared type, or has no
                JSON form.
        """
        try:
            return self._adapter.dump_json(value, warnings="error")
        except Exception as error:
            name = getattr(self._annotation, "__name__", str(self._annotation))
            message = (
                f"A {type(value).__name__} does not fit the declared result type "
                f"{name}. Return what the annotation says, or correct the annotation."
            )
            raise ResultNotStorable(message) from error

    def decode(self, data: bytes) -> T:
        """Return the value in *data*, validated."""
        return self._adapter.validate_json(data)


def codec_for(annotation: Any) -> Codec[Any]:
    """Return the codec for a return *annotation*; plain JSON where there is none."""
    if annotation is None or annotation is type(None) or annotation is Any:
        return JsonCodec()
    try:
        return TypedCodec(annotation)
    except Exception as error:
        message = (
            f"No JSON form is known for the type {annotation!r}. Annotate the "
            "function with a pydantic model, a dataclass or plain JSON types."
        )
        raise ResultNotStorable(message) from error


def canonical_json(value: Any) -> bytes:
    """Return the same bytes for equal values, whatever the order of their keys.

    Models, dataclasses, UUIDs, dates, Decimals and Enums have a stable text.
    1 and 1.0 differ, as they do in JSON.

    Raises:
        ResultNotStorable: *value* has no JSON form, or holds NaN or infinity.
    """
    return _dump(_jsonable(value), sort_keys=True)


def digest(*parts: bytes) -> bytes:
    """Return SHA-256 over length-prefixed *parts*: (a, bc) is not (ab, c)."""
    data = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return hashlib.sha256(data).digest()


def _dump(value: Any, *, sort_keys: bool) -> bytes:
    try:
        # ASCII escapes keep a lone surrogate storable; UTF-8 could not say it.
        text = json.dumps(
            value, sort_keys=sort_keys, separators=(",", ":"), allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        message = f"The value cannot be written as JSON: {error}"
        raise ResultNotStorable(message) from error
    return text.encode()


def _jsonable(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - 60 ms import

    try:
        return to_jsonable_python(value, inf_nan_mode="constants")
    except Exception as error:
        message = (
            f"A {type(value).__name__} cannot be written as JSON. Use JSON types, "
            "a pydantic model or a dataclass."
        )
        raise ResultNotStorable(message) from error


_PLAIN = frozenset({str, int, bool, type(None)})


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(annotation)
    except TypeError:  # an unhashable annotation: build it, once per codec
        from pydantic import TypeAdapter  # noqa: PLC0415 - see _cached_adapter

        return TypeAdapter(annotation)


@functools.cache
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - imported on first use

    return TypeAdapter(annotation)
