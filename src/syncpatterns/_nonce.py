"""Identities of attempts: unique without asking the kernel each time.

`os.urandom` gives up the interpreter lock; with a busy writer thread beside,
getting it back cost 100 us a call, more than the rest of the call together.
"""

from __future__ import annotations

import itertools
import os
import secrets


class _Nonces:
    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.prefix = secrets.token_hex(8)
        self.number = itertools.count()


_nonces = _Nonces()

# A forked child would count on from the same prefix as its parent and siblings.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_nonces.renew)


def nonce() -> str:
    """Return text that no other call on any host has returned."""
    return f"{_nonces.prefix}-{next(_nonces.number):x}"
