"""How people look at a queue and steer it."""

from __future__ import annotations
