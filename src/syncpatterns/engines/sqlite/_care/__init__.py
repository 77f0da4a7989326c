"""Looking after the file: doctor, backup, health, sweep."""

from __future__ import annotations
