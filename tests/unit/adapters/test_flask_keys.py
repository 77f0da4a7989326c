"""The key of a Flask request, and the bytes it stands for."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask, Request, request
from starlette.requests import Request as StarletteRequest

from syncpatterns._http import RequestKey
from syncpatterns.adapters import fastapi
from syncpatterns.adapters.flask import idempotency_key, install_problems, reply
from syncpatterns.errors import ConfigurationError, KeyInvalid, KeyMissing
from syncpatterns.operation import Answer
from tests.unit.adapters.flask_kit import ask, environ, serve

JSON = (b"content-type", b"application/json")
KEY = (b"idempotency-key", b'"k-1"')


def by_flask(method: str, target: str, **more: Any) -> RequestKey:
    """Return the key that Flask's adapter finds."""
    return idempotency_key(Request(environ(method, target, **more)))


async def by_fastapi(method: str, target: str, headers: Any, body: bytes) -> RequestKey:
    """Return the key that FastAPI's adapter finds."""
    raw, _, query = target.partition("?")

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": list(headers),
    }
    return await fastapi._request_key(StarletteRequest(scope, receive))


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("POST", "/confirm", [KEY, JSON], b'{"a": 1}'),
        ("POST", "/confirm?a=1&b=%C3%A4", [KEY, JSON], b'{"a": 1}'),
        ("PATCH", "/leads/caf%C3%A9/1", [KEY, JSON], b"\x00\xff"),
        ("POST", "/a%2Fb/%61;v=1,2", [KEY], b"x"),
        ("POST", "//a/../b/", [KEY, JSON], b"{}"),
        ("PUT", "/a", [KEY, (b"content-type", b" Text/Plain; charset=UTF-8")], b"x"),
        ("DELETE", "/a", [(b"x-idempotency-key", b"k-1")], b""),
        ("POST", "/a", [KEY, (b"idempotency-age", b"17")], b"x"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_request_has_the_key_that_fastapi_gives_it(
    method: str, target: str, headers: Any, body: bytes
) -> None:
    """Fingerprint, age and door: a retry may be answered by either."""
    ours = by_flask(method, target, headers=headers, body=body)
    theirs = await by_fastapi(method, target, headers, body)

    assert ours.key == "k-1"
    assert ours == theirs


@pytest.mark.parametrize(
    ("other", "same_door"),
    [
        ({"target": "/b"}, False),
        ({"method": "PUT"}, False),
        ({"target": "/a?x=1"}, True),
        ({"body": b"{ }"}, True),
        ({"headers": [KEY]}, True),
    ],
    ids=str,
)
def test_whatever_differs_is_another_request(
    other: dict[str, Any], *, same_door: bool
) -> None:
    """Method, path, query, content type and each byte of the body."""
    asked: dict[str, Any] = {"method": "POST", "target": "/a", "body": b"{}"}
    asked["headers"] = [KEY, JSON]
    first, second = by_flask(**asked), by_flask(**(asked | other))

    assert first.fingerprint != second.fingerprint
    assert (first.door == second.door) is same_door


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([], KeyMissing),
        ([(b"idempotency-key", b"")], KeyInvalid),
        ([KEY, KEY], KeyInvalid),
        ([(b"idempotency-key", b"a"), (b"idempotency-key", b"b")], KeyInvalid),
        ([KEY, (b"x-idempotency-key", b"other")], KeyInvalid),
        ([(b"idempotency-key", b"x" * 256)], KeyInvalid),
        ([(b"idempotency-key", "ä".encode("latin-1"))], KeyInvalid),
        ([KEY, (b"idempotency-age", b"1"), (b"idempotency-age", b"2")], KeyInvalid),
    ],
)
def test_a_key_that_is_no_key_is_refused(headers: Any, error: type[Exception]) -> None:
    """Before the body is read; two header lines are one with a comma here."""
    asked = environ(headers=headers, body=b"never read")

    with pytest.raises(error):
        idempotency_key(Request(asked))


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(
    ("sent", "same_as"),
    [
        ("/a%2Fb?x=1", "/a%2Fb"),
        ("http://elsewhere:81/a%2Fb?x=1", "/a%2Fb"),
        ("*", "/a/b"),
        ("", "/a/b"),
    ],
)
def test_the_path_is_the_one_that_was_sent(name: str, sent: str, same_as: str) -> None:
    """Where the server tells it; else the unquoted one, quoted again."""
    asked = environ(target="/a%2Fb", headers=[KEY], body=b"x")
    del asked["RAW_URI"]
    plain = environ(target=same_as, headers=[KEY], body=b"x")

    found = idempotency_key(Request({**asked, name: sent}))

    assert found.door == idempotency_key(Request(plain)).door


