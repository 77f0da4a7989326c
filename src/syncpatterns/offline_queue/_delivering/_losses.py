"""Whether what is read back of a payload is less than what was given."""

from __future__ import annotations

from typing import Any, cast

from syncpatterns.codec import Codec, JsonCodec


def loses(codec: Codec[Any], value: Any, data: bytes) -> bool:
    """Tell whether *data*, which *codec* made of *value*, lacks a part of it.

    What is equal once it is read back has lost nothing, and nearly everything is.
    The rest is written once more by what it is and not by what it is declared to
    be: a validator that changes a value, a tuple that becomes a list, or a field
    that its author leaves out of the dump are no loss.
    """
    try:
        if codec.decode(data) == value:
            return False
        from pydantic import TypeAdapter  # noqa: PLC0415 - 60 ms import

        write = TypeAdapter[Any](Any).dump_python
        options: dict[str, Any] = {"by_alias": True, "serialize_as_any": True}
        whole = write(value, mode="json", **options)
        exact = write(value, mode="python", **options)  # where NaN is still NaN
        stored = JsonCodec().decode(data)
    except Exception:  # noqa: BLE001 - __eq__ or a serializer of somebody's: it cannot say
        return False
    return _lacks(stored, whole) or _has_null(stored, exact)


def _lacks(stored: Any, whole: Any) -> bool:
    if isinstance(whole, dict) and isinstance(stored, dict):
        more = cast("dict[object, Any]", whole)
        less = cast("dict[object, Any]", stored)
        return any(name not in less or _lacks(less[name], more[name]) for name in more)
    if isinstance(whole, list) and isinstance(stored, list):
        pairs = zip(cast("list[object]", stored), cast("list[object]", whole))  # noqa: B905 - as far as both go
        return any(_lacks(less, more) for less, more in pairs)
    return False


def _has_null(stored: Any, exact: Any) -> bool:
    """Tell whether there is a null in the place of a NaN or an infinity."""
    if isinstance(exact, dict) and isinstance(stored, dict):
        more = cast("dict[object, Any]", exact)
        less = cast("dict[object, Any]", stored)
        return any(_has_null(less[name], more[name]) for name in more if name in less)
    if isinstance(exact, list | tuple) and isinstance(stored, list):
        pairs = zip(cast("list[object]", stored), cast("list[object]", exact))  # noqa: B905 - as far as both go
        return any(_has_null(less, more) for less, more in pairs)
    return stored is None and isinstance(exact, float)
