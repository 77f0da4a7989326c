"""What the library says of actions that wait for their turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from examples.critical_buttons.problems.problem import LOOK, SAME_KEY, Problem

QUEUE: Final[Mapping[str, Problem]] = {
    "queue-full": Problem(
        503,
        "The queue is full",
        "As many actions wait as may. Nothing was stored, and none of those that "
        "wait was given up for it.",
        SAME_KEY,
    ),
    "item-failed": Problem(
        409,
        "The queued action was not done",
        "It was refused, was tried as often as it may be, grew too old, or somebody "
        "cancelled it. It is kept with its reason.",
        LOOK + " It can be put back into the queue.",
    ),
    "sign-in-required": Problem(
        401,
        "Sign in first",
        "Nobody is signed in, or not any more. Nothing was done.",
        "Sign in, then try again with the same key.",
    ),
    "not-permitted": Problem(
        403,
        "You may not do this",
        "Whoever is signed in is not allowed to. Nothing was done.",
        "Ask somebody who may.",
    ),
    "no-answer": Problem(
        504,
        "No answer came",
        "The request left, and the service behind this one did not say what became "
        "of it. It may have been done.",
        "Ask again with the same key; a new one could do it a second time.",
    ),
    "http-refused": Problem(
        422,
        "The service refused it",
        "The service that was asked looked at the request and said no. Nothing was "
        "done.",
        LOOK + " It is kept with what the service said.",
    ),
    "http-conflict": Problem(
        412,
        "Somebody else changed it first",
        "What was to be changed is no longer as it was when the button was pressed. "
        "Nothing was done.",
        "Compare the two, then decide which one stays.",
    ),
    "server-failed": Problem(
        502,
        "The service failed",
        "The service that was asked answered, and could not do it. It is asked again "
        "a few times, with the same key.",
        "Wait: it is tried again by itself. If it keeps failing, it is kept.",
    ),
}
