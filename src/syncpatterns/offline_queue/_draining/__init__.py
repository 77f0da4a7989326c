"""How a queue is emptied: who claims, who keeps, who settles, who finds out."""

from __future__ import annotations
