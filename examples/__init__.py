"""Programs that show the library at work; each is run by a test."""

from __future__ import annotations
