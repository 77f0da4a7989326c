"""The checks of `conformance.realtime`."""

from __future__ import annotations
