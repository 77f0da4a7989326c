"""How actions get in: keys, drafts, calls, room; and the receipts for them."""

from __future__ import annotations
