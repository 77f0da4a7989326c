"""Who asks. The demo signs everybody in as the first tenant's demo user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from examples.critical_buttons.tenants import ACTOR, DEFAULT_TENANT, TENANTS
from syncpatterns.errors import SyncPatternsError

TENANT_HEADER: Final = b"x-tenant"


class TenantUnknown(SyncPatternsError):
    """The request names a tenant that this principal may not act for."""

    status = 403
    problem = "tenant-unknown"
    title = "You may not act for this tenant."


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who is signed in.

    Args:
        tenant: For whom they act; nothing of another tenant is shown to them.
        actor: Who they are, for the audit log.
    """

    tenant: str
    actor: str


def principal_of(
    headers: Iterable[tuple[bytes, bytes]], query: bytes = b""
) -> Principal:
    """Return who asks, from the header ``X-Tenant`` or the query's ``tenant``.

    The query is for event streams: EventSource cannot set a header.

    Raises:
        TenantUnknown: No such tenant, or the request names two.
    """
    named = {value.strip(b" \t") for name, value in headers if name == TENANT_HEADER}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "tenant":
            named.add(value.encode())
    known = {tenant.encode(): tenant for tenant in TENANTS}
    if not named:
        return Principal(DEFAULT_TENANT, ACTOR)
    chosen = known.get(next(iter(named))) if len(named) == 1 else None
    if chosen is None:
        raise TenantUnknown(
            f"X-Tenant must be {' or '.join(TENANTS)}, and named once. Leave it out "
            f"to act for {DEFAULT_TENANT}."
        )
    return Principal(chosen, ACTOR)
