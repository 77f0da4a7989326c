"""Bodies that are too long, cut short, packed, or JSON only for some."""

from __future__ import annotations

import contextlib
import http.client
import json
import runpy
import socket
from pathlib import Path
from typing import Any

import pytest

CORPUS: dict[str, bytes] = runpy.run_path(
    str(Path(__file__).parents[1] / "unit" / "adapters" / "test_bodies.py")
)["MALFORMED"]
MAX_BYTES = 64 * 1024
HEAD = (
    b"POST /confirm HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nIdempotency-Key: %b\r\n"
)


def lines(key: bytes = b"body") -> list[tuple[bytes, bytes]]:
    """Return the headers of a correct request."""
    return [(b"Content-Type", b"application/json"), (b"Idempotency-Key", key)]


@pytest.mark.parametrize("body", CORPUS.values(), ids=CORPUS)
def test_malformed_json_is_told_and_runs_nothing(body: bytes, client: Any) -> None:
    """400 or 413, never a 500."""
    answer = client.send(headers=lines(), body=body)

    expected = (
        (413, "body-too-large") if len(body) > MAX_BYTES else (400, "malformed-json")
    )
    assert (answer.status, answer.slug) == expected
    assert client.effects("x") == 0


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        "x",
        5,
        {"booking_id": None},
        {"booking_id": 5},
        {"booking_id": ""},
        {"booking_id": "x" * 65},
        {"booking_id": ["x"]},
        {"booking_id": {"x": 1}},
        {"booking_id": "x", "extra": 1},
        {"booking_id": 2**70},
        {"__proto__": {"booking_id": "x"}},
    ],
)
def test_json_of_another_shape_is_invalid(value: object, client: Any) -> None:
    """422 validation with a pointer to each place."""
    answer = client.send(headers=lines(), body=json.dumps(value).encode())

    assert (answer.status, answer.slug) == (422, "validation")
    for error in answer.problem["errors"]:
        assert set(error) == {"pointer", "in", "detail", "code"}
        assert error["in"] == "body"
        assert error["pointer"].startswith("#")
    assert client.effects("x") == 0


def test_an_empty_body_is_invalid(client: Any) -> None:
    """Missing is a matter of validation, not of parsing."""
    answer = client.send(headers=lines(), body=b"")

    assert (answer.status, answer.slug) == (422, "validation")


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"application/x-www-form-urlencoded", b"application/xml"]
)
def test_another_type_is_refused(kind: bytes, client: Any) -> None:
    """415, even if the bytes are good JSON."""
    headers = [(b"Content-Type", kind), (b"Idempotency-Key", b"type")]
    answer = client.send(headers=headers, body=b'{"booking_id": "x"}')

    assert (answer.status, answer.slug) == (415, "unsupported-media-type")
    assert client.effects("x") == 0


def test_a_packed_body_is_refused(client: Any) -> None:
    """415: it is not unpacked to see how large it is."""
    headers = [*lines(), (b"Content-Encoding", b"gzip")]
    answer = client.send(headers=headers, body=b"\x1f\x8b\x08")

    assert (answer.status, answer.slug) == (415, "content-encoding")


def test_a_body_above_the_limit_closes_the_connection(client: Any) -> None:
    """413, at once if the length is told."""
    answer = client.send(headers=lines(), body=b" " * (MAX_BYTES + 1))

    assert (answer.status, answer.slug) == (413, "body-too-large")
    assert answer.problem["max_bytes"] == MAX_BYTES
    assert answer.headers["connection"] == "close"
    assert answer.closed


def test_an_ordinary_client_sees_the_answer_and_not_a_reset(client: Any) -> None:
    """It sends everything before it reads."""
    for size in (MAX_BYTES + 1, 7 * MAX_BYTES):
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/confirm", b" " * size, headers)
            assert connection.getresponse().status == 413


def test_a_length_is_judged_before_the_body_arrives(client: Any) -> None:
    """Nobody has to send a gigabyte to be told."""
    answer = client.raw(HEAD % b"gb" + b"Content-Length: 1000000000\r\n\r\n{")

    assert (answer.status, answer.slug) == (413, "body-too-large")


def test_a_chunked_body_is_counted(client: Any) -> None:
    """It has no length; the limit holds all the same."""
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    data = HEAD % b"chunks" + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20
    answer = client.raw(data + b"0\r\n\r\n")

    assert (answer.status, answer.slug) == (413, "body-too-large")
    assert answer.closed


def test_a_chunked_body_within_the_limit_is_one_request(client: Any) -> None:
    """And its fingerprint is that of the same bytes sent in one piece."""
    booking = client.new_booking()
    body = b'{"booking_id": "%b"}' % booking.encode()
    data = HEAD % b"pieces" + b"Transfer-Encoding: chunked\r\n\r\n"
    for piece in (body[:7], body[7:]):
        data += b"%x\r\n%b\r\n" % (len(piece), piece)
    first = client.raw(data + b"0\r\n\r\n")
    again = client.send(headers=lines(b"pieces"), body=body)

    assert first.status == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert client.effects(booking) == 1


def test_a_caller_who_leaves_in_the_middle_claims_nothing(client: Any) -> None:
    """The key is free for the whole request."""
    booking = client.new_booking()
    body = b'{"booking_id": "%b"}' % booking.encode()
    head = HEAD % b"half" + b"Content-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", client.port), 20) as sock:
        sock.sendall(head + body[:5])
    answer = client.send(headers=lines(b"half"), body=body)

    assert answer.status == 201
    assert answer.headers["idempotent-replayed"] is None
    assert client.effects(booking) == 1


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: abc\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
    ],
)
def test_a_request_that_cannot_be_delimited_is_refused(
    framing: bytes, client: Any
) -> None:
    """400 or 501 by the server: two readers could see two requests in it."""
    data = HEAD % b"framing" + framing + b'\r\n{"booking_id": "x"}'

    assert client.raw(data, then_close=True).status in {400, 501}
    assert client.effects("x") == 0


@pytest.mark.parametrize(
    "path",
    ["/confirm%00", "/%2e%2e/confirm", "/confirm%2f..%2fconfirm", "/%ff%fe", "/\xe9"],
)
def test_a_strange_path_is_simply_unknown(path: str, client: Any) -> None:
    """404 or 400; the route it resembles does not run."""
    answer = client.send(path=path, headers=lines(), body=b'{"booking_id": "x"}')

    assert answer.status in {400, 404}
    assert client.effects("x") == 0
