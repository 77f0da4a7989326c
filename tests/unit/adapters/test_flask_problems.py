"""Flask's problem documents, field by field beside FastAPI's."""

from __future__ import annotations

import dataclasses
import logging
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, HTTPException
from flask import Flask, Response, abort, request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from werkzeug import exceptions

from syncpatterns.adapters import fastapi, flask
from syncpatterns.errors import (
    CallRejected,
    ConfigurationError,
    EngineBusy,
    InProgress,
    KeyExpired,
    KeyInvalid,
    KeyMissing,
    KeyReused,
    LeaseLost,
    NotSent,
    OutcomeGone,
    OutcomeUnknown,
    ProviderUnavailable,
    QueueFull,
    Refusal,
    RefusalGone,
    StoreUnavailable,
)
from syncpatterns.retry import CircuitOpen
from tests.unit.adapters.flask_kit import Sent, ask as ask_flask, environ, serve

JSON = (b"content-type", b"application/json")
ID = (b"x-request-id", b"req-1")


class PlainRefusal(Exception):
    """A refusal that knows nothing of this library."""


class DressedRefusal(Exception):
    status = 422
    problem = "dressed"
    title = "Wrong dress."


class Taken(Refusal):
    status = 409
    problem = "slot-taken"
    title = "The slot is taken."


def replayed(error: Exception) -> Exception:
    """Return *error* as an operation gives it again."""
    error.replayed = True  # type: ignore[attr-defined]  # as Operation does
    return error


# What our code and the application's raise, in both.
SHARED: dict[str, Exception] = {
    "busy": EngineBusy("The database is locked.", retry_after=1.2),
    "open": CircuitOpen("sms", retry_after=299.2),
    "rejected": CallRejected("Not now."),
    "running": InProgress("Wait.", retry_after=0.01),
    "expired": KeyExpired("Too old."),
    "invalid": KeyInvalid("No key."),
    "missing": KeyMissing("No key at all."),
    "reused": KeyReused("Another one."),
    "lost": LeaseLost("Somebody else."),
    "gone": OutcomeGone("Done."),
    "unknown": OutcomeUnknown("Perhaps."),
    "refusal-gone": RefusalGone("Not done."),
    "not-sent": NotSent("canary-secret"),
    "provider": ProviderUnavailable("canary-secret", retry_after=5.0),
    "full": QueueFull("Full."),
    "down": StoreUnavailable("canary-secret", retry_after=1.0),
    "wired": ConfigurationError("canary-secret"),
    "refused": Refusal("No.", seats=0),
    "taken": Taken("Somebody was faster.", free=["10:30"]),
    "again": replayed(Taken("Somebody was faster.", free=["10:30"])),
    "plain": PlainRefusal("Not today."),
    "plain-again": replayed(PlainRefusal("Not today.")),
    "dressed": DressedRefusal("Black tie."),
    "bug": RuntimeError("canary-secret"),
}
# The frameworks' own: (Starlette's, Werkzeug's).
OWN: dict[str, tuple[Exception, Exception]] = {
    "teapot": (HTTPException(418, "short"), exceptions.ImATeapot("short")),
    "forbidden": (HTTPException(403), exceptions.Forbidden()),
    "no-key": (HTTPException(400), exceptions.BadRequestKeyError("canary-secret")),
    "facts": (
        HTTPException(409, {"wanted": 2, "status": 999, "type": "x"}),
        exceptions.Conflict({"wanted": 2, "status": 999, "type": "x"}),  # type: ignore[arg-type]  # as Starlette's takes it
    ),
    "none-here": (HTTPException(404), exceptions.NotFound()),
    "told-none": (HTTPException(404, "No lead 7."), exceptions.NotFound("No lead 7.")),
    "hidden": (
        HTTPException(500, "canary-secret"),
        exceptions.InternalServerError("canary-secret"),
    ),
    "later": (
        HTTPException(503, "Later.", {"Retry-After": "7"}),
        exceptions.ServiceUnavailable("Later.", retry_after=7),
    ),
}
NAMES = [*SHARED, *OWN]
COMPARED = (
    "content-type",
    "content-length",
    "cache-control",
    "retry-after",
    "idempotent-replayed",
    "x-request-id",
)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    booking: Annotated[str, StringConstraints(min_length=1, max_length=5)]
    seats: int = Field(default=1, ge=1)
    notes: list[Annotated[int, Field(le=9)]] = []

    @model_validator(mode="after")
    def no_canary(self) -> Body:
        if self.booking == "sing":
            raise ValueError("A booking must not sing")
        return self


