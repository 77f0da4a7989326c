"""What can be wrong with a message, its recipient or its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from examples.critical_buttons.problems.problem import Problem

SMS: Final[Mapping[str, Problem]] = {
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
    "nothing-to-review": Problem(
        409,
        "There is no reply to decide on",
        "No reply of this person waits for somebody to read it. It may have been "
        "decided a moment ago; a STOP is never ours to undo.",
        "Reload the list.",
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
    "provider-unavailable": Problem(
        503,
        "The SMS service cannot be reached",
        "Every attempt to reach it failed before anything was sent. `Retry-After` "
        "says when to come back.",
        "Wait that long and press again; the same key is used.",
    ),
    "not-sent": Problem(
        503,
        "The request did not reach the service",
        "The connection was refused or the service took no request, so nothing was "
        "done.",
        "Press again; the same key is used, and nothing happens twice.",
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
}
