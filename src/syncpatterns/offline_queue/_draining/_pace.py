"""How often a drain looks, where nothing tells it to; all in seconds."""

from __future__ import annotations

from typing import Final

#: Between two looks for commits of other processes: the shorter one after
#: something was found, doubled up to the longer one on a quiet day.
POLL: Final = (0.05, 0.25)
#: Until a claim is tried although nothing seems to have changed.
CLAIM_ANYWAY: Final = 5.0
#: Between two stagings of a drain that is never idle.
BUSY_STAGE: Final = 1.0
#: Between two stagings at least; what is due is claimed without them.
SHORTEST_STAGE: Final = 0.05
#: Between two stagings at most: the floor should a hint be lost.
LONGEST_STAGE: Final = 30.0
#: Until a look is taken as a no whose probe has no time-out of its own.
LONGEST_LOOK: Final = 30.0
