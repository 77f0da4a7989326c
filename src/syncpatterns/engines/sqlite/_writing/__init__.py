"""The one writing connection: who has it, and what is shared."""

from __future__ import annotations
