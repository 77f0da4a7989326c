"""Queues in memory: one lock, one decision."""

from __future__ import annotations
