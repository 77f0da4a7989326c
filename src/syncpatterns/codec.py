"""Bytes for values, and canonical bytes for fingerprints.

Everything the library stores is JSON with a schema chosen by a type; nothing
is ever pickled, so stored data cannot run code when it is read back.
"""

from __future__ import annotations

import functools
import hashlib
import json
import json.encoder
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, get_type_hints

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
        return json.loads(str(data, "utf-8"))  # json.loads(bytes) guesses the encoding


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
            ResultNotStorable: *value* is not of the declared type, has no JSON
                form, or could not be read back from it (a NaN, a field left
                out of the dump, an alias for one direction only).
        """
        try:
            data = self._adapter.serializer.to_json(
                value, by_alias=True, warnings="error"
            )
            # What cannot be read back must not be promised to the next caller.
            self._adapter.validator.validate_json(data)
            return data  # noqa: TRY300 - both lines may fail for the same reasons
        except Exception as error:
            name = getattr(self._annotation, "__name__", str(self._annotation))
            message = (
                f"A {type(value).__name__} does not fit the declared result type "
                f"{name}. Return what the annotation says, or correct the annotation."
            )
            raise ResultNotStorable(message) from error

    def decode(self, data: bytes) -> T:
        """Return the value in *data*, validated."""
        value: T = self._adapter.validator.validate_json(data)
        return value


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


def return_annotation(function: Any) -> Any:
    """Return what *function* is annotated to return; see `annotation_of`."""
    return annotation_of(function, "return")


def annotation_of(function: Any, name: str) -> Any:
    """Return the annotation of the parameter *name*, or of the ``return``.

    Only that, with its names looked up: other parameters may name types that
    are imported for type checkers alone, and that is no mistake.

    Raises:
        KeyError: There is no annotation.
        Exception: It names something unknown, or is no type.
    """
    only = SimpleNamespace(__annotations__={name: function.__annotations__[name]})
    names = getattr(function, "__globals__", {})
    return get_type_hints(only, globalns=names, include_extras=True)[name]


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
        text = (_encode_sorted if sort_keys else encode_json)(value)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"The value cannot be written as JSON: {error}"
        raise ResultNotStorable(message) from error
    return text.encode()


def _jsonable(value: Any) -> Any:
    if value.__class__ in _PLAIN or (value.__class__ is dict and is_flat(value)):
        return value
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - 60 ms import

    try:
        return to_jsonable_python(value, inf_nan_mode="constants")
    except Exception as error:
        message = (
            f"A value of type {type(value).__name__} cannot be written as JSON. Use "
            "JSON types, a pydantic model or a dataclass."
        )
        raise ResultNotStorable(message) from error


_PLAIN = frozenset({str, int, bool, type(None)})
_TEXT = frozenset({str})


def is_flat(value: dict[Any, Any]) -> bool:
    """Tell whether *value* is JSON already, one level deep and immutable inside."""
    return _TEXT.issuperset(map(type, value)) and _PLAIN.issuperset(
        map(type, value.values())
    )


def json_encoder(
    default: Callable[[Any], Any], *, sort_keys: bool
) -> Callable[[Any], str]:
    """Return a function that writes compact JSON without NaN.

    Made once: json.dumps with options makes an encoder for each call, and
    JSONEncoder.encode makes the C encoder anew, which takes longer than the
    encoding. ASCII escapes keep a lone surrogate storable; UTF-8 could not say
    it. A circle ends in RecursionError.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C accelerator
        return json.JSONEncoder(
            default=default,
            sort_keys=sort_keys,
            separators=(",", ":"),
            allow_nan=False,
            check_circular=False,
        ).encode
    text = json.encoder.encode_basestring_ascii
    no = False  # neither skip unknown keys nor allow NaN
    encode = make(None, default, text, None, ":", ",", sort_keys, no, no)
    return lambda value: "".join(encode(value, 0))


def _refuse(value: Any) -> Any:
    raise TypeError(f"a {type(value).__name__} is no JSON value")


encode_json = json_encoder(_refuse, sort_keys=False)
_encode_sorted = json_encoder(_refuse, sort_keys=True)


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
