"""The two tenants of the demo, and who is signed in."""

from __future__ import annotations

from typing import Final

TENANTS: Final = ("acme", "globex")
DEFAULT_TENANT: Final = "acme"
ACTOR: Final = "demo"
