"""Whose key it is: said aloud by every caller, even where there is only one."""

from __future__ import annotations

from typing import Final

from syncpatterns.errors import ConfigurationError


class _SingleTenant(str):
    """Equal to no tenant's name: it holds a character that no name has."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SINGLE_TENANT"


#: The scope of a service that has one tenant and says so.
SINGLE_TENANT: Final[str] = _SingleTenant("\x00single-tenant")


def checked_scope(operation: str, scope: object) -> str:
    """Return *scope*, who the key belongs to.

    Raises:
        ConfigurationError: It is empty or no text: two tenants' keys would meet.
    """
    if not isinstance(scope, str) or not scope:
        raise ConfigurationError(
            f"{operation}: scope= says whose key it is, such as the tenant's id, and "
            "must be text. Say scope=SINGLE_TENANT if there is one tenant only."
        )
    return scope
