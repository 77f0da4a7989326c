"""The rules of booking: plain data and pure functions, without I/O."""

from __future__ import annotations
