"""Headers and problem documents, without a framework."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from syncpatterns._http import (
    MAX_KEY_LENGTH,
    RequestKey,
    parse_age,
    parse_key,
    problem_document,
    render_problem,
    request_fingerprint,
    require_key,
    retry_after_header,
)
from syncpatterns.errors import (
    ConfigurationError,
    InProgress,
    KeyInvalid,
    KeyMissing,
    Refusal,
    SyncPatternsError,
)

KEY = b"idempotency-key"
X_KEY = b"x-idempotency-key"


def key_of(*values: bytes) -> str | None:
    """Return the key of a request with these header lines."""
    return parse_key([(KEY, value) for value in values])


@pytest.mark.case("IDM-04")
def test_quoted_and_bare_are_one_key() -> None:
    """An RFC 8941 string and the bare text that most clients send."""
    assert key_of(b'"abc"') == key_of(b"abc") == key_of(b"  abc\t") == "abc"


@pytest.mark.case("IDM-05")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'"a\\"b"', 'a"b'),
        (b'"a\\\\b"', "a\\b"),
        (b'"abc";v=1', "abc"),
        (b'"abc"; v ', "abc"),
        (b'"abc";v', "abc"),
        (b'"abc"; a=1;b="x;y"', "abc"),
        (b'"abc', None),
        (b'abc"', None),
        (b'"a"b"', None),
        (b'"abc" x', None),
        (b'"abc";', None),
        (b'"a\\b"', None),
        (b'"abc", "def"', None),
    ],
)
def test_quoted_keys(value: bytes, expected: str | None) -> None:
    """Escapes are undone, parameters dropped, and what is malformed refused."""
    if expected is None:
        with pytest.raises(KeyInvalid):
            key_of(value)
    else:
        assert key_of(value) == expected


@pytest.mark.case("IDM-07")
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b'""',
        b" ",
        b"x" * 256,
        b'"' + b"x" * 256 + b'"',
        b"\x07",
        b'"\x07"',
        b"a,b",
        b"a b",
        b'"a b"',
        "käse".encode(),
        b"a\x00b",
        b"a\r\nb",
        b"\x7f",
        b'"' * 5000,
        b"x" * 100_000,
    ],
    ids=lambda value: f"{value[:9]!r} of {len(value)}",
)
def test_keys_that_are_refused(value: bytes) -> None:
    """Empty, too long, not visible ASCII, a list; and the error never shows it."""
    with pytest.raises(KeyInvalid) as caught:
        key_of(value)
    assert caught.value.status == 400
    assert b"xxx" not in str(caught.value).encode()


@pytest.mark.case("IDM-07", part="accepted")
@pytest.mark.parametrize("key", ["x" * MAX_KEY_LENGTH, "!", "~", "a-b_c.d:e/f"])
def test_keys_that_are_accepted(key: str) -> None:
    """1 to 255 visible ASCII characters, quoted or bare."""
    assert key_of(key.encode()) == key
    assert key_of(b'"' + key.encode() + b'"') == key


def test_two_lines_are_refused() -> None:
    """Also two equal ones: a proxy that doubles headers should be noticed."""
    with pytest.raises(KeyInvalid, match="two header lines"):
        key_of(b"a", b"a")


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [(b"a", b"a", True), (b"a", b'"a"', True), (b"a", b"b", False)],
)
def test_both_headers_must_agree(one: bytes, other: bytes, agree: bool) -> None:
    """The old and the new name may both be there, for one key."""
    headers = [(KEY, one), (X_KEY, other)]
    if agree:
        assert parse_key(headers) == "a"
    else:
        with pytest.raises(KeyInvalid, match="disagree"):
            parse_key(headers)


def test_header_names_have_no_case() -> None:
    """Some servers pass them on as they came."""
    assert parse_key([(b"Idempotency-KEY", b"a"), (b"host", b"x")]) == "a"


@pytest.mark.case("IDM-03", part="header")
def test_a_missing_key() -> None:
    """None where it is optional, an error where it is required."""
    assert parse_key([(b"host", b"x")]) is None
    with pytest.raises(KeyMissing, match="needs an Idempotency-Key"):
        require_key([(b"host", b"x")])
    assert require_key([(KEY, b"a")]) == "a"


@pytest.mark.case("IDM-51", part="header")
@pytest.mark.parametrize(
    ("values", "expected"),
    [([], 0.0), ([b"0"], 0.0), ([b" 100000 "], 100_000.0), ([b"999999999999"], 1e12)],
)
def test_ages(values: list[bytes], expected: float) -> None:
    """Whole seconds; 0 if it was not sent."""
    headers = [(b"Idempotency-Age", value) for value in values]

    assert parse_age(headers) == pytest.approx(expected)


@pytest.mark.parametrize(
    "values",
    [[b"-1"], [b"1.5"], [b"1e5"], [b""], [b"x"], [b"1", b"1"], [b"9" * 13], [b"\xb2"]],
    ids=repr,
)
def test_ages_that_are_refused(values: list[bytes]) -> None:
    """An age that cannot be read must not count as a fresh request."""
    with pytest.raises(KeyInvalid, match="whole number of seconds"):
        parse_age([(b"idempotency-age", value) for value in values])


BASE: dict[str, Any] = {
    "method": "POST",
    "path": "/leads/1",
    "query": b"a=1",
    "content_type": b"application/json",
    "body": b'{"a":1}',
}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("method", "PATCH"),
        ("path", "/leads/2"),
        ("query", b"a=2"),
        ("content_type", b"text/plain"),
        ("body", b'{"a": 1}'),
    ],
)
def test_a_fingerprint_covers_the_whole_request(part: str, value: object) -> None:
    """Byte by byte: the body is never parsed."""
    other: dict[str, Any] = BASE | {part: value}

    assert request_fingerprint(**BASE) != request_fingerprint(**other)


def test_a_fingerprint_ignores_what_means_the_same() -> None:
    """The method's case, and blanks and case around the content type."""
    same: dict[str, Any] = BASE | {
        "method": "post",
        "content_type": b" Application/JSON ",
    }

    assert request_fingerprint(**BASE) == request_fingerprint(**same)


