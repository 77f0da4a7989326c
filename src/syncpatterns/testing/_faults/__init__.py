"""A network that misbehaves on purpose."""

from __future__ import annotations
