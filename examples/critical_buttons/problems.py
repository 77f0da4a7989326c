"""A page for every problem type, so that its URI leads somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final, NamedTuple


class Problem(NamedTuple):
    """What one problem type means to the person in front of it."""

    status: int
    title: str
    meaning: str
    advice: str


_SAME_KEY: Final = "Nothing was done. Try again a little later with the same key."
_LOOK: Final = "Look at the booking before you do anything else."

PROBLEMS: Final[Mapping[str, Problem]] = {
    "booking-not-found": Problem(
        404,
        "There is no such booking",
        "No booking of yours has this id. It may never have existed, or it may be "
        "somebody else's; the answer is the same.",
        "Reload the list and choose again.",
    ),
    "transition-not-allowed": Problem(
        409,
        "The booking cannot change this way",
        "The booking is in a state that cannot be followed by the one you asked for. "
        "`from`, `to` and `allowed` say which state it is in and what may follow.",
        "Choose one of the states in `allowed`; an empty list is a final state.",
    ),
    "hold-expired": Problem(
        409,
        "The hold has run out",
        "The slot was kept until `expired_at`, and that time has passed.",
        "Request the slot again.",
    ),
    "slot-taken": Problem(
        409,
        "The slot is taken",
        "Another booking has the same resource at the same time. `alternatives` "
        "lists the next free slots of that resource.",
        "Choose one of the alternatives or another time.",
    ),
    "version-conflict": Problem(
        412,
        "The booking was changed in the meantime",
        "If-Match named a version that is no longer the current one. `current` says "
        "who changed it, when, and to what.",
        "Look at the current booking. If you still want it, press again: that is a "
        "new action with a new key and the new version.",
    ),
    "tenant-unknown": Problem(
        403,
        "You may not act for this tenant",
        "X-Tenant names a tenant that does not exist here, or names two.",
        "Leave the header out, or name one of the demo's tenants.",
    ),
    "if-match-invalid": Problem(
        400,
        "If-Match cannot be read",
        "The header must be * or a list of quoted entity tags.",
        "Send the ETag exactly as it was received, quotes included.",
    ),
    "not-sent": Problem(
        503,
        "The request did not reach the service",
        "The connection was refused or the service took no request, so nothing was "
        "done.",
        "Press again; the same key is used, and nothing happens twice.",
    ),
    "provider-unavailable": Problem(
        503,
        "The SMS service cannot be reached",
        "Every attempt to reach it failed before anything was sent. `Retry-After` "
        "says when to come back.",
        "Wait that long and press again; the same key is used.",
    ),
    "call-rejected": Problem(
        503,
        "The service is not being asked for now",
        "This server has stopped asking it for a while, so nothing was sent.",
        "Wait for `Retry-After` and press again; the same key is used.",
    ),
    "circuit-open": Problem(
        503,
        "Sending is paused",
        "The SMS service failed several times in a row, and this server has stopped "
        "asking it. Nothing was sent. `Retry-After` says when one call is let "
        "through to see whether it has recovered.",
        "Wait that long; the page counts down and sends by itself.",
    ),
    "lead-not-found": Problem(
        404,
        "There is no such lead",
        "No lead of yours has this id. It may never have existed, or it may be "
        "somebody else's; the answer is the same.",
        "Reload the list and choose again.",
    ),
    "opted-out": Problem(
        409,
        "This person wants no messages",
        "They answered STOP or the like, here or at the SMS service, or a reply of "
        "theirs may mean it and waits for somebody to read it (`under_review`).",
        "Do not write to them. Only they can change that, by writing START.",
    ),
    "phone-invalid": Problem(
        422,
        "The phone number cannot be used",
        "It is no number that exists, so no message can reach it.",
        "Correct the lead's number.",
    ),
    "quiet-hours": Problem(
        409,
        "It is too late or too early there",
        "Nobody is written to from 21:00 to 8:00 of their own time. Nothing was sent; "
        "`retry_at` says when it may be.",
        "Try again then, with the same key.",
    ),
    "rate-limited": Problem(
        429,
        "Too many messages",
        "This person, or all of your leads together, had as many messages within the "
        "last hour as are allowed, or the sending number may not send faster.",
        "Wait for `Retry-After` and press again; the same key is used.",
    ),
    "provider-rejected": Problem(
        502,
        "The SMS service refused the message",
        "It read the message and will not send it; `provider_code` is its reason.",
        "Look the code up at the provider. The same message will be refused again.",
    ),
    "provider-misconfigured": Problem(
        503,
        "The SMS service does not let this server in",
        "It does not accept the account or its token. Nothing was sent.",
        "The server's operator has to correct the account; then press again.",
    ),
    "provider-starting": Problem(
        503,
        "The SMS service is still starting",
        "The server has just started, and its SMS service has not yet.",
        "Try again in a moment.",
    ),
    "unresolved-not-found": Problem(
        404,
        "There is nothing to settle",
        "No message of yours with this name waits to be settled. Somebody may have "
        "done it a moment ago.",
        "Reload the list.",
    ),
    "signature-invalid": Problem(
        403,
        "The webhook is not signed by the provider",
        "X-Twilio-Signature is missing, or is not what the account's token makes of "
        "the URL and the form. Nothing was changed.",
        "If it does come from the provider: the server's operator has to check the "
        "account, its token and --public-url.",
    ),
    "malformed-form": Problem(
        400,
        "The form cannot be read",
        "The body is no list of name=value pairs in UTF-8, or has too many of them.",
        "Send application/x-www-form-urlencoded. Nothing was changed.",
    ),
    "simulator-unreachable": Problem(
        503,
        "The SMS simulator does not answer",
        "Its switches cannot be reached. It may still be starting, or the SMS service "
        "is a real one.",
        "Try again in a moment.",
    ),
    "simulator-refused": Problem(
        422,
        "The SMS simulator does not take this",
        "There is no such fault, or a figure is out of its bounds.",
        "Correct the setting. Nothing was changed.",
    ),
    "cursor-invalid": Problem(
        400,
        "The position in the stream cannot be read",
        "Last-Event-ID or `cursor` is not something this server gave out.",
        "Load the list again and connect with its X-Realtime-Cursor.",
    ),
    "stream-invalid": Problem(
        400,
        "The event stream cannot be opened like this",
        "The query names no proper channel, or too many.",
        "Leave the channel out to get your own bookings.",
    ),
    "too-many-streams": Problem(
        503,
        "Too many event streams are open",
        "The server holds as many streams as it may.",
        "Close other pages, or wait for Retry-After seconds.",
    ),
    "validation": Problem(
        422,
        "The request is not valid",
        "It can be read, but is not of the form this address takes. `errors` points "
        "at each member that is wrong.",
        "Correct what it lists. Nothing was done.",
    ),
    "malformed-json": Problem(
        400,
        "The body is not valid JSON",
        "It cannot be parsed, or two parsers could read it differently: a name "
        "twice, a number too large, half a character.",
        "Send JSON in UTF-8. Nothing was done.",
    ),
    "unsupported-media-type": Problem(
        415,
        "The body is not declared as what it has to be",
        "This app takes JSON only, so that no form of another site can act here; its "
        "webhooks take forms, signed by the provider.",
        "Send Content-Type: application/json, to a webhook "
        "application/x-www-form-urlencoded. Nothing was done.",
    ),
    "content-encoding": Problem(
        415,
        "The body is encoded",
        "Compressed bodies are not taken: a small one can unpack to a huge one.",
        "Send the body as it is, without Content-Encoding.",
    ),
    "body-too-large": Problem(
        413,
        "The body is too large",
        "No action of this app needs more than a mebibyte.",
        "Send less. Nothing was done.",
    ),
    "host-not-allowed": Problem(
        421,
        "The server does not answer to that name",
        "The Host header names a host this app was not started for; a page that "
        "points its own name here must not be served.",
        "Use the address the app printed at start, or start it with --allow-host.",
    ),
    "origin-not-allowed": Problem(
        403,
        "A page of another origin may not do this",
        "The request comes from a page that this server did not send.",
        "Open the page from this server.",
    ),
    "not-found": Problem(
        404, "There is nothing here", "The path is not known.", "Look at the address."
    ),
    "method-not-allowed": Problem(
        405,
        "The method is not allowed here",
        "The address is known, but not with this method; Allow lists the others.",
        "Use one of the methods in Allow.",
    ),
    "internal": Problem(
        500,
        "Something went wrong",
        "The server met a fault of its own and says no more here.",
        "Tell its operator the request id. Try again with the same key.",
    ),
    "key-missing": Problem(
        400,
        "An Idempotency-Key is required",
        "A critical action needs a key that stays the same for every try of one "
        "click; only with it can a second try be told from a second wish.",
        "Mint a random key when the button is pressed and send it as Idempotency-Key.",
    ),
    "key-invalid": Problem(
        400,
        "The Idempotency-Key is not valid",
        "It is empty, longer than 255 characters, malformed, sent twice, or two "
        "headers disagree.",
        "Send one Idempotency-Key of 1 to 255 visible ASCII characters.",
    ),
    "key-reused": Problem(
        422,
        "The key was used for another request",
        "The same key came before with other content. Nothing was done now, and the "
        "first answer is untouched.",
        "Use a new key for a new action, the same key only to repeat one.",
    ),
    "in-progress": Problem(
        409,
        "The same request is being processed",
        "Another call with this key is running right now.",
        "Wait for Retry-After seconds, then ask again with the same key.",
    ),
    "outcome-gone": Problem(
        409,
        "This was done, but its answer is no longer kept",
        "The action with this key is complete; its answer was kept for a minute.",
        "Take it as done. " + _LOOK,
    ),
    "stopping": Problem(
        503,
        "The service is stopping",
        "It ends its event streams before it restarts.",
        "Connect again in a moment; the stream goes on where it was.",
    ),
    "refusal-gone": Problem(
        409,
        "This was refused before, and nothing was done",
        "The action with this key was refused; the reason was kept for a minute.",
        "If it is still wanted, act anew under a new key. " + _LOOK,
    ),
    "outcome-unknown": Problem(
        409,
        "It is not known whether this was done",
        "An earlier try with this key was cut off and never settled.",
        "Do not use a new key: that could do it twice. " + _LOOK,
    ),
    "key-expired": Problem(
        409,
        "The request is too old",
        "It is older than keys are remembered, so nobody can tell whether it was "
        "done. It was not run now.",
        _LOOK,
    ),
    "lease-lost": Problem(
        409,
        "Somebody else took over this request",
        "The work took so long that another process took it over.",
        "Ask again with the same key: the answer is the other one's.",
    ),
    "refused": Problem(
        409,
        "The request was refused",
        "The rules of the app do not allow it; `detail` says why.",
        _LOOK,
    ),
    "not-executed": Problem(503, "Nothing was done", _SAME_KEY, _SAME_KEY),
    "store-unavailable": Problem(
        503,
        "The store is not available",
        "The database did not answer, so nothing was run.",
        _SAME_KEY,
    ),
    "store-busy": Problem(
        503,
        "The store is busy",
        "Others held the database for the whole time-out.",
        _SAME_KEY,
    ),
    "disk-full": Problem(
        503,
        "The store has no space left",
        "The disk or its quota is full; nothing was written.",
        "Free space on the server. " + _SAME_KEY,
    ),
    "engine-closed": Problem(
        503,
        "The service is stopping",
        "The app was asked to stop and takes nothing new.",
        _SAME_KEY,
    ),
    "store-full": Problem(
        503,
        "The store is full",
        "As many keys as allowed are remembered; a live one is never dropped.",
        _SAME_KEY,
    ),
    "database-refused": Problem(
        503,
        "The database cannot be used",
        "The database file is damaged, foreign or write protected.",
        "The server's operator has to look; nothing was done.",
    ),
    "channel-denied": Problem(
        403,
        "You may not use this channel",
        "The stream you asked for belongs to another tenant, or there is none.",
        "Leave the channel out to get your own bookings.",
    ),
    "subscription-closed": Problem(
        503,
        "The stream has ended",
        "The server stops, or this client read too slowly.",
        "Connect again with the last position; nothing is lost.",
    ),
    "publish-rejected": Problem(
        422,
        "The event cannot be published",
        "It breaks the rules for events; trying again is useless.",
        "This is a fault of the server; tell its operator the request id.",
    ),
    "payload-too-large": Problem(
        413,
        "The event is too large",
        "An event has a size limit, and this one is above it.",
        "This is a fault of the server; tell its operator the request id.",
    ),
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>HTTP status {status}, problem type <code>/problems/{slug}</code></p>
<h2>What it means</h2>
<p>{meaning}</p>
<h2>What to do</h2>
<p>{advice}</p>
<p><a href="/">Back to the bookings</a></p>
</main>
</body>
</html>
"""


def page(slug: str) -> str | None:
    """Return the HTML page of a problem type; None if there is no such type."""
    problem = PROBLEMS.get(slug)
    if problem is None:
        return None
    return _PAGE.format(
        slug=escape(slug),
        status=problem.status,
        title=escape(problem.title),
        meaning=escape(problem.meaning),
        advice=escape(problem.advice),
    )
