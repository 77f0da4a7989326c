"""The WSGI middleware that turns this library's errors into problems."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from syncpatterns.adapters.wsgi import Problems
from syncpatterns.errors import NotExecuted, Refusal
from syncpatterns.retry import CircuitOpen


class Sent:
    """What a WSGI server wrote to its client."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1])
        self.reason = status.split(maxsplit=2)[2]
        pairs = (line.split(": ", 1) for line in lines)
        self.headers = {name.lower(): value for name, value in pairs}

    @property
    def problem(self) -> Any:
        """The problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)


def serve(app: Any, *, check: bool = True, **environ: str) -> Sent:
    """Run one request through the standard library's server handler."""
    full: dict[str, Any] = {"QUERY_STRING": "", **environ}
    setup_testing_defaults(full)
    errors, out = io.StringIO(), io.BytesIO()
    handler = SimpleHandler(io.BytesIO(), out, errors, full)
    handler.run(validator(app) if check else app)
    sent = Sent(out.getvalue())
    sent.errors = errors.getvalue()  # type: ignore[attr-defined]  # for one test
    return sent


def raising(error: Exception) -> Any:
    """Return an application that raises *error* when it is called."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise error

    return app


@pytest.mark.case("RTY-73", part="wsgi")
@pytest.mark.parametrize(("left", "header"), [(0.2, "1"), (299.2, "300")])
def test_an_open_circuit_is_503_with_whole_seconds(left: float, header: str) -> None:
    """Status line, Retry-After rounded up, problem document."""
    answer = serve(Problems(raising(CircuitOpen("sms", left))))

    assert (answer.status, answer.reason) == (503, "Service Unavailable")
    assert header == answer.headers["retry-after"]
    assert answer.problem["breaker"] == "sms"
    assert answer.problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.case("RTY-73", part="wsgi")
def test_an_isolated_breaker_names_no_time() -> None:
    """Infinity is no number of seconds."""
    answer = serve(Problems(raising(CircuitOpen("sms", float("inf")))))

    assert answer.status == 503
    assert "retry-after" not in answer.headers


def test_the_callers_request_id_is_kept() -> None:
    """A usable X-Request-Id comes back, so that the log can be found."""
    answer = serve(Problems(raising(Refusal("No."))), HTTP_X_REQUEST_ID="abc-1")

    assert (answer.status, answer.problem["request_id"]) == (409, "abc-1")


def test_an_announced_answer_is_replaced_while_nothing_was_sent() -> None:
    """start_response may be called again with the error of a first call."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        raise CircuitOpen("sms", 5.0)

    assert serve(Problems(app)).status == 503


def test_a_streaming_body_may_fail_before_its_first_byte() -> None:
    """A generator application runs only when its body is asked for."""
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise CircuitOpen("sms", 5.0)

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()

    answer = serve(Problems(app), check=False)  # its body is closed, not iterated

    assert (answer.status, closed) == (503, [True])


def test_a_generator_application_is_answered_for() -> None:
    """The whole application may be one generator."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield from ()
        raise NotExecuted("down", retry_after=7.0)

    answer = serve(Problems(app))

    assert (answer.status, answer.headers["retry-after"]) == (503, "7")


def test_a_body_that_fails_later_passes_its_error_on() -> None:
    """After the first byte there is no other answer to give."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"first"
        raise NotExecuted("late")

    answer: Any = serve(Problems(app))

    assert (answer.status, answer.body) == (200, b"first")
    assert "NotExecuted: late" in answer.errors


def test_what_was_written_by_hand_cannot_be_taken_back() -> None:
    """The write callable of old applications has sent the headers."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"first")
        raise NotExecuted("late")

    answer: Any = serve(Problems(app))

    assert (answer.status, answer.body) == (200, b"first")
    assert "NotExecuted: late" in answer.errors


def test_foreign_errors_pass() -> None:
    """The server's own handling stays what it was."""
    answer: Any = serve(Problems(raising(KeyError("key"))))

    assert answer.status == 500
    assert "KeyError" in answer.errors


def test_ordinary_bodies_are_handed_on_as_they_are() -> None:
    """A list keeps its length, a file its fast way to the socket."""
    bodies: list[Any] = [[b"a"], (b"a",), FileWrapper(io.BytesIO(b"a"))]
    for body in bodies:

        def app(environ: Any, start_response: Any, body: Any = body) -> Any:
            return body

        environ: Any = {"wsgi.file_wrapper": FileWrapper}

        assert Problems(app)(environ, None) is body  # type: ignore[arg-type]  # not used


def test_a_streamed_body_arrives_whole() -> None:
    """Watching changes nothing of what is sent."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b""
        yield b"one "
        yield b"two"

    assert serve(Problems(app)).body == b"one two"


def test_a_head_request_gets_no_body() -> None:
    """Only the headers of the problem."""
    answer = serve(Problems(raising(CircuitOpen("sms", 5.0))), REQUEST_METHOD="HEAD")

    assert (answer.status, answer.body) == (503, b"")
