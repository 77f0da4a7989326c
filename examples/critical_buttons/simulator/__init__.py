"""The SMS simulator."""

from __future__ import annotations
