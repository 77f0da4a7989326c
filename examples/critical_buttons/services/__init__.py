"""The use cases; they know the tables and the domain, and nothing of HTTP."""

from __future__ import annotations
