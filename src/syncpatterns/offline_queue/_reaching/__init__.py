"""Whether a target may be asked: one memory for all who deliver to it."""

from __future__ import annotations
