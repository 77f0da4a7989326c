"""What can be wrong with a change of a lead's state, alone or in a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from examples.critical_buttons.problems.problem import Problem

LEADS: Final[Mapping[str, Problem]] = {
    "reason-required": Problem(
        422,
        "Say why",
        "A lead is given up, or taken up again, for a reason; whoever looks at it "
        "later wants to know. Nothing was changed.",
        "Send the same change with a `reason` of 1 to 200 characters, under a new key.",
    ),
    "batch-failed": Problem(
        409,
        "Nothing was changed",
        "The batch is all or nothing, and some of its rows cannot be changed. "
        "`results` says which, and why.",
        "Correct those rows or leave them out, or send the batch in mode `partial`; "
        "with a new key, since this one has its answer.",
    ),
    "batch-cancelled": Problem(
        409,
        "The batch was cancelled",
        "Somebody cancelled it before its commit. No row was changed by it, and none "
        "will be, whoever still sends it under this key.",
        "Nothing has to be done. To change the rows after all, send them under a new "
        "key.",
    ),
    "batch-too-large": Problem(
        413,
        "There are too many rows",
        "A batch is one commit, and nobody else can write meanwhile: `max` is how "
        "many rows it may have. Nothing was looked at.",
        "Send it in parts, each with a key of its own. Each part is then all or "
        "nothing, and the whole is not.",
    ),
    "row-not-written": Problem(
        500,
        "This row could not be written",
        "The database itself refused this row of a batch; the other rows are not "
        "affected.",
        "Tell the server's operator the request id, who finds the reason in the log.",
    ),
}
