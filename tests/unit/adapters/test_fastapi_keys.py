"""The key of a FastAPI request, and the body that it is compared by."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request

from syncpatterns.adapters.fastapi import IdempotencyKey, install_problems
from tests.unit.adapters.conftest import ask

KEY = (b"idempotency-key", b"k-1")
FORM = (b"content-type", b"application/x-www-form-urlencoded")


async def read_first(request: Request) -> None:
    """Read the body, as FastAPI does for Form and File parameters."""
    async for _ in request.stream():
        pass


@pytest.fixture
def app() -> FastAPI:
    """Two routes: the body is read before the key is asked for, and after it."""
    made = FastAPI()
    install_problems(made)

    @made.post("/before/{lead_id}")
    async def before(
        _: Annotated[None, Depends(read_first)], key: IdempotencyKey
    ) -> None:
        raise AssertionError(key)  # never reached

    @made.post("/after")
    async def after(key: IdempotencyKey, request: Request) -> dict[str, Any]:
        return {"body": (await request.body()).decode(), "length": len(key.key)}

    return made


async def test_a_body_that_is_gone_is_not_taken_for_an_empty_one(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """Else another body under the key would get this one's answer.

    The log says what to do, and not which lead was asked for.
    """
    with caplog.at_level(logging.ERROR):
        answer = await ask(app, path="/before/l-7", headers=[KEY, FORM], body=b"a=1")

    assert answer.status == 500
    assert "POST /before/{lead_id}: the body was read before its key" in caplog.text
    assert "await request.form() in the route" in caplog.text


async def test_the_body_is_there_afterwards(app: FastAPI) -> None:
    """The key has read it and kept it, so that the route may take a form apart."""
    answer = await ask(app, path="/after", headers=[KEY, FORM], body=b"a=1")

    assert (answer.status, answer.body) == (200, b'{"body":"a=1","length":3}')
