"""Identities: unique without asking the kernel each time. None is a secret.

`os.urandom` gives up the interpreter lock; with a busy writer thread beside,
getting it back cost 100 us a call, more than the rest of the call together.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets


class _Nonces:
    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.prefix = secrets.token_hex(8)
        self.number = itertools.count()


_nonces = _Nonces()
_chance = random.Random()  # noqa: S311 - unique is enough, see above

# A forked child would count on from the same prefix as its parent and siblings,
# and draw the same numbers.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_nonces.renew)
    os.register_at_fork(after_in_child=_chance.seed)


def nonce() -> str:
    """Return text that no other call on any host has returned."""
    return f"{_nonces.prefix}-{next(_nonces.number):x}"


def random_bits(count: int) -> int:
    """Return *count* random bits, as good for an identity as the kernel's."""
    return _chance.getrandbits(count)
