"""An operation's answer as header lines and bytes, for every framework alike."""

from __future__ import annotations

from typing import Any, Final

from syncpatterns.adapters._messages import Header
from syncpatterns.operation import Answer

#: Statuses whose answers have no body.
NO_BODY: Final = frozenset({204, 205, 304})

#: How a response is delimited is decided where it is sent.
_FRAMING = frozenset({b"connection", b"content-length", b"date", b"transfer-encoding"})
#: Meant for the first caller at that moment, and never for a replay.
_ONCE = frozenset({b"set-cookie", b"traceparent", b"www-authenticate"})


def reply_lines(answer: Answer[Any]) -> tuple[list[Header], bytes]:
    """Return the header lines and the body of *answer*.

    The bytes are those of the first answer, whatever has changed since. A
    replay carries ``Idempotent-Replayed: true``; the first answer says in
    ``Idempotency-Key-Expires-In`` for how many whole seconds the key will be
    answered this way. A stored Set-Cookie is given to the first caller only.
    """
    empty = answer.status in NO_BODY
    left_out = _FRAMING | _ONCE if answer.replayed else _FRAMING
    stored = (
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers
    )
    lines = [line for line in stored if line[0] not in left_out]
    names = {name for name, _ in lines}
    if not empty and b"content-type" not in names:
        lines.append((b"content-type", b"application/json"))
    if not empty:
        lines.append((b"content-length", b"%d" % len(answer.body)))
    if answer.replayed:
        lines.append((b"idempotent-replayed", b"true"))
    else:
        seconds = max(0, int(answer.expires_in))
        lines.append((b"idempotency-key-expires-in", b"%d" % seconds))
    return lines, b"" if empty else answer.body
