"""The ASGI middleware that turns this library's errors into problems."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import FastAPI

from syncpatterns.adapters.asgi import Problems
from syncpatterns.adapters.fastapi import install_problems
from syncpatterns.errors import NotExecuted, Refusal, SyncPatternsError
from syncpatterns.retry import CircuitOpen


def raising(error: Exception) -> Any:
    """Return an application that raises *error* before it answers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    return app


@pytest.mark.case("RTY-73", part="asgi")
@pytest.mark.parametrize(
    ("left", "header"),
    [(0.001, "1"), (1.0, "1"), (1.001, "2"), (299.2, "300"), (0.0, "1")],
)
async def test_an_open_circuit_is_503_with_whole_seconds(
    ask: Any, left: float, header: str
) -> None:
    """Retry-After is rounded up, so that nobody comes too early."""
    answer = await ask(Problems(raising(CircuitOpen("sms", left))))

    assert answer.status == 503
    assert header == answer.headers["retry-after"]
    assert answer.problem["type"] == "/problems/circuit-open"
    assert answer.problem["breaker"] == "sms"
    assert answer.problem["retry_after_s"] == round(left, 3)


@pytest.mark.case("RTY-73", part="isolated")
async def test_an_isolated_breaker_names_no_time(ask: Any) -> None:
    """Infinity is no number of seconds: the header is left out."""
    answer = await ask(Problems(raising(CircuitOpen("sms", float("inf")))))

    assert answer.status == 503
    assert "retry-after" not in answer.headers
    assert "retry_after_s" not in answer.problem


@pytest.mark.case("RTY-73", part="fastapi")
@pytest.mark.parametrize(("left", "header"), [(12.1, "13"), (float("inf"), None)])
async def test_fastapi_answers_the_same(
    ask: Any, left: float, header: str | None
) -> None:
    """install_problems needs no middleware for it."""
    app = FastAPI()
    install_problems(app)

    @app.post("/")
    async def send() -> None:
        raise CircuitOpen("sms", left)

    answer = await ask(app)

    assert answer.status == 503
    assert header == answer.headers.get("retry-after")
    assert answer.problem["breaker"] == "sms"


async def test_other_errors_of_the_library_get_their_own_status(ask: Any) -> None:
    """A refusal is 409 with its facts; a replayed one says so."""
    refusal = Refusal("The slot is taken.", slot="9:00")
    refusal.replayed = True
    answer = await ask(Problems(raising(refusal)))

    assert (answer.status, answer.problem["slot"]) == (409, "9:00")
    assert answer.headers["idempotent-replayed"] == "true"


async def test_foreign_errors_pass(ask: Any) -> None:
    """The server's own handling stays what it was."""
    with pytest.raises(KeyError):
        await ask(Problems(raising(KeyError("key"))))


async def test_after_the_answer_has_begun_the_error_passes(ask: Any) -> None:
    """A second answer in one response would be worse than none."""
    error = NotExecuted("late")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    with pytest.raises(NotExecuted) as raised:
        await ask(Problems(app))

    assert error is raised.value


async def test_an_application_that_answers_is_left_alone(ask: Any, echo: Any) -> None:
    """Nothing is added to an ordinary answer."""
    answer = await ask(Problems(echo), body=b"hello")

    assert (answer.status, answer.body, answer.raw_headers) == (200, b"hello", [])


async def test_other_connections_pass(echo: Any) -> None:
    """A web socket and the lifespan are not HTTP answers."""
    scope = {"type": "lifespan"}
    await Problems(echo)(scope, None, None)  # type: ignore[arg-type]  # not used

    assert echo.scopes == [scope]


async def test_rejections_are_not_logged_one_by_one(
    ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage must not fill the log; other 5xx errors are in it."""
    with caplog.at_level(logging.WARNING):
        await ask(Problems(raising(CircuitOpen("sms", 5.0))))
        assert caplog.records == []
        await ask(Problems(raising(SyncPatternsError("why"))))

    assert [record.message for record in caplog.records] == ["A request failed"]
