"""What the routes share: who asks, under which condition, and fresh answers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from examples.critical_buttons.principal import Principal, principal_of


async def who_asks(request: Request) -> Principal:
    """Return who is signed in."""
    return principal_of(request.headers.raw)


Who = Annotated[Principal, Depends(who_asks)]


def fresh(
    content: Any, headers: dict[str, str] | None = None, status: int = 200
) -> JSONResponse:
    """Return *content* as JSON that nobody may keep."""
    return JSONResponse(
        content, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
