"""What a caller asked for, as 32 bytes: equal requests, equal bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from syncpatterns.codec import canonical_json, json_encoder


def fingerprint(value: Any) -> bytes:
    """Return SHA-256 over *value* as canonical JSON; bytes are taken as they are.

    The order of mapping keys and of set members does not matter. Taken before
    the effect runs: afterwards its arguments may have been changed by it.

    Raises:
        ResultNotStorable: *value* has no JSON form.
    """
    if isinstance(value, bytes):
        return hashlib.sha256(b"raw:" + value).digest()
    try:
        text = _encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        # Mapping keys that are no text (UUIDs, mixed types), NaN: the codec
        # knows them, or says what is wrong.
        text = canonical_json(value)
    return hashlib.sha256(b"json:" + text).digest()


def _kind(value: object) -> type[Any]:
    return type(value)


def _plain(value: Any) -> Any:
    """Return *value* in terms that JSON knows, one level deep."""
    kind = _kind(value)
    if issubclass(kind, set | frozenset):
        # Two processes iterate over one set of strings in different orders.
        return sorted(_encode(member) for member in value)
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        return {name: getattr(value, name) for name in names}
    if hasattr(kind, "__pydantic_fields__"):
        # Field by field, so that a set inside a model is sorted too.
        fields: dict[str, Any] = {}
        fields.update(value.__dict__)
        extra: dict[str, Any] | None = getattr(value, "__pydantic_extra__", None)
        fields.update(extra or {})
        return fields
    return json.loads(canonical_json(value))


_encode = json_encoder(_plain, sort_keys=True)
