"""The checks of `conformance.idempotency`."""

from __future__ import annotations
