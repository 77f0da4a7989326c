from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, WebSocket
from pydantic import BaseModel

from syncpatterns.adapters.fastapi import install_problems, request_id
from syncpatterns.errors import (
    ConfigurationError,
    EngineBusy,
    InProgress,
    Refusal,
    SyncPatternsError,
)

JSON = (b"content-type", b"application/json")


class Body(BaseModel):
    text: str = "x"


class PlainRefusal(Exception):
    """A refusal that knows nothing of this library."""


class DressedRefusal(Exception):
    status = 422
    problem = "dressed"
    title = "Wrong dress."


ERRORS: dict[str, Exception] = {
    "busy": EngineBusy("The database is locked.", retry_after=1.2),
    "running": InProgress("Wait.", retry_after=0.01),
    "wired": ConfigurationError("canary-secret"),
    "refused": Refusal("No.", seats=0),
    "plain": PlainRefusal("Not today."),
    "dressed": DressedRefusal("Black tie."),
    "teapot": HTTPException(418, "short", {"X-Tea": "green"}),
    "facts": HTTPException(409, {"wanted": 2, "status": 999, "type": "x"}),
    "unnamed": HTTPException(499),
    "nothing": HTTPException(304),
    "hidden": HTTPException(500, "canary-secret"),
    "parser": HTTPException(400, "There was an error parsing the body"),
}


@pytest.fixture
def app() -> FastAPI:
    """An application without guards, so that FastAPI parses bodies itself."""
    made = FastAPI()
    install_problems(made, refusals=[PlainRefusal, DressedRefusal])

    @made.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise ERRORS[name]

    @made.get("/replay/{name}")
    async def replay(name: str) -> None:
        error = type(ERRORS[name])(*ERRORS[name].args)
        error.replayed = True  # type: ignore[attr-defined]  # as Operation does
        raise error

    @made.post("/echo")
    async def echo(body: Body) -> Body:
        return body

    @made.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        raise Refusal("No.")

    return made


@pytest.mark.parametrize(
    ("name", "status", "slug"),
    [
        ("busy", 503, "store-busy"),
        ("running", 409, "in-progress"),
        ("wired", 500, "configuration"),
        ("refused", 409, "refused"),
        ("plain", 409, "plain-refusal"),
        ("dressed", 422, "dressed"),
        ("teapot", 418, "i-m-a-teapot"),
        ("facts", 409, "conflict"),
        ("unnamed", 499, "error"),
        ("hidden", 500, "internal-server-error"),
        ("parser", 400, "bad-request"),
    ],
)
async def test_each_error_has_its_problem(
    name: str, status: int, slug: str, app: FastAPI, ask: Any
) -> None:
    """Library, domain and framework alike."""
    answer = await ask(app, "GET", f"/raise/{name}")

    assert answer.status == status
    assert answer.problem["type"] == f"/problems/{slug}"
    assert b"canary" not in answer.body


async def test_a_wait_is_told_in_whole_seconds_rounded_up(
    app: FastAPI, ask: Any
) -> None:
    """In the header and in the document."""
    busy = await ask(app, "GET", "/raise/busy")
    soon = await ask(app, "GET", "/raise/running")

    assert (busy.headers["retry-after"], busy.problem["retry_after"]) == ("2", 2)
    assert (soon.headers["retry-after"], soon.problem["retry_after"]) == ("1", 1)


async def test_facts_of_a_refusal_are_members(app: FastAPI, ask: Any) -> None:
    """The page needs them, not the sentence alone."""
    document = (await ask(app, "GET", "/raise/refused")).problem

    assert document["detail"] == "No."
    assert document["seats"] == 0


async def test_an_http_exceptions_own_words_and_headers_are_kept(
    app: FastAPI, ask: Any
) -> None:
    """A text is the detail, a dict is more members; ours cannot be replaced."""
    teapot = await ask(app, "GET", "/raise/teapot")
    facts = await ask(app, "GET", "/raise/facts")

    assert teapot.headers["x-tea"] == "green"
    assert teapot.problem["detail"] == "short"
    assert facts.problem["wanted"] == 2
    assert facts.problem["type"] == "/problems/conflict"


async def test_a_status_without_a_body_stays_without(app: FastAPI, ask: Any) -> None:
    """304 has no room for a document."""
    answer = await ask(app, "GET", "/raise/nothing")

    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize("name", ["refused", "plain", "dressed"])
async def test_a_replayed_refusal_says_so(name: str, app: FastAPI, ask: Any) -> None:
    """The first one does not."""
    first = await ask(app, "GET", f"/raise/{name}")
    again = await ask(app, "GET", f"/replay/{name}")

    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


async def test_what_the_answer_hides_is_in_the_log(
    app: FastAPI, ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong wiring must be found by the operator."""
    with caplog.at_level(logging.ERROR, "syncpatterns"):
        await ask(app, "GET", "/raise/wired")

    assert "canary-secret" in caplog.text


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"{", "malformed-json"),
        (b"[" * 200_000, "malformed-json"),
        (b'{"text": ' + b"7" * 5000 + b"}", "malformed-json"),
        (b'{"text": "\xff"}', "malformed-json"),
        (b'{"text": NaN}', "validation"),
        (b"null", "validation"),
    ],
)
async def test_without_the_guards_fastapis_parser_gives_no_500_either(
    body: bytes, slug: str, app: FastAPI, ask: Any
) -> None:
    """The handlers stand behind the guard, for whoever leaves it out."""
    answer = await ask(app, path="/echo", headers=[JSON], body=body)

    assert answer.problem["type"] == f"/problems/{slug}"
    assert answer.status in {400, 422}


async def test_without_the_guards_another_type_is_415(app: FastAPI, ask: Any) -> None:
    """FastAPI would call it a validation error of the body."""
    headers = [(b"content-type", b"text/plain")]
    answer = await ask(app, path="/echo", headers=headers, body=b"{}")

    assert answer.status == 415


async def test_a_refused_websocket_is_closed(app: FastAPI) -> None:
    """It has no place for a document."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/socket",
        "headers": [],
        "query_string": b"",
        "root_path": "",
        "subprotocols": [],
    }
    await app(scope, receive, send)

    assert [(message["type"], message["code"]) for message in sent] == [
        ("websocket.close", 1008)
    ]


async def test_an_unforeseen_error_is_a_500_and_still_reaches_the_server(
    app: FastAPI, ask: Any
) -> None:
    """The server logs it; the caller gets an identity to quote."""
    seen: list[Any] = []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            seen.append(message)
            await send(message)

        with pytest.raises(KeyError):
            await app(scope, receive, note)
        seen.append(request_id(scope))

    answer = await ask(watched, "GET", "/raise/unknown")

    assert answer.status == 500
    assert answer.problem["title"] == SyncPatternsError.title
    assert answer.problem["request_id"] == seen[-1]
    assert "unknown" not in json.dumps(answer.problem)


def test_the_schema_keeps_what_the_application_declared() -> None:
    """Only FastAPI's own error model is replaced, and only where it stands."""

    class Trouble(BaseModel):
        why: str

    app = FastAPI()
    install_problems(app)

    @app.post("/echo", responses={409: {"model": Trouble}})
    async def echo(body: Body) -> Body:
        return body

    schema = app.openapi()
    responses = schema["paths"]["/echo"]["post"]["responses"]

    assert schema is app.openapi()
    assert list(responses["409"]["content"]) == ["application/json"]
    assert list(responses["422"]["content"]) == ["application/problem+json"]
    assert sorted(schema["components"]["schemas"]) == ["Body", "Problem", "Trouble"]
