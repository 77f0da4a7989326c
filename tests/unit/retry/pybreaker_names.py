"""The public names of pybreaker, and which test is about which."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import pybreaker

F = TypeVar("F", bound=Callable[..., Any])

#: Every public name, and the test that uses it.
NAMES: dict[str, str] = {}


def proves(*names: str) -> Callable[[F], F]:
    """Say which of pybreaker's names a test is about."""

    def mark(test: F) -> F:
        NAMES.update((name, test.__name__) for name in names)
        return test

    return mark


def public_names() -> set[str]:
    """Return what pybreaker offers: its module's names and its classes' members."""
    found: set[str] = set()
    for name, value in vars(pybreaker).items():
        own = getattr(value, "__module__", None) == "pybreaker"
        if name.startswith("_") or not (own or name in pybreaker.__all__):
            continue
        if not inspect.isclass(value):
            if name.isupper() or callable(value):
                found.add(name)
            continue
        found.add(name)
        for member in vars(value):
            if not member.startswith("_"):
                found.add(f"{name}.{member}")
    # Type variables and aliases are for its own annotations.
    return found - {"T", "ExceptionType", "CBListenerType", "CBStateType"}
