"""One delivery: from the bytes of an item to its handler, and to what that means."""

from __future__ import annotations
