"""Accepted is stored; delivered later, in order, once."""

from __future__ import annotations
