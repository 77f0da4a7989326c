from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncpatterns.adapters._bodies import malformed
from syncpatterns.adapters.asgi import BodyLimit, JsonBody
from syncpatterns.errors import ConfigurationError

JSON = (b"content-type", b"application/json")

MALFORMED = {
    "nothing but spaces": b"  ",
    "cut short": b'{"booking_id": "x"',
    "more after the end": b'{"booking_id": "x"} {}',
    "200,000 levels": b"[" * 200_000,
    "300 levels, closed": b"[" * 300 + b"]" * 300,
    "200,000 objects": b'{"a":' * 200_000,
    "a number of 5,000 digits": b'{"booking_id": ' + b"7" * 5000 + b"}",
    "NaN": b'{"booking_id": NaN}',
    "Infinity": b'{"booking_id": -Infinity}',
    "a float beyond the largest": b'{"booking_id": 1e999}',
    "a byte order mark": b'\xef\xbb\xbf{"booking_id": "x"}',
    "UTF-16": '{"booking_id": "x"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"booking_id": "x"}'.encode("utf-16-le"),
    "UTF-32": '{"booking_id": "x"}'.encode("utf-32"),
    "not UTF-8": b'{"booking_id": "\xff"}',
    "an overlong form": b'{"booking_id": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"booking_id": "\xed\xa0\x80"}',
    "half a surrogate pair": b'{"booking_id": "\\ud800"}',
    "the other half": b'{"booking_id": "\\udc00"}',
    "the halves swapped": b'{"booking_id": "\\udc00\\ud800"}',
    "an escaped NUL": b'{"booking_id": "\\u0000"}',
    "an escaped NUL after a backslash": b'{"booking_id": "\\\\\\u0000"}',
    "a raw NUL": b'{"booking_id": "\x00"}',
    "a raw line break": b'{"booking_id": "\n"}',
    "a name twice": b'{"booking_id": "a", "booking_id": "b"}',
    "a name twice, deep inside": b'{"a": [{"b": 1, "b": 1}]}',
    "a name twice, spelled differently": b'{"a": 1, "\\u0061": 2}',
    "single quotes": b"{'booking_id': 'x'}",
    "a comment": b'{"booking_id": "x"} // yes',
    "a comma too many": b'{"booking_id": "x",}',
}

FINE = [
    b"{}",
    b' {"booking_id": "b-1"}\n',
    b"null",
    b'"\\\\u0000"',  # a backslash and the text u0000
    b'"\\ud83d\\ude00"',
    '"grüß dich 😀"'.encode(),
    b"[1, -0.5, 1e300, 123456789012345678901234567890]",
    b"[" * 150 + b"]" * 150,
]


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_json_that_parsers_read_differently_is_refused(
    body: bytes, ask: Any, echo: Any
) -> None:
    """400 malformed-json, and the application never sees it."""
    answer = await ask(JsonBody(echo), headers=[JSON], body=body)

    assert answer.status == 400
    assert answer.problem["type"] == "/problems/malformed-json"
    assert echo.bodies == []


@pytest.mark.parametrize("body", FINE)
async def test_ordinary_json_reaches_the_application_unchanged(
    body: bytes, ask: Any, echo: Any
) -> None:
    """Byte for byte: the fingerprint is taken of what was sent."""
    answer = await ask(JsonBody(echo), headers=[JSON], body=body)

    assert (answer.status, answer.body) == (200, body)


async def test_a_chunked_body_is_put_together(ask: Any, echo: Any) -> None:
    """A body without a length is judged like any other."""
    whole = await ask(JsonBody(echo), headers=[JSON], body=[b'{"a"', b":1}"])
    broken = await ask(JsonBody(echo), headers=[JSON], body=[b'{"a"', b":1"])

    assert (whole.status, broken.status) == (200, 400)
    assert echo.bodies == [b'{"a":1}']


def test_a_reason_names_a_place_and_not_the_content() -> None:
    """What is personal in a broken body stays out of the answer."""
    reason = malformed(b'{"phone": "+4915112345678", "x": }')

    assert reason is not None
    assert "line 1" in reason
    assert "4915112345678" not in reason


@given(st.binary(max_size=200))
def test_any_bytes_give_a_verdict(body: bytes) -> None:
    """No input makes the check itself fail."""
    assert malformed(body) is None or malformed(body)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
        max_leaves=20,
    )
)
def test_what_python_writes_strictly_is_accepted(value: Any) -> None:
    """Both with escapes and as UTF-8."""
    assert malformed(json.dumps(value, allow_nan=False).encode()) is None
    raw = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    assert malformed(raw) is None


@pytest.mark.parametrize(
    "types",
    [
        [],
        [b"text/plain"],
        [b"application/x-www-form-urlencoded"],
        [b"multipart/form-data; boundary=x"],
        [b"application/jsonp"],
        [b"text/json"],
        [b""],
        [b"application/json", b"application/json"],
        [b"text/plain, application/json"],
    ],
)
async def test_a_body_not_declared_as_json_is_refused(
    types: list[bytes], ask: Any, echo: Any
) -> None:
    """415, whatever the bytes are: a foreign HTML form can only send these."""
    headers = [(b"content-type", value) for value in types]
    answer = await ask(JsonBody(echo), headers=headers, body=b"{}")

    assert answer.status == 415
    assert answer.problem["type"] == "/problems/unsupported-media-type"
    assert echo.bodies == []


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json",
        b"Application/JSON",
        b"application/json; charset=utf-8",
        b" application/json ;charset=utf-8",
        b"application/merge-patch+json",
    ],
)
async def test_every_spelling_of_json_is_taken(
    kind: bytes, ask: Any, echo: Any
) -> None:
    """Case, parameters and +json do not matter."""
    answer = await ask(JsonBody(echo), headers=[(b"content-type", kind)], body=b"{}")

    assert answer.status == 200


