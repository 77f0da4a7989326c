"""What the library says of keys, stores and streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from examples.critical_buttons.problems.problem import LOOK, SAME_KEY, Problem

LIBRARY: Final[Mapping[str, Problem]] = {
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
        "Take it as done. " + LOOK,
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
        "If it is still wanted, act anew under a new key. " + LOOK,
    ),
    "outcome-unknown": Problem(
        409,
        "It is not known whether this was done",
        "An earlier try with this key was cut off and never settled.",
        "Do not use a new key: that could do it twice. " + LOOK,
    ),
    "key-expired": Problem(
        409,
        "The request is too old",
        "It is older than keys are remembered, so nobody can tell whether it was "
        "done. It was not run now.",
        LOOK,
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
        LOOK,
    ),
    "not-executed": Problem(503, "Nothing was done", SAME_KEY, SAME_KEY),
    "store-unavailable": Problem(
        503,
        "The store is not available",
        "The database did not answer, so nothing was run.",
        SAME_KEY,
    ),
    "store-busy": Problem(
        503,
        "The store is busy",
        "Others held the database for the whole time-out.",
        SAME_KEY,
    ),
    "disk-full": Problem(
        503,
        "The store has no space left",
        "The disk or its quota is full; nothing was written.",
        "Free space on the server. " + SAME_KEY,
    ),
    "engine-closed": Problem(
        503,
        "The service is stopping",
        "The app was asked to stop and takes nothing new.",
        SAME_KEY,
    ),
    "store-full": Problem(
        503,
        "The store is full",
        "As many keys as allowed are remembered; a live one is never dropped.",
        SAME_KEY,
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
