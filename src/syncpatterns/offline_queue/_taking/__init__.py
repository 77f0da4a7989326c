"""How actions get in: keys, drafts, calls, room."""

from __future__ import annotations
