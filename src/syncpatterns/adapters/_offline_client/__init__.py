"""What `adapters.httpx.OfflineClient` is made of."""

from __future__ import annotations