@pytest.fixture
def starlette_app() -> Any:
    """The FastAPI application, behind its guards."""
    app = FastAPI()
    fastapi.install_problems(app, refusals=[PlainRefusal, DressedRefusal])

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise SHARED.get(name) or OWN[name][0]

    @app.post("/body")
    async def body(body: Body) -> Body:
        return body

    return fastapi.protect(app, max_bytes=1000)


@pytest.fixture
def flask_app() -> Flask:
    """The Flask application with the same addresses."""
    app = Flask("test")
    app.config["MAX_CONTENT_LENGTH"] = 1000
    flask.install_problems(app, refusals=[PlainRefusal, DressedRefusal])

    @app.get("/raise/<name>")
    def fail(name: str) -> Any:
        raise SHARED.get(name) or OWN[name][1]

    @app.post("/body")
    def body() -> Any:
        return flask.json_body(request, Body).model_dump_json()

    return app


def told(answer: Any) -> dict[str, str | None]:
    """Return the headers that are compared."""
    return {name: answer.headers.get(name) for name in COMPARED}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", NAMES)
async def test_an_error_has_the_document_that_fastapi_gives_it(
    name: str, starlette_app: Any, flask_app: Flask, ask: Any
) -> None:
    """Each field, the status, and each header that means something."""
    try:
        theirs = await ask(starlette_app, "GET", f"/raise/{name}", headers=[ID])
    except RuntimeError:  # Starlette raises a bug again, for the server's log
        assert name == "bug"
        theirs = None
    ours = ask_flask(flask_app, "GET", f"/raise/{name}", headers=[ID])

    assert b"canary" not in ours.body
    if theirs is None:
        assert (ours.status, ours.problem["type"]) == (500, "/problems/internal")
        return
    assert ours.status == theirs.status
    assert ours.problem == theirs.problem
    assert told(ours) == told(theirs)


