"""The same answer is the same response, behind Flask as behind FastAPI."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from syncpatterns.adapters import fastapi, flask
from syncpatterns.operation import Answer
from tests.unit.adapters.flask_kit import ask

ANSWERS = {
    "first": Answer(1, False, 200, (), b'{ "a":1.00 }', 59.97),
    "replay": Answer(1, True, 200, (), b'{ "a":1.00 }', 3.0),
    "over": Answer(1, False, 200, (), b"null", -1.0),
    "created": Answer(1, False, 201, (("Location", "/b/1"), ("ETag", '"1"')), b"1", 60),
    "links": Answer(
        1, False, 200, (("Link", "<a>"), ("X", "1"), ("Link", "<b>")), b"1", 60
    ),
    "text": Answer(1, False, 200, (("Content-Type", "text/plain"),), b"\x00\xff", 60),
    "bytes": Answer(1, False, 200, (("X-Name", "caf\xe9"),), b"1", 60),
    "framing": Answer(
        1, False, 200, (("Content-Length", "7"), ("Connection", "close")), b"1", 60
    ),
    "cookie": Answer(
        1, False, 200, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")), b"1", 60
    ),
    "no-cookie": Answer(1, True, 200, (("Set-Cookie", "a=1"), ("ETag", "1")), b"1", 60),
    "empty": Answer(None, False, 204, (("ETag", '"1"'),), b"null", 60),
    "empty-replay": Answer(None, True, 204, (), b"null", 60),
    "elsewhere": Answer(1, True, 303, (("Location", "/b/1"),), b"1", 60),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_rendered_as_fastapi_renders_it(name: str) -> None:
    """Status, each header line in its order, and each byte, on the wire."""
    app = Flask("test")
    answer: Answer[Any] = ANSWERS[name]
    app.add_url_rule("/", view_func=lambda: flask.reply(answer), methods=["POST"])

    ours = ask(app)
    theirs = fastapi.reply(answer)

    assert ours.status == theirs.status_code
    assert ours.body == theirs.body
    assert [(key.lower(), value) for key, value in ours.raw_headers] == [
        (key.decode("latin-1"), value.decode("latin-1"))
        for key, value in theirs.raw_headers
    ]
