"""What can be wrong with a request, whatever it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from examples.critical_buttons.problems.problem import Problem

HTTP: Final[Mapping[str, Problem]] = {
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
    "cut-off": Problem(
        503,
        "The server stopped in the middle",
        "It was asked to stop, and could not wait for the end of this request. What "
        "was asked for may have been done.",
        "Ask again with the same key, once it is back: it is done once, or you are "
        "told what is known of it.",
    ),
    "internal": Problem(
        500,
        "Something went wrong",
        "The server met a fault of its own and says no more here.",
        "Tell its operator the request id. Try again with the same key.",
    ),
}
