"""What an operation says of itself; for checkers, never run."""

from __future__ import annotations

from typing import assert_type

from syncpatterns import Operation


def said(operation: Operation[int, str]) -> None:
    """Do nothing."""
    assert_type(operation.mode, str)
    assert_type(operation.guarantee, str)
