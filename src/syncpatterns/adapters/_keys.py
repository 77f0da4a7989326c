"""The key of one HTTP request, whatever framework has taken it."""

from __future__ import annotations

from collections.abc import Sequence

from syncpatterns._http import (
    RequestKey,
    front_door,
    parse_age,
    request_fingerprint,
    require_key,
)
from syncpatterns.adapters._messages import Header


def request_key(
    headers: Sequence[Header],
    *,
    method: str,
    path: str,
    query: bytes,
    content_type: bytes,
    body: bytes,
) -> RequestKey:
    """Return the request's key, and what it was sent for.

    Args:
        headers: (lower-case name, value); at least those with key and age.
        method: As sent.
        path: As sent, percent signs and all, without the query.
        query: As sent.
        content_type: As sent; empty if it was not.
        body: All of it.

    Raises:
        KeyMissing: There is none.
        KeyInvalid: It, or its age, is malformed.
    """
    key = require_key(headers)
    age = parse_age(headers)
    fingerprint = request_fingerprint(method, path, query, content_type, body)
    return RequestKey(key, fingerprint, age, front_door(method, path))