async def test_a_bug_says_what_fastapi_says(
    starlette_app: Any, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing; and the log has it, once."""
    from starlette.testclient import TestClient

    client = TestClient(
        starlette_app, base_url="http://localhost", raise_server_exceptions=False
    )
    theirs = client.get("/raise/bug", headers={"x-request-id": "req-1"})
    caplog.clear()

    ours = ask_flask(flask_app, "GET", "/raise/bug", headers=[ID])

    assert ours.problem == theirs.json()
    logged = [record for record in caplog.records if record.exc_info]
    assert [record.levelno for record in logged] == [logging.ERROR]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xef\xbb\xbf{}",
        b'{"booking": "b", "booking": "c"}',
        b'{"booking": NaN}',
        b'{"booking": "\\u0000"}',
        b'{"booking": 1e999}',
        b"{}",
        b'{"booking": ""}',
        b'{"booking": "canary-secret"}',
        b'{"booking": "b", "seats": "canary-secret"}',
        b'{"booking": "b", "seats": 0, "notes": [1, 10, "canary-secret"]}',
        b'{"booking": "b", "canary/~": 1}',
        b'{"booking": "sing"}',
        b"[" * 300 + b"]" * 300,
        b'{"booking": "' + b"x" * 1000 + b'"}',
    ],
    ids=lambda body: str(len(body)) + body[-6:-1].hex(),
)
async def test_a_wrong_body_is_refused_as_fastapi_refuses_it(
    body: bytes, starlette_app: Any, flask_app: Flask, ask: Any
) -> None:
    """Behind its guards; and none of it is repeated."""
    lines = [JSON, ID]
    theirs = await ask(starlette_app, "POST", "/body", headers=lines, body=body)

    ours = ask_flask(flask_app, "POST", "/body", headers=lines, body=body)

    assert b"canary-secret" not in ours.body
    assert ours.problem == theirs.problem
    assert told(ours) == told(theirs)


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"multipart/form-data; boundary=x", b"application/jsonx"]
)
async def test_what_is_not_declared_as_json_is_refused_alike(
    kind: bytes, starlette_app: Any, flask_app: Flask, ask: Any
) -> None:
    """A plain form of another site could send it."""
    lines = [(b"content-type", kind), ID]
    theirs = await ask(starlette_app, "POST", "/body", headers=lines, body=b"{}")

    ours = ask_flask(flask_app, "POST", "/body", headers=lines, body=b"{}")

    assert ours.status == 415
    assert ours.problem == theirs.problem


@pytest.mark.parametrize(
    "body", [b'{"booking": "b"}', b'{"booking": "b", "seats": "7", "notes": [1]}']
)
async def test_a_valid_body_is_the_same_command(
    body: bytes, starlette_app: Any, flask_app: Flask, ask: Any
) -> None:
    """Read alike, so that one key fits it behind both."""
    theirs = await ask(starlette_app, "POST", "/body", headers=[JSON], body=body)

    ours = ask_flask(flask_app, "POST", "/body", headers=[JSON], body=body)

    assert ours.status == theirs.status == 200
    assert Body.model_validate_json(ours.body) == Body.model_validate_json(theirs.body)


def test_a_dataclass_is_read_as_well(flask_app: Flask) -> None:
    """Whatever pydantic can validate."""

    @dataclasses.dataclass
    class Confirm:
        booking: str
        seats: float

    with flask_app.test_request_context(
        "/",
        method="POST",
        data=b'{"booking": "b", "seats": 1}',
        content_type=JSON[1].decode(),
    ):
        command = flask.json_body(request, Confirm)

    assert command == Confirm("b", 1.0)
    assert isinstance(command.seats, float)


async def test_unknown_addresses_and_methods_are_problems_alike(
    starlette_app: Any, flask_app: Flask, ask: Any
) -> None:
    """404 and 405, which says what is allowed."""
    for method, path in (("GET", "/nowhere"), ("DELETE", "/body")):
        theirs = await ask(starlette_app, method, path, headers=[ID])
        ours = ask_flask(flask_app, method, path, headers=[ID])

        assert ours.problem == theirs.problem
    assert "POST" in ours.headers["allow"].split(", ")
    assert theirs.headers["allow"] == "POST"


def test_an_answer_without_a_body_has_none(flask_app: Flask) -> None:
    """HEAD gets the headers of the problem; 304 gets no problem at all."""

    class NotModified(exceptions.HTTPException):
        code = 304

    @flask_app.get("/same")
    def same() -> Any:
        raise NotModified

    head = ask_flask(flask_app, "HEAD", "/raise/taken")
    same_ = ask_flask(flask_app, "GET", "/same")

    assert (head.status, head.body) == (409, b"")
    assert int(head.headers["content-length"]) > 0
    assert (same_.status, same_.body) == (304, b"")


def test_a_response_that_was_aborted_with_is_sent(flask_app: Flask) -> None:
    """The application has said exactly what it wants."""

    @flask_app.get("/exact")
    def exact() -> Any:
        abort(Response("as it is", 409))

    sent = ask_flask(flask_app, "GET", "/exact")

    assert (sent.status, sent.body) == (409, b"as it is")


def test_a_redirect_of_the_router_stays_one(flask_app: Flask) -> None:
    """It is no error."""

    @flask_app.get("/folder/")
    def folder() -> str:
        return "here"

    assert ask_flask(flask_app, "GET", "/folder").status == 308


def test_a_bug_is_raised_where_the_application_is_tested(flask_app: Flask) -> None:
    """As Flask does by itself."""
    flask_app.testing = True

    with pytest.raises(RuntimeError, match="canary"):
        ask_flask(flask_app, "GET", "/raise/bug")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([ID], True),
        ([ID, ID], False),
        ([(b"x-request-id", b"forged line")], False),
        ([(b"x-request-id", b"x" * 65)], False),
        ([], False),
    ],
)
def test_every_answer_carries_one_identity(
    sent: Any, flask_app: Flask, *, kept: bool
) -> None:
    """A usable one of the caller, else one that is made, and the view sees it."""
    seen = []

    @flask_app.get("/fine")
    def fine() -> str:
        seen.append(flask.request_id(request))
        return "fine"

    fine_ = ask_flask(flask_app, "GET", "/fine", headers=sent)
    failed = ask_flask(flask_app, "GET", "/raise/taken", headers=sent)

    assert fine_.headers["x-request-id"] == seen[0]
    assert (seen[0] == "req-1") is kept
    assert (failed.problem["request_id"] == "req-1") is kept


def test_the_middleware_outside_names_the_request_alike(flask_app: Flask) -> None:
    """What a WSGI application around Flask answers has the same identity."""
    from syncpatterns.adapters.wsgi import Problems

    class Broken:
        def __call__(self, environ: Any, start_response: Any) -> Any:
            inner(environ, lambda *_: lambda _: None)
            raise KeyReused("Another one.")

    inner = flask_app.wsgi_app
    seen = []

    @flask_app.before_request
    def look() -> None:
        seen.append(flask.request_id(request))

    flask_app.wsgi_app = Problems(Broken())  # type: ignore[method-assign]  # the documented way
    answer: Sent = serve(flask_app, environ("GET", "/raise/taken"))

    assert answer.problem["request_id"] == seen[0]
