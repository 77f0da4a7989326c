"""Bytes for values, and canonical bytes for fingerprints."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, Field, PlainSerializer

from syncpatterns.codec import (
    JsonCodec,
    TypedCodec,
    canonical_json,
    codec_for,
    digest,
    json_encoder,
)
from syncpatterns.errors import ResultNotStorable


class Color(Enum):
    RED = "red"


class Booking(BaseModel):
    id: UUID
    day: date
    price: Decimal = Decimal("1.50")


class Aliased(BaseModel):
    booking_id: str = Field(alias="bookingId")


class Excluded(BaseModel):
    secret: str = Field(exclude=True)


class OneWay(BaseModel):
    name: str = Field(validation_alias="in", serialization_alias="out")


@dataclass(slots=True)
class Receipt:
    number: int
    at: datetime


BOOKING = Booking(id=UUID(int=1), day=date(2026, 3, 1))
RECEIPT = Receipt(7, datetime(2026, 3, 1, tzinfo=UTC))

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_json_comes_back_as_it_went(value: Any) -> None:
    """Also lone surrogates, huge numbers and empty containers."""
    codec = JsonCodec()

    assert codec.decode(codec.encode(value)) == value


@given(json_values)
def test_the_fast_encoder_writes_what_json_writes(value: Any) -> None:
    """Compact, and with ASCII escapes."""
    expected = json.dumps(value, separators=(",", ":"), allow_nan=False)

    assert JsonCodec().encode(value) == expected.encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({1: "x"}, {"1": "x"}),
        (BOOKING, {"id": str(UUID(int=1)), "day": "2026-03-01", "price": "1.50"}),
        (Color.RED, "red"),
        ({"at": RECEIPT.at}, {"at": "2026-03-01T00:00:00Z"}),
        (frozenset({1}), [1]),
    ],
)
def test_plain_json_of_rich_values(value: Any, expected: Any) -> None:
    """What JSON cannot say in their own type comes back as text or list."""
    codec = JsonCodec()

    assert codec.decode(codec.encode(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        object(),
        float("nan"),
        float("inf"),
        {"a": float("-inf")},
        {"a": [float("nan")]},
        lambda: 1,
        {"a": object()},
        {("a", object()): 1},
    ],
    ids=range(8),
)
def test_what_is_no_json_is_refused(value: Any) -> None:
    """With one error, whatever is wrong."""
    with pytest.raises(ResultNotStorable, match="cannot be written as JSON"):
        JsonCodec().encode(value)


def test_a_circle_is_refused() -> None:
    """It neither hangs nor crashes."""
    circle: dict[str, Any] = {}
    circle["self"] = circle

    with pytest.raises(ResultNotStorable):
        JsonCodec().encode(circle)
    with pytest.raises(ResultNotStorable):
        canonical_json([circle])


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Booking, BOOKING),
        (Receipt, RECEIPT),
        (list[Receipt], [RECEIPT]),
        (dict[str, tuple[int, ...]], {"a": (1, 2)}),
        (Color, Color.RED),
        (Receipt | None, None),
        (int | str, "1"),
        (Decimal, Decimal("1.50")),
        (Aliased, Aliased(bookingId="B-1")),
        (bytes, b"abc"),
        (float, 2.5),
        (bool, False),
    ],
    ids=str,
)
def test_a_typed_result_comes_back_with_its_type(annotation: Any, value: Any) -> None:
    """A replayed booking is a booking, also with aliases."""
    codec = codec_for(annotation)
    found = codec.decode(codec.encode(value))

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "seven"),
        (Booking, {"id": 1}),
        (list[int], [1, "x"]),
        (float, float("nan")),
        (float, float("inf")),
        (str, "\ud800"),
        (Excluded, Excluded(secret="x")),
        (OneWay, OneWay.model_validate({"in": "x"})),
        (Annotated[int, PlainSerializer(lambda n: f"no. {n}")], 7),
    ],
    ids=range(9),
)
def test_what_could_not_be_read_back_is_not_stored(annotation: Any, value: Any) -> None:
    """A promise to replay it would break at the first replay."""
    with pytest.raises(ResultNotStorable, match="does not fit the declared"):
        codec_for(annotation).encode(value)


@pytest.mark.parametrize("annotation", [None, type(None), Any])
def test_no_annotation_is_plain_json(annotation: Any) -> None:
    """And needs no pydantic."""
    assert isinstance(codec_for(annotation), JsonCodec)


def test_a_type_without_json_has_no_codec() -> None:
    """Known when it is asked for, not at the first result."""
    with pytest.raises(ResultNotStorable, match="No JSON form is known"):
        codec_for(threading_lock())


def threading_lock() -> Any:
    """Return a type that pydantic cannot describe."""

    class Odd:
        pass

    return Odd


def test_an_unhashable_annotation_has_a_codec() -> None:
    """Such as one with a list in its metadata."""
    codec = codec_for(Annotated[int, ["metadata"]])

    assert isinstance(codec, TypedCodec)
    assert codec.decode(codec.encode(5)) == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": {"d": 1, "c": 2}}, {"b": {"c": 2, "d": 1}, "a": 1}),
        (BOOKING, Booking(day=date(2026, 3, 1), id=UUID(int=1))),
        ((1, 2), [1, 2]),
    ],
    ids=range(3),
)
def test_equal_values_have_equal_canonical_bytes(one: Any, other: Any) -> None:
    """Whatever the order of their keys."""
    assert canonical_json(one) == canonical_json(other)


def test_one_and_one_point_zero_differ() -> None:
    """As they do in JSON."""
    assert canonical_json(1) != canonical_json(1.0)


def test_parts_of_a_digest_do_not_run_together() -> None:
    """Each carries its length."""
    assert digest(b"a", b"bc") != digest(b"ab", b"c")
    assert digest(b"a") == hashlib.sha256(b"1:a").digest()


def test_an_interpreter_without_the_accelerator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slow encoder writes the same."""

    def default(value: Any) -> Any:
        return sorted(value)

    value = {"b": {2, 1}, "a": "ä"}
    fast = json_encoder(default, sort_keys=True)(value)
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    slow = json_encoder(default, sort_keys=True)(value)

    assert fast == slow == '{"a":"\\u00e4","b":[1,2]}'
