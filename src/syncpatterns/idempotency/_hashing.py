"""Storage keys, with the part that is the same for many calls hashed once."""

from __future__ import annotations

import hashlib
from typing import Any


class KeyHasher:
    """Does what `_core.storage_key` does, in a third of the time.

    Args:
        namespace: Of the guard.
    """

    __slots__ = ("_begun", "_namespace")

    #: Scopes and operations remembered; tenants may be many.
    LIMIT = 4096

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._begun: dict[tuple[str, str], Any] = {}

    def storage_key(self, scope: str, operation: str, key: str) -> str:
        """Return the 64 hex digits under which *key* is stored."""
        begun = self._begun.get((scope, operation))
        if begun is None:
            begun = self._begin(scope, operation)
        data = key.encode("utf-8", "surrogatepass")
        ended = begun.copy()
        ended.update(b"%d:%b" % (len(data), data))
        digits: str = ended.hexdigest()
        return digits

    def _begin(self, scope: str, operation: str) -> Any:
        parts = (self._namespace, scope, operation)
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        begun = hashlib.sha256(b"".join([b"%d:%b" % (len(p), p) for p in encoded]))
        if len(self._begun) >= self.LIMIT:
            self._begun.clear()
        self._begun[scope, operation] = begun
        return begun
