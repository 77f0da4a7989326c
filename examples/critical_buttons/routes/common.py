"""What the routes share: who asks, since when, and fresh answers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from examples.critical_buttons.principal import Principal, principal_of

#: A year: what claims to have waited longer has a wrong clock.
_LONGEST_WAIT: Final = 366 * 86400.0
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


async def who_asks(request: Request) -> Principal:
    """Return who is signed in."""
    return principal_of(request.headers.raw)


Who = Annotated[Principal, Depends(who_asks)]


async def waited(request: Request) -> float:
    """Return the seconds for which the caller had to wait before it could send.

    ``Idempotency-Waited`` is for the audit log and decides nothing, so one that
    cannot be read is as good as none. ``Idempotency-Age`` is another thing: it
    counts from the first try that may have arrived.
    """
    said = request.headers.get("idempotency-waited", "")
    return min(float(said), _LONGEST_WAIT) if _SECONDS.fullmatch(said) else 0.0


Waited = Annotated[float, Depends(waited)]


def fresh(
    content: Any, headers: dict[str, str] | None = None, status: int = 200
) -> JSONResponse:
    """Return *content* as JSON that nobody may keep."""
    return JSONResponse(
        content, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
