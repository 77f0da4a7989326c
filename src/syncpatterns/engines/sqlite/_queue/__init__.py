"""Queues in SQLite: what is decided in SQL, one file a subject."""

from __future__ import annotations
