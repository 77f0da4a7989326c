"""A disk that loses power, under a real SQLite."""

from __future__ import annotations
