"""Consume a channel while its events are published, and stop at their end.

Argument: the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from tests.crash.relayed import Consumer

if __name__ == "__main__":
    anyio.run(Consumer(Path(sys.argv[1])).run)
