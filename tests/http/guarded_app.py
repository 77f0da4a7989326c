"""A small FastAPI application, wired as the documentation says.

``python guarded_app.py PORT DATABASE_FILE`` serves it with uvicorn on h11.
``GET /effects`` tells how often each booking was confirmed in the database.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from syncpatterns import Operation, Refusal, Result, connect
from syncpatterns.adapters.fastapi import (
    IdempotencyKey,
    install_problems,
    lifespan,
    protect,
    reply,
)
from syncpatterns.browser import BrowserAssets

MAX_BYTES = 64 * 1024


class SlotTaken(Refusal):
    """Somebody else has the slot."""

    problem = "slot-taken"
    title = "The slot is taken."


class Confirm(BaseModel):
    """What the button sends."""

    model_config = ConfigDict(extra="forbid", strict=True)

    booking_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]


def confirm_booking(tx: Any, command: Confirm) -> Result[dict[str, str]]:
    """Confirm one booking, once for each time this is called."""
    tx.connection.execute("INSERT INTO effects VALUES (?)", (command.booking_id,))
    if command.booking_id == "taken":
        raise SlotTaken("Somebody was faster.", alternatives=["10:30"])
    if command.booking_id == "broken":
        raise RuntimeError("canary-secret")
    return Result(
        {"booking": command.booking_id, "status": "confirmed"},
        status=201,
        headers={"Location": f"/bookings/{len(command.booking_id)}", "ETag": '"1"'},
    )


def build(url: str) -> Any:
    """Return the application on the database at *url*, behind its guards."""
    engine: Any = connect(url)
    confirm = Operation(
        "bookings.confirm", engine, effect=confirm_booking, refusals=(SlotTaken,)
    )

    async def prepare() -> None:
        await engine.atransact(
            lambda tx: tx.connection.execute(
                "CREATE TABLE IF NOT EXISTS effects (booking TEXT NOT NULL)"
            )
        )

    app = FastAPI(lifespan=lifespan(engine, prepare))
    install_problems(app)
    app.mount("/syncpatterns", BrowserAssets())

    @app.post("/confirm", status_code=201)
    async def confirm_route(
        command: Confirm, key: IdempotencyKey, request: Request
    ) -> Response:
        tenant = request.headers.get("x-tenant", "acme")
        return reply(await confirm.acall(command, key=key, scope=tenant))

    @app.get("/effects")
    async def effects() -> dict[str, int]:
        found = await engine.aread(
            lambda connection: connection.execute(
                "SELECT booking, count(*) FROM effects GROUP BY booking"
            ).fetchall()
        )
        return {row[0]: row[1] for row in found}

    @app.get("/items/{number}")
    async def item(number: int, limit: int = 5) -> dict[str, int]:
        if number == 0:
            raise HTTPException(503, "Closed today.", {"Retry-After": "7"})
        return {"number": number, "limit": limit}

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("canary-secret")

    return protect(app, max_bytes=MAX_BYTES)


if __name__ == "__main__":
    uvicorn.run(
        build(f"sqlite:///{sys.argv[2]}"),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="h11",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
