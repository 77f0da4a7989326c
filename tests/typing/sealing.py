"""How what waits is sealed; for checkers, never run."""

from __future__ import annotations

import os
from typing import assert_type

from syncpatterns import (
    SINGLE_TENANT,
    Idempotency,
    OfflineQueue,
    connect,
    idempotent,
)
from syncpatterns.errors import SyncPatternsError
from syncpatterns.sealing import (
    Keyring,
    NotSealed,
    SealBroken,
    Sealer,
    SealError,
    SealKeyMissing,
)

assert_type(Keyring.new_key(), bytes)
keyring = Keyring({"2026-11": os.environ["KEY"]}, index=b"")
Keyring({"old": b"", "new": b""}, index="", current="new")
Keyring({"old": b""})  # type: ignore[call-arg]  # the index key is not made up
Keyring([b""], index=b"")  # type: ignore[arg-type]  # keys have names
assert_type(keyring.key_id, str)
assert_type(keyring.seal("2026-11", b"", b""), bytes)
assert_type(keyring.open("2026-11", b"", b""), bytes)
assert_type(keyring.pseudonym(b""), bytes)
sealer: Sealer = keyring


class Own:
    """What somebody else writes."""

    key_id = "own"

    def seal(self, key_id: str, plain: bytes, aad: bytes) -> bytes:
        """Seal."""
        return plain

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        """Open."""
        return sealed

    def pseudonym(self, data: bytes) -> bytes:
        """Name."""
        return data


OfflineQueue("field", connect("memory://"), sealer=keyring, require_sealed=True)
OfflineQueue("field", connect("memory://"), sealer=None, compress=1024)
OfflineQueue("field", connect("memory://"), sealer=b"key")  # type: ignore[arg-type]  # a Sealer
Idempotency(connect("memory://"), sealer=keyring, require_sealed=True)
Idempotency(connect("memory://"), sealer="key")  # type: ignore[arg-type]  # a Sealer


@idempotent(connect("memory://"), key="n", scope=SINGLE_TENANT, sealer=keyring)
def guarded(n: int) -> str:
    """Keep its signature."""
    return str(n)


assert_type(guarded(1), str)


def why(error: SealError) -> str:
    """Return why something is shut."""
    assert_type(error.key_id, str)
    assert_type(error.reason, str)
    root: SyncPatternsError = error
    assert issubclass(SealKeyMissing, SealError)
    assert issubclass(SealBroken, SealError)
    assert issubclass(NotSealed, SealError)
    return str(root)
