"""How what waits is kept from whoever reads the database: sealed on its way in."""

from __future__ import annotations