def test_parts_of_a_fingerprint_do_not_run_together() -> None:
    """What moves from the path into the query is another request."""
    moved: dict[str, Any] = BASE | {"path": "/leads/1a=1", "query": b""}

    assert request_fingerprint(**BASE) != request_fingerprint(**moved)


def test_a_request_key_does_not_show_itself() -> None:
    """A key in a log could be replayed."""
    assert "secret" not in repr(RequestKey("secret", b"f"))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "1"), (0.1, "1"), (1, "1"), (1.01, "2"), (300, "300")]
)
def test_retry_after_is_whole_and_at_least_one(seconds: float, expected: str) -> None:
    """Rounded up: asked again too early, the answer would be the same."""
    assert retry_after_header(seconds) == expected


def test_a_problem_document() -> None:
    """Type, title, status, detail, and when to try again."""
    error = InProgress("op [12345678]: busy", retry_after=1.2)
    status, headers, members = problem_document(error)

    assert status == 409
    assert headers == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "retry-after": "2",
    }
    assert members == {
        "type": "/problems/in-progress",
        "title": InProgress.title,
        "status": 409,
        "detail": "op [12345678]: busy",
        "retry_after": 2,
    }
    assert json.loads(render_problem(members)) == members


class Odd:
    """Has no JSON form."""


@pytest.mark.parametrize(
    ("fact", "written"),
    [
        (datetime(2031, 1, 6, 9, tzinfo=UTC), "2031-01-06T09:00:00Z"),
        (Decimal("9.50"), "9.50"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("\ud800", "\ud800"),
    ],
)
def test_a_fact_is_written_as_its_text(fact: object, written: str) -> None:
    """A refusal that says when is no fault of the server."""
    members = {"type": "/problems/hold-expired", "status": 409, "fact": fact}

    assert json.loads(render_problem(members)) == {**members, "fact": written}


@pytest.mark.parametrize("fact", [math.nan, -math.inf, {"a": [math.nan]}, Odd()])
def test_a_fact_that_json_cannot_say_hides_no_reason(
    caplog: pytest.LogCaptureFixture, fact: object
) -> None:
    """NaN is no JSON: whoever reads the document strictly would read none of it."""
    members = {"type": "/problems/slot-taken", "status": 409, "fact": fact, "a": 1}

    assert json.loads(render_problem(members)) == {
        "type": "/problems/slot-taken",
        "status": 409,
        "a": 1,
    }
    assert "The fact 'fact' of a problem /problems/slot-taken" in caplog.text


class SlotTaken(Refusal):
    status = 409
    problem = "slot-taken"
    title = "The slot is taken."


def test_a_refusal_tells_its_facts() -> None:
    """They are members of the document, and never replace a standard one."""
    error = SlotTaken("Taken.", alternatives=["10:00"], status=200, title="x")
    _, _, members = problem_document(error)

    assert members["alternatives"] == ["10:00"]
    assert (members["status"], members["title"]) == (409, "The slot is taken.")


class OddError(SyncPatternsError):
    """An error of somebody else, below our root."""

    @property
    def facts(self) -> dict[str, Any]:
        """Something that must stay inside."""
        return {"where": "/secret/path"}


@pytest.mark.parametrize("error", [ConfigurationError("/secret/path"), OddError("x")])
def test_what_is_not_the_callers_fault_is_not_told(error: SyncPatternsError) -> None:
    """An internal error names internals."""
    _, _, members = problem_document(error)

    assert members["status"] == 500
    assert "secret" not in json.dumps(members)
