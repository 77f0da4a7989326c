"""What can be saved of a damaged file, read without SQLite."""

from __future__ import annotations
