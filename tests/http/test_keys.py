"""The idempotency key, as bytes on the wire."""

from __future__ import annotations

from typing import Any

import pytest

JSON = (b"Content-Type", b"application/json")


@pytest.mark.case("IDM-01", part="http")
def test_the_same_request_twice_has_one_effect_and_one_answer(client: Any) -> None:
    """201 both times, byte for byte; only the second says that it is a replay."""
    booking = client.new_booking()
    first = client.confirm(booking, b"idm-01")
    second = client.confirm(booking, b"idm-01")

    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    for name in ("location", "etag", "content-type"):
        assert first.headers[name] == second.headers[name]
    assert first.headers["idempotent-replayed"] is None
    assert second.headers["idempotent-replayed"] == "true"
    assert client.effects(booking) == 1


def test_the_first_answer_says_how_long_it_will_be_given(client: Any) -> None:
    """Whole seconds, never more than the window; a replay does not say it."""
    booking = client.new_booking()
    first = client.confirm(booking, b"expiry")
    second = client.confirm(booking, b"expiry")

    assert 0 < int(first.headers["idempotency-key-expires-in"]) <= 60
    assert second.headers["idempotency-key-expires-in"] is None


@pytest.mark.case("IDM-02", part="http")
def test_a_key_used_for_another_body_is_refused(client: Any) -> None:
    """422 key-reused; the first answer is still given afterwards."""
    booking, other = client.new_booking(), client.new_booking()
    first = client.confirm(booking, b"idm-02")
    reused = client.confirm(other, b"idm-02")
    again = client.confirm(booking, b"idm-02")

    assert (reused.status, reused.slug) == (422, "key-reused")
    assert again.body == first.body
    assert (client.effects(booking), client.effects(other)) == (1, 0)


def test_a_key_belongs_to_its_tenant(client: Any) -> None:
    """Two tenants with one key have two effects and their own answers."""
    booking = client.new_booking()
    first = client.confirm(booking, b"tenants")
    other = client.confirm(booking, b"tenants", headers=[(b"X-Tenant", b"globex")])

    assert (first.status, other.status) == (201, 201)
    assert other.headers["idempotent-replayed"] is None
    assert client.effects(booking) == 2


def test_another_path_or_type_with_the_key_is_another_request(client: Any) -> None:
    """The fingerprint covers path, query and content type, not the body alone."""
    booking = client.new_booking()
    body = b'{"booking_id": "%b"}' % booking.encode()
    lines = [JSON, (b"Idempotency-Key", b"fingerprint")]
    other = [(b"Content-Type", b"application/json; v=2"), lines[1]]

    assert client.send(headers=lines, body=body).status == 201
    assert client.send(path="/confirm?x=1", headers=lines, body=body).status == 422
    assert client.send(headers=other, body=body).status == 422
    assert client.send(headers=lines, body=body + b" ").status == 422
    assert client.effects(booking) == 1


@pytest.mark.case("IDM-03", part="http")
def test_a_key_is_required(client: Any) -> None:
    """400 key-missing, which says what to send; nothing ran."""
    booking = client.new_booking()
    answer = client.confirm(booking)

    assert (answer.status, answer.slug) == (400, "key-missing")
    assert "Idempotency-Key" in answer.problem["detail"]
    assert client.effects(booking) == 0


@pytest.mark.case("IDM-04", part="http")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b'"idm-04-a"', b"idm-04-a"),
        (b"idm-04-b", b'"idm-04-b"'),
        (b"idm-04-c", b" \tidm-04-c \t "),
    ],
)
def test_a_quoted_key_is_the_bare_one(first: bytes, second: bytes, client: Any) -> None:
    """Quotes and white space around it are not part of it."""
    booking = client.new_booking()
    client.confirm(booking, first)
    again = client.confirm(booking, second)

    assert again.headers["idempotent-replayed"] == "true"
    assert client.effects(booking) == 1


def test_both_header_names_are_one(client: Any) -> None:
    """X-Idempotency-Key is an older spelling; both may say the same."""
    booking = client.new_booking()
    client.confirm(booking, b"names")
    old = client.confirm(booking, headers=[(b"X-Idempotency-Key", b"names")])
    both = client.confirm(
        booking, b"names", headers=[(b"X-Idempotency-Key", b'"names"')]
    )

    assert old.headers["idempotent-replayed"] == "true"
    assert both.headers["idempotent-replayed"] == "true"
    assert client.effects(booking) == 1


@pytest.mark.case("IDM-05", part="http")
@pytest.mark.parametrize(
    ("sent", "same"),
    [(rb'"idm\"05"', rb'"idm\"05";v=1'), (b'"idm-05";v=1', b"idm-05")],
)
def test_structured_field_strings_are_understood(
    sent: bytes, same: bytes, client: Any
) -> None:
    """Escapes are undone and parameters are dropped."""
    booking = client.new_booking()
    first = client.confirm(booking, sent)
    again = client.confirm(booking, same)

    assert first.status == 201
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.case("IDM-07", part="http")
def test_the_longest_key_is_255_characters(client: Any) -> None:
    """That one is taken, the next is not."""
    assert client.confirm(client.new_booking(), b"k" * 255).status == 201
    too_long = client.confirm(client.new_booking(), b"k" * 256)

    assert (too_long.status, too_long.slug) == (400, "key-invalid")


