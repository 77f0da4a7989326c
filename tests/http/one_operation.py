"""One operation behind FastAPI, Flask and a queue's worker.

``python one_operation.py fastapi|flask PORT DATABASE_FILE`` serves it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI
from flask import Flask, Response as FlaskResponse, request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response
from werkzeug.serving import WSGIRequestHandler, make_server

from syncpatterns import Operation, Result, Transaction, connect
from syncpatterns.adapters import fastapi, flask
from syncpatterns.events import Hook
from syncpatterns.offline_queue import OfflineQueue

ASGI_PATH = "/api/bookings/confirm"
WSGI_PATH = "/confirm"
TENANT = "acme"


class Confirm(BaseModel):
    """What all of them are asked for."""

    model_config = ConfigDict(extra="forbid")

    booking: Annotated[str, StringConstraints(min_length=1)]
    seats: float = Field(default=1, ge=1)


class Booking(BaseModel):
    """What they answer."""

    booking: str
    seats: float
    number: int


def confirm(tx: Transaction, command: Confirm) -> Result[Booking]:
    """Write one row for each time this runs."""
    row = tx.connection.execute("INSERT INTO effects VALUES (?)", (command.booking,))
    booking = Booking(**command.model_dump(), number=row.lastrowid)
    return Result(booking, status=201, headers={"Location": f"/{command.booking}"})


class House:
    """One engine, one operation, and the three ways to it."""

    def __init__(
        self, url: str, *, hooks: Iterable[Hook] = (), clock: Any = None
    ) -> None:
        self.engine: Any = connect(url) if clock is None else connect(url, clock=clock)
        self.engine.transact(
            lambda tx: tx.connection.execute(
                "CREATE TABLE IF NOT EXISTS effects (booking TEXT NOT NULL)"
            )
        )
        self.operation = Operation(
            "bookings.confirm", self.engine, effect=confirm, hooks=hooks
        )
        self.queue = OfflineQueue("field", self.engine)
        self.queue.handler(self.operation)

    def effects(self) -> list[str]:
        """Return for which bookings it ran, in order."""
        return [
            booking
            for (booking,) in self.engine.read(
                lambda connection: connection.execute(
                    "SELECT booking FROM effects ORDER BY rowid"
                ).fetchall()
            )
        ]

    def asgi(self) -> Any:
        """Return the FastAPI application."""
        app = FastAPI(lifespan=fastapi.lifespan(self.engine, sweep_every=None))
        fastapi.install_problems(app)

        @app.post(ASGI_PATH)
        async def route(command: Confirm, key: fastapi.IdempotencyKey) -> Response:
            answer = await self.operation.acall(command, key=key, scope=TENANT)
            return fastapi.reply(answer)

        @app.get("/ready")
        async def ready() -> str:
            return "ready"

        return fastapi.protect(app)

    def wsgi(self) -> Flask:
        """Return the Flask application."""
        app = Flask("one_operation")
        flask.install_problems(app)

        @app.post(WSGI_PATH)
        def view() -> FlaskResponse:
            key = flask.idempotency_key(request)
            command = flask.json_body(request, Confirm)
            return flask.reply(self.operation.call(command, key=key, scope=TENANT))

        @app.get("/ready")
        def ready() -> str:
            return "ready"

        return app


class Quiet(WSGIRequestHandler):
    """Says nothing about each request."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - Werkzeug's name
        pass


def main() -> None:
    """Serve."""
    kind, port, path = sys.argv[1:]
    house = House(f"sqlite:///{path}")
    if kind == "fastapi":
        uvicorn.run(
            house.asgi(),
            host="127.0.0.1",
            port=int(port),
            http="h11",
            log_level="error",
        )
        return
    app = house.wsgi()
    flask.install_engine(app, house.engine)
    make_server(
        "127.0.0.1", int(port), app, threaded=True, request_handler=Quiet
    ).serve_forever()


if __name__ == "__main__":
    main()
