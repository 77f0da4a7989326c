"""What every engine promises, as checks with plain asserts: one module a pattern."""

from __future__ import annotations