INVALID: dict[str, list[bytes]] = {
    "empty": [b""],
    "only spaces": [b"   "],
    "only a tab": [b"\t"],
    "an empty string": [b'""'],
    "a quote left open": [b'"abc'],
    "a quote alone": [b'"'],
    "text after the string": [b'"abc"def'],
    "a bare list": [b"a,b"],
    "a list of strings": [b'"a", "b"'],
    "a space inside": [b"a b"],
    "a tab inside": [b"a\tb"],
    "latin-1": [b"caf\xe9"],
    "UTF-8": ["schlüssel".encode()],
    "latin-1 in quotes": [b'"caf\xe9"'],
    "a bad escape": [rb'"a\b"'],
    "two equal lines": [b"twice", b"twice"],
    "two different lines": [b"one", b"two"],
    "60,000 characters": [b"k" * 60_000],
}


@pytest.mark.case("IDM-07", part="corpus")
@pytest.mark.parametrize("keys", INVALID.values(), ids=INVALID)
def test_a_malformed_key_is_refused(keys: list[bytes], client: Any) -> None:
    """400 key-invalid, the key is not repeated, and nothing ran."""
    booking = client.new_booking()
    answer = client.confirm(booking, *keys)

    assert (answer.status, answer.slug) == (400, "key-invalid")
    assert client.effects(booking) == 0
    for key in keys:
        if len(key.strip()) > 3:
            assert key.strip() not in answer.body


@pytest.mark.case("IDM-07", part="control characters")
@pytest.mark.parametrize("byte", [b"\x00", b"\x07", b"\x7f", b"\x1b", b"\r", b"\n"])
def test_a_control_character_never_reaches_a_key(byte: bytes, client: Any) -> None:
    """Refused with 400, by the server or by us; nothing ran."""
    booking = client.new_booking()
    answer = client.confirm(booking, b"a%bb" % byte)

    assert answer.status == 400
    assert client.effects(booking) == 0


def test_header_names_that_disagree_are_refused(client: Any) -> None:
    """Neither of two different keys is guessed to be the right one."""
    booking = client.new_booking()
    answer = client.confirm(booking, b"one", headers=[(b"X-Idempotency-Key", b"two")])

    assert (answer.status, answer.slug) == (400, "key-invalid")
    assert client.effects(booking) == 0


def test_a_header_block_of_megabytes_is_cut_off(client: Any) -> None:
    """Nobody buffers ten megabytes of a key."""
    booking = client.new_booking()
    answer = client.confirm(booking, b"k" * 10_000_000)

    assert answer.status in {400, 431}
    assert client.effects(booking) == 0


@pytest.mark.parametrize("age", [b"", b"-1", b"1.5", b"soon", b"9" * 13, b"1, 2"])
def test_a_malformed_age_is_refused(age: bytes, client: Any) -> None:
    """A wrong age could make an old request look new."""
    booking = client.new_booking()
    answer = client.confirm(booking, b"age", headers=[(b"Idempotency-Age", age)])

    assert (answer.status, answer.slug) == (400, "key-invalid")
    assert client.effects(booking) == 0


def test_a_request_older_than_the_memory_is_not_run(client: Any) -> None:
    """409 key-expired: it cannot be told from one already done."""
    booking = client.new_booking()
    lines = [(b"Idempotency-Age", b"999999")]
    answer = client.confirm(booking, b"too-old", headers=lines)

    assert (answer.status, answer.slug) == (409, "key-expired")
    assert client.effects(booking) == 0


@pytest.mark.case("OPR-04", part="http")
def test_a_refusal_is_the_answer_and_is_replayed(client: Any) -> None:
    """The problem is the same both times, but for the request's own identity."""
    first = client.confirm("taken", b"refused")
    second = client.confirm("taken", b"refused")

    assert (first.status, first.slug) == (409, "slot-taken")
    assert first.problem["alternatives"] == ["10:30"]
    assert first.headers["idempotent-replayed"] is None
    assert second.headers["idempotent-replayed"] == "true"
    same = ("type", "title", "status", "detail", "alternatives")
    assert [first.problem[name] for name in same] == [
        second.problem[name] for name in same
    ]
    assert client.effects("taken") == 0


@pytest.mark.case("OPR-05", part="http")
def test_an_unforeseen_error_stores_nothing_and_tells_nothing(client: Any) -> None:
    """500 without a detail, twice: the second call ran again."""
    for _ in range(2):
        answer = client.confirm("broken", b"broken")

        assert (answer.status, answer.slug) == (500, "internal")
        assert b"canary-secret" not in answer.body
        assert "detail" not in answer.problem
        assert answer.headers["idempotent-replayed"] is None
    assert client.effects("broken") == 0
