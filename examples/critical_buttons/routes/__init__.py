"""The routes: from HTTP to a use case and back, nothing more."""

from __future__ import annotations
