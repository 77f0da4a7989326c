"""Text of keys, and fingerprints."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from syncpatterns.errors import KeyInvalid, KeyMissing, ResultNotStorable
from syncpatterns.idempotency._core import storage_key
from syncpatterns.idempotency._fingerprint import fingerprint
from syncpatterns.idempotency._keys import KeyHasher, key_text


class Color(Enum):
    RED = "red"
    PAIR = (1, 2)


class Size(StrEnum):
    BIG = "big"


class Level(IntEnum):
    HIGH = 3


BERLIN = timezone(timedelta(hours=1))


@pytest.mark.case("IDM-54", part="text")
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("abc", "abc"),
        (" a ", " a "),
        (7, "7"),
        (2.5, "2.5"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(9, 30), "09:30:00"),
        (datetime(2026, 3, 1, 9, tzinfo=BERLIN), "2026-03-01T08:00:00+00:00"),
        (datetime(2026, 3, 1, 9), "2026-03-01T09:00:00"),  # noqa: DTZ001 - naive
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+2"), "100"),
        (Decimal("-0.0"), "0"),
        (Decimal("1.0000000000000000000000000000001"), None),
        (Color.RED, "red"),
        (Size.BIG, "big"),
        (Level.HIGH, "3"),
        (Color.PAIR, '["1", "2"]'),
        (b"\x01\xff", "01ff"),
        (("a", 1), '["a", "1"]'),
        (["a", ("b",)], '["a", "[\\"b\\"]"]'),
    ],
)
def test_keys_have_stable_text(key: object, expected: str | None) -> None:
    """What is equal has one text; nothing is rounded."""
    assert key_text("op", key) == (expected or str(key))


def test_equal_instants_are_one_key() -> None:
    """Whatever their time zone."""
    here = datetime(2026, 3, 1, 9, tzinfo=BERLIN)

    assert key_text("op", here) == key_text("op", here.astimezone(UTC))


def test_parts_do_not_run_together() -> None:
    """("a", "bc") is not ("ab", "c")."""
    assert key_text("op", ("a", "bc")) != key_text("op", ("ab", "c"))


@pytest.mark.parametrize("key", [None, ("a", None), [None]])
def test_none_is_missing(key: object) -> None:
    """Also as a part of a key."""
    with pytest.raises(KeyMissing, match="op"):
        key_text("op", key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "  ",
        "\n",
        True,
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("1E+999999999"),
        object(),
        {"a": 1},
        {1, 2},
        lambda: 1,
    ],
)
def test_what_has_no_stable_text_is_invalid(key: object) -> None:
    """The error names the type, never the value."""
    with pytest.raises(KeyInvalid, match=r"^op: "):
        key_text("op", key)


@dataclass
class Point:
    x: int
    tags: Any = ()


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")

    x: int
    tags: Any = ()


def model(**values: Any) -> Model:
    """Return a model with fields that it does not declare."""
    return Model(**values)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": {"c": 1, "d": 2}}, {"a": {"d": 2, "c": 1}}),
        ({"x", "y", "z"}, {"z", "y", "x"}),
        ((1, 2), [1, 2]),
        (Point(1, {"a", "b"}), Point(1, {"b", "a"})),
        (model(x=1, more={"p", "q"}), model(more={"q", "p"}, x=1)),
        ({UUID(int=1): 1, UUID(int=2): 2}, {UUID(int=2): 2, UUID(int=1): 1}),
    ],
)
def test_equal_requests_have_equal_fingerprints(one: Any, other: Any) -> None:
    """The order in which a mapping or set was filled does not matter."""
    assert fingerprint(one) == fingerprint(other)


def test_fingerprints_are_the_same_in_every_process() -> None:
    """Text is hashed with another seed in each, so sets come in another order."""
    code = (
        "from syncpatterns.idempotency._fingerprint import fingerprint\n"
        "print(fingerprint({'tags': set('abcdefgh')}).hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in (1, 2, 3)
    }

    assert found == {fingerprint({"tags": set("abcdefgh")}).hex()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, "1"),
        (1, True),
        (None, "null"),
        (b"1", 1),
        (b"1", "1"),
        ([], {}),
        ({"a": None}, {}),
        (2**70, float(2**70)),
        (model(x=1), model(x=2)),
        (model(x=1, a=1), model(x=1, a=2)),
        ("\ud800", "?"),
    ],
    ids=repr,
)
def test_different_requests_have_different_fingerprints(one: Any, other: Any) -> None:
    """As JSON and the wire see them."""
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("value", [object(), float("nan"), {"a": float("inf")}])
def test_what_is_no_json_has_no_fingerprint(value: Any) -> None:
    """It is refused before anything runs."""
    with pytest.raises(ResultNotStorable):
        fingerprint(value)


def test_a_circle_has_no_fingerprint() -> None:
    """It is refused too, not followed for ever."""
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(ResultNotStorable):
        fingerprint(circle)


@pytest.mark.parametrize("key", ["k", "", "ä", "\ud800", "x" * 10_000])
def test_the_fast_storage_key_is_the_storage_key(key: str) -> None:
    """What is hashed once gives what is hashed anew, also when asked again."""
    hasher = KeyHasher("n")
    found = [hasher.storage_key("s", "o", key) for _ in range(2)]

    assert found == [storage_key("n", "s", "o", key)] * 2
    assert found[0] != hasher.storage_key("s2", "o", key)


def test_the_fast_storage_key_forgets_old_scopes() -> None:
    """A million tenants do not stay in memory."""
    hasher = KeyHasher("")
    for number in range(hasher.LIMIT + 10):
        hasher.storage_key(str(number), "o", "k")

    assert len(hasher._begun) == 10
    assert hasher.storage_key("1", "o", "k") == storage_key("", "1", "o", "k")


def test_a_fingerprint_is_a_hash() -> None:
    """Nothing that was asked for can be read from the store."""
    assert len(fingerprint("secret")) == hashlib.sha256().digest_size
