"""Named places where a test may kill the process or raise.

`hit` is called at every place where a crash would be interesting. It does
nothing until `arm` was called from Python, so no environment variable alone
can make a production process kill itself.
"""

from __future__ import annotations

from collections.abc import Callable

_action: Callable[[str], None] | None = None

#: Every name that the library passes to `hit`, in the order of the data.
NAMES = (
    "single.before_claim",
    "single.after_claim",
    "single.after_effect",
    "single.before_commit",
    "single.after_commit",
    "fenced.after_claim",
    "fenced.before_send",
    "fenced.after_send",
    "fenced.after_commit",
    "guard.after_claim",
    "guard.after_effect",
    "guard.after_complete",
    "sqlite.before_commit",
    "sqlite.after_commit",
    "relay.after_read",
    "relay.after_publish",
    "drain.after_claim",
    "drain.before_settle",
    "drain.after_settle",
)


def hit(name: str) -> None:
    """Pass the place *name*; a no-op unless armed."""
    if _action is not None:
        _action(name)


def arm(action: Callable[[str], None] | None) -> None:
    """Call *action* with the name of every place passed; None disarms."""
    global _action  # noqa: PLW0603 - one switch for the process, by design
    _action = action