def test_a_mounted_application_is_another_door() -> None:
    """Under a prefix it is another address, told or put together."""
    plain = by_flask("POST", "/a", headers=[KEY], body=b"x", RAW_URI="")
    mounted = by_flask(
        "POST", "/a", headers=[KEY], body=b"x", RAW_URI="", SCRIPT_NAME="/v2"
    )

    assert mounted.door != plain.door
    assert mounted == by_flask("POST", "/v2/a", headers=[KEY], body=b"x")


def test_the_body_is_there_afterwards() -> None:
    """For the view, as JSON and as bytes."""
    made = Request(environ(headers=[KEY, JSON], body=b'{"a": 1}'))

    idempotency_key(made)

    assert (made.get_json(), made.get_data()) == ({"a": 1}, b'{"a": 1}')


FORM = (b"content-type", b"application/x-www-form-urlencoded")


def test_a_form_read_afterwards_is_there() -> None:
    """The key keeps what it reads."""
    made = Request(environ(headers=[KEY, FORM], body=b"a=1"))

    idempotency_key(made)

    assert made.form.to_dict() == {"a": "1"}


@pytest.mark.parametrize(
    ("reads", "chunked"), [("form", False), ("form", True), ("stream", False)]
)
def test_a_body_that_is_gone_is_not_taken_for_an_empty_one(
    reads: str, *, chunked: bool
) -> None:
    """Else another body under the key would get this one's answer."""
    asked = environ(headers=[KEY, FORM], body=b"a=1")
    if chunked:
        del asked["CONTENT_LENGTH"]
        asked |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    made = Request(asked)
    if reads == "form":
        assert made.form.to_dict() == {"a": "1"}
    else:
        assert made.stream.read() == b"a=1"

    with pytest.raises(ConfigurationError, match="first in the view"):
        idempotency_key(made)


def test_a_chunked_body_without_an_end_is_not_taken_for_an_empty_one() -> None:
    """A server that does not say where it ends has it read by nobody: 411."""
    app = Flask("test")
    install_problems(app)

    @app.post("/")
    def view() -> Any:
        key = idempotency_key(request)
        raise AssertionError(key)

    asked = environ(headers=[KEY, JSON])
    asked |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"{}")}
    sent = serve(app, asked)

    assert sent.problem["type"] == "/problems/length-required"
    assert sent.status == 411


def test_a_chunked_body_is_read_to_its_end() -> None:
    """Gunicorn says that it ends."""
    whole = by_flask("POST", "/", headers=[KEY], body=b"abc")
    asked = environ(headers=[KEY], body=b"abc")
    del asked["CONTENT_LENGTH"]
    asked |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}

    assert idempotency_key(Request(asked)) == whole


def test_a_body_above_the_limit_is_refused_while_the_key_is_read() -> None:
    """With the document that `BodyLimit` answers."""
    app = Flask("test")
    app.config["MAX_CONTENT_LENGTH"] = 10
    install_problems(app)

    @app.post("/")
    def view() -> Any:
        idempotency_key(request)
        return reply(Answer(None, False, 200, (), b"null", 60.0))

    refused = ask(app, headers=[KEY], body=b"x" * 11)
    taken = ask(app, headers=[KEY], body=b"x" * 10)

    assert (refused.status, taken.status) == (413, 200)
    assert refused.problem["type"] == "/problems/body-too-large"
    assert refused.problem["max_bytes"] == 10
    assert json.loads(taken.body) is None