async def test_other_types_pass_where_they_are_wanted(ask: Any, echo: Any) -> None:
    """only=False judges JSON and leaves the rest alone."""
    app = JsonBody(echo, only=False)
    form = await ask(app, headers=[(b"content-type", b"text/plain")], body=b"a=1")
    broken = await ask(app, headers=[JSON], body=b"{")

    assert (form.status, broken.status) == (200, 400)


@pytest.mark.parametrize("body", [None, b""])
async def test_a_request_without_a_body_passes(
    body: bytes | None, ask: Any, echo: Any
) -> None:
    """A type is asked for only where there is something to be typed."""
    assert (await ask(JsonBody(echo), "GET", body=body)).status == 200


async def test_a_caller_who_leaves_early_starts_nothing(ask: Any, echo: Any) -> None:
    """Half a body is no request: nothing is claimed for it."""
    app = BodyLimit(JsonBody(echo))
    answer = await ask(app, headers=[JSON], body=[b'{"a":', b"1}"], leave_after=1)

    assert answer.starts == 0
    assert echo.scopes == []


@pytest.mark.parametrize(
    ("length", "status"), [(b"10", 200), (b"11", 413), (b"9" * 30, 413), (b"0010", 200)]
)
async def test_a_declared_length_above_the_limit_is_refused(
    length: bytes, status: int, ask: Any, echo: Any
) -> None:
    """413 without asking the application, and the connection is closed."""
    headers = [(b"content-length", length)]
    answer = await ask(BodyLimit(echo, 10), headers=headers, body=b"0123456789")

    assert answer.status == status
    assert len(echo.scopes) == (status == 200)
    if status == 413:
        assert answer.problem["max_bytes"] == 10
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "headers", [[(b"content-length", b"3")], [], [(b"content-length", b"x")]]
)
async def test_a_body_longer_than_it_says_is_cut_off(
    headers: list[tuple[bytes, bytes]], ask: Any, echo: Any
) -> None:
    """Bytes are counted as they come: a lying length does not help."""
    answer = await ask(BodyLimit(echo, 10), headers=headers, body=[b"01234"] * 3)

    assert answer.status == 413
    assert answer.problem["type"] == "/problems/body-too-large"
    assert answer.starts == 1
    assert echo.bodies == []


@pytest.mark.parametrize(
    ("headers", "chunks", "read"),
    [
        ([(b"content-length", b"40")], 4, 4),  # not much too large: all of it
        ([], 4, 4),
        ([], 99, 11),  # eight times the limit, and no further
        ([(b"content-length", b"81")], 9, 0),
        ([(b"content-length", b"40"), (b"expect", b"100-continue")], 4, 0),
    ],
)
async def test_the_rest_of_a_body_is_thrown_away_within_reason(
    headers: list[tuple[bytes, bytes]], chunks: int, read: int, ask: Any, echo: Any
) -> None:
    """A connection closed on unread bytes is reset before the answer is seen."""
    received = 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        async def counted() -> Any:
            nonlocal received
            received += 1
            return await receive()

        await BodyLimit(echo, 10)(scope, counted, send)

    answer = await ask(counting, headers=headers, body=[b"0123456789"] * chunks)

    assert answer.status == 413
    assert received == read


async def test_a_body_of_exactly_the_limit_passes(ask: Any, echo: Any) -> None:
    """The limit itself is allowed, in any number of pieces."""
    answer = await ask(BodyLimit(echo, 10), body=[b"01234"] * 2)

    assert (answer.status, answer.body) == (200, b"0123401234")


async def test_an_application_that_hides_the_error_cannot_answer_for_it(
    ask: Any,
) -> None:
    """One that catches everything and says 200 is not heard."""

    async def careless(scope: Any, receive: Any, send: Any) -> None:
        try:
            while (await receive()).get("more_body"):
                pass
        except Exception:  # noqa: BLE001 - what careless code does
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"booked"})

    answer = await ask(BodyLimit(careless, 10), body=[b"01234"] * 3)

    assert (answer.status, answer.starts) == (413, 1)
    assert b"booked" not in answer.body


async def test_an_error_of_the_application_is_not_swallowed(ask: Any) -> None:
    """Only the limit's own signal is."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await ask(BodyLimit(broken, 10), body=b"{}")


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate, br", b"GZIP", b"", b"x"])
async def test_an_encoded_body_is_not_unpacked(
    encoding: bytes, ask: Any, echo: Any
) -> None:
    """415: a bomb is small on the wire."""
    headers = [(b"content-encoding", encoding)]
    answer = await ask(BodyLimit(echo), headers=headers, body=b"\x1f\x8b")

    assert answer.status == 415
    assert answer.problem["type"] == "/problems/content-encoding"
    assert echo.scopes == []


async def test_the_identity_encoding_is_none(ask: Any, echo: Any) -> None:
    """It says that nothing was done to the body."""
    headers = [(b"content-encoding", b"Identity")]

    assert (await ask(BodyLimit(echo), headers=headers, body=b"{}")).status == 200


@pytest.mark.parametrize("limit", [0, -1, True])
def test_a_limit_that_admits_nothing_is_refused(limit: int, echo: Any) -> None:
    """Said when it is built."""
    with pytest.raises(ConfigurationError, match="max_bytes"):
        BodyLimit(echo, limit)


@pytest.mark.parametrize("guard", [BodyLimit, JsonBody])
async def test_what_is_not_http_passes(guard: Any, echo: Any) -> None:
    """Lifespan and WebSocket are none of its business."""
    await guard(echo)({"type": "lifespan"}, None, None)

    assert echo.scopes == [{"type": "lifespan"}]
