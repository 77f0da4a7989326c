"""Whether a key is used for what it was used for before.

A guarded function or response has one fingerprint: that of its arguments, or
of the HTTP request with its path. An operation may be asked for over HTTP, by
a call and by a queue's worker; what these have in common is the command. So a
claim that came over HTTP brings two fingerprints, the request's and the
command's, and the *door* it came in by: method and path.
"""

from __future__ import annotations

from syncpatterns.idempotency._core._values import ClaimRequest, Record


def asks_the_same(record: Record, request: ClaimRequest) -> bool:
    """Tell whether *request* asks for what *record* was claimed for.

    1. Equal fingerprints ask for the same.
    2. Two HTTP requests at one door are compared byte by byte, so another body
       there is another request: what one parser reads alike (``2**70`` and its
       nearest float), the next release of the parser may not.
    3. Else the commands are compared. Two doors never get the same bytes: the
       path is in them, and a queue has none. ``POST /api/v1/confirm`` answered
       by FastAPI, its retry sent to Flask's ``/confirm``, and the same click
       delivered by a queue are one action if the command is one.

    ``/leads/1`` and ``/leads/2`` are two doors. A guarded response has no
    command, so one key on both is refused; an operation whose path names what
    it acts on has that in its command, and is refused by rule 3.

    A record of a release that kept one fingerprint, and one that a guard wrote,
    has no command. Its only fingerprint takes that place: a command's if it
    came from a call, which an HTTP request with that command then fits; if it
    came over HTTP, nothing but the same bytes fit, as before.
    """
    if record.fingerprint == request.fingerprint:
        return True
    if record.command and request.command and record.door == request.door:
        return False
    kept = record.command or record.fingerprint
    return kept == (request.command or request.fingerprint)
