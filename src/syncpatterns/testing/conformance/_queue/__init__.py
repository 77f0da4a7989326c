"""The checks of `conformance.queue`."""

from __future__ import annotations
