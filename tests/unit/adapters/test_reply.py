from __future__ import annotations

from typing import Any

import pytest

from syncpatterns.adapters.fastapi import reply
from syncpatterns.operation import Answer


def answer(
    *,
    replayed: bool = False,
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b'{"a": 1.0}',
    expires_in: float = 59.97,
) -> Answer[Any]:
    """Return an answer of an operation."""
    return Answer({"a": 1.0}, replayed, status, headers, body, expires_in)


def test_the_stored_bytes_are_sent_as_they_are() -> None:
    """The value is not written anew: its form may have changed since."""
    response = reply(answer(body=b'{ "a":1.00 }'))

    assert response.body == b'{ "a":1.00 }'
    assert response.headers["content-length"] == "12"
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("seconds", "told"), [(59.97, "59"), (60.0, "60"), (0.4, "0"), (-1.0, "0")]
)
def test_the_first_answer_tells_its_window_in_whole_seconds(
    seconds: float, told: str
) -> None:
    """Rounded down: a caller who believes it is never too late."""
    response = reply(answer(expires_in=seconds))

    assert response.headers["idempotency-key-expires-in"] == told
    assert "idempotent-replayed" not in response.headers


def test_a_replay_says_so_and_nothing_about_the_window() -> None:
    """The one header that differs from the first answer."""
    response = reply(answer(replayed=True))

    assert response.headers["idempotent-replayed"] == "true"
    assert "idempotency-key-expires-in" not in response.headers


def test_stored_headers_keep_their_order_and_doubles() -> None:
    """Two Link headers are two."""
    stored = (("Link", "<a>"), ("ETag", '"1"'), ("Link", "<b>"))
    response = reply(answer(status=201, headers=stored))

    assert response.status_code == 201
    assert response.raw_headers[:3] == [
        (b"link", b"<a>"),
        (b"etag", b'"1"'),
        (b"link", b"<b>"),
    ]


def test_a_stored_content_type_is_used() -> None:
    """And JSON is not added beside it."""
    response = reply(answer(headers=(("Content-Type", "text/plain"),)))

    assert response.headers.getlist("content-type") == ["text/plain"]


def test_a_replay_hands_out_no_cookie() -> None:
    """It was meant for the first caller at that moment."""
    stored = (("Set-Cookie", "session=1"), ("ETag", '"1"'))

    assert "set-cookie" in reply(answer(headers=stored)).headers
    assert "set-cookie" not in reply(answer(headers=stored, replayed=True)).headers


def test_framing_is_not_taken_from_the_store() -> None:
    """A stored length would contradict the one that is sent."""
    stored = (("Content-Length", "3"), ("Transfer-Encoding", "chunked"))
    response = reply(answer(headers=stored))

    assert response.headers.getlist("content-length") == ["10"]
    assert "transfer-encoding" not in response.headers


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_has_none(status: int) -> None:
    """Nor a type or a length of one."""
    response = reply(answer(status=status))

    assert response.body == b""
    assert "content-type" not in response.headers
    assert "content-length" not in response.headers
