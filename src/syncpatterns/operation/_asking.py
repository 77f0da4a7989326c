"""What a call of an operation asks for: fingerprints, door and age."""

from __future__ import annotations

from typing import NamedTuple

from syncpatterns._http import RequestKey
from syncpatterns.errors import ResultNotStorable
from syncpatterns.idempotency._fingerprint import fingerprint as fingerprint_of


class Asked(NamedTuple):
    """The parts of a `ClaimRequest` that say what is wanted.

    Args:
        fingerprint: Of the HTTP request, or else of the command.
        age: Seconds since the caller first tried.
        command: Of the command, where *fingerprint* is another one.
        door: Where the HTTP request came in.
    """

    fingerprint: bytes
    age: float = 0.0
    command: bytes = b""
    door: bytes = b""


def asked_for(name: str, command: object, key: object) -> Asked:
    """Return what *command* under *key* asks the operation *name* for.

    Raises:
        ResultNotStorable: *command* has no JSON form, and *key* does not come
            from an HTTP request whose bytes say what is asked for.
    """
    if not isinstance(key, RequestKey):
        return Asked(_command(name, command))
    if not key.fingerprint:
        return Asked(_command(name, command), key.age)
    try:
        own = fingerprint_of(command)
    except ResultNotStorable:
        # Its key is good at this one door: without a fingerprint of its own the
        # command cannot be known again behind another.
        own = b""
    return Asked(key.fingerprint, key.age, own, key.door)


def _command(name: str, command: object) -> bytes:
    try:
        return fingerprint_of(command)
    except ResultNotStorable as error:
        raise ResultNotStorable(
            f"{name}: the command says what is asked for, and it has no JSON form, so "
            f"nothing was done. {error}"
        ) from error
