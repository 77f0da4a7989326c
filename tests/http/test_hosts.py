"""Foreign names and foreign pages, over a real server."""

from __future__ import annotations

from typing import Any

import pytest

JSON = (b"Content-Type", b"application/json")


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"evil.example:80", b"", b"localhost.evil.example", b"a b"],
)
def test_a_foreign_host_learns_nothing(host: bytes, client: Any) -> None:
    """421 or 400 for reading and for acting."""
    for method, path in (("GET", "/effects"), ("POST", "/confirm")):
        answer = client.send(method, path, host=host)

        assert answer.status in {400, 421}
        assert b"b-" not in answer.body


def test_a_request_without_a_host_is_refused(client: Any) -> None:
    """HTTP/1.1 requires one; HTTP/1.0 without one is nobody's."""
    assert client.raw(b"GET /effects HTTP/1.1\r\n\r\n").status == 400
    assert client.raw(b"GET /effects HTTP/1.0\r\n\r\n").status == 421


@pytest.mark.parametrize(
    "foreign",
    [
        (b"Origin", b"http://evil.example"),
        (b"Origin", b"null"),
        (b"Sec-Fetch-Site", b"cross-site"),
    ],
)
def test_a_foreign_page_confirms_nothing(
    foreign: tuple[bytes, bytes], client: Any
) -> None:
    """403, and no header that would let the page read the answer."""
    booking = client.new_booking()
    answer = client.confirm(booking, b"foreign", headers=[foreign])

    assert (answer.status, answer.slug) == (403, "origin-not-allowed")
    assert answer.headers["access-control-allow-origin"] is None
    assert client.effects(booking) == 0


def test_our_own_page_confirms(client: Any) -> None:
    """Same host and port as in the address."""
    booking = client.new_booking()
    answer = client.send(
        host=b"localhost:%d" % client.port,
        headers=[
            JSON,
            (b"Idempotency-Key", b"own-page"),
            (b"Origin", b"http://localhost:%d" % client.port),
            (b"Sec-Fetch-Site", b"same-origin"),
        ],
        body=b'{"booking_id": "%b"}' % booking.encode(),
    )

    assert answer.status == 201


def test_a_preflight_is_not_answered(client: Any) -> None:
    """Without CORS headers the browser sends no foreign request at all."""
    answer = client.send(
        "OPTIONS",
        headers=[
            (b"Origin", b"http://evil.example"),
            (b"Access-Control-Request-Method", b"POST"),
        ],
    )

    assert answer.status == 405
    assert answer.headers["access-control-allow-origin"] is None
