"""How the adapter for Flask is called; for checkers, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from flask import Flask, Response, request

from syncpatterns import Operation, connect
from syncpatterns._http import RequestKey
from syncpatterns.adapters.flask import (
    idempotency_key,
    install_engine,
    install_problems,
    json_body,
    reply,
    request_id,
)
from syncpatterns.operation import Transaction


@dataclass
class Confirm:
    booking: str


class Refused(Exception):
    pass


def confirm(tx: Transaction, command: Confirm) -> int:
    """Do nothing."""
    return len(command.booking)


engine = connect("sqlite:///app.db")
operation = Operation("confirm", engine, effect=confirm)
app = Flask(__name__)
install_problems(app, refusals=[Refused])
install_engine(app, engine, sweep_every=None)
install_problems(app, refusals=[Refused("no")])  # type: ignore[list-item]  # classes are meant
install_engine(app, "sqlite:///app.db")  # type: ignore[arg-type]  # an engine is meant


@app.post("/confirm")
def view() -> Response:
    """Answer one request."""
    key = idempotency_key(request)
    command = json_body(request, Confirm)
    assert_type(key, RequestKey)
    assert_type(command, Confirm)
    assert_type(request_id(request), str)
    answer = operation.call(command, key=key, scope="acme")
    assert_type(answer.value, int)
    operation.call(json_body(request, int), key=key, scope="acme")  # type: ignore[arg-type]  # a Confirm is meant
    assert_type(reply(answer), Response)
    return reply(answer)
