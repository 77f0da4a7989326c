"""Keys and scopes: what is one, and that none is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest

from syncpatterns import SINGLE_TENANT
from syncpatterns._http import RequestKey
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError, KeyInvalid, KeyMissing
from syncpatterns.operation import Operation
from tests.unit.operation.conftest import (
    NOTHING,
    ONCE,
    Booking,
    Caller,
    Confirm,
    MakeOperation,
    counts,
)

Op = Operation[Confirm, Booking]


class Plain(Enum):
    ONE = "one"
    NUMBER = 7
    NOTHING = None


class Text(StrEnum):
    ONE = "one"


class Number(IntEnum):
    SEVEN = 7


@pytest.mark.case("OPR-32", part="none given")
@pytest.mark.case("IDM-03", part="single")
async def test_no_key_is_refused(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """With the status that says it is the caller's mistake."""
    with pytest.raises(KeyMissing, match="Mint one where the person acts") as caught:
        await call(operation, key=None)

    assert caught.value.status == 400
    assert counts(engine) == NOTHING


@pytest.mark.case("OPR-32", part="derived")
async def test_a_derived_key_is_the_same_for_equal_commands(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """And different for others."""
    operation = make(key=lambda command: command.booking)
    first = await call(operation, Confirm("b1"), key=None)
    again = await call(operation, Confirm("b1"), key=None)
    other = await call(operation, Confirm("b2"), key=None)

    assert [first.replayed, again.replayed, other.replayed] == [False, True, False]
    assert counts(engine).bookings == 2


async def test_a_key_that_is_given_goes_before_a_derived_one(
    make: MakeOperation, engine: SqliteEngine, call: Caller
) -> None:
    """Whoever minted one knows better what one action is."""
    operation = make(key=lambda command: command.booking)
    await call(operation, key=None)

    assert not (await call(operation, key="mine")).replayed
    assert counts(engine).bookings == 2


@pytest.mark.case("IDM-55", part="single")
@pytest.mark.parametrize(
    ("derived", "error"),
    [
        (None, KeyMissing),
        ("", KeyInvalid),
        (True, KeyInvalid),
        ("   ", KeyInvalid),
        ({"b1"}, KeyInvalid),
        (Confirm("b1"), KeyInvalid),
    ],
    ids=["none", "empty", "bool", "blank", "set", "command"],
)
async def test_a_derived_key_that_is_none_is_refused(
    make: MakeOperation,
    engine: SqliteEngine,
    call: Caller,
    derived: object,
    error: type[Exception],
) -> None:
    """Never the hash of nothing, which all commands would share."""
    with pytest.raises(error):
        await call(make(key=lambda command: derived), key=None)

    assert counts(engine) == NOTHING


@pytest.mark.case("IDM-54", part="single")
@pytest.mark.parametrize(
    ("key", "same"),
    [
        (7, "7"),
        (-7, "-7"),
        (Decimal("1.20"), "1.2"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (
            UUID("0194b8a0-0000-7000-8000-000000000001"),
            "0194b8a0-0000-7000-8000-000000000001",
        ),
        (Plain.ONE, "one"),
        (Plain.NUMBER, "7"),
        (Text.ONE, "one"),
        (Number.SEVEN, "7"),
        ("x" * 255, "x" * 255),
        ("é\ud800\x00", "é\ud800\x00"),
    ],
    ids=[str(n) for n in range(12)],
)
async def test_a_key_has_one_stable_text(
    make: MakeOperation, call: Caller, key: object, same: str
) -> None:
    """In every process and release, so that a retry finds its record."""
    operation = make(key=lambda command: key)
    await call(operation, key=None)

    assert (await call(operation, key=same)).replayed
    assert operation.storage_key(same, scope="acme") == operation.storage_key(
        key,  # type: ignore[arg-type]  # any stable value
        scope="acme",
    )


@pytest.mark.case("IDM-07", part="single")
@pytest.mark.parametrize(
    "key",
    ["", " ", "x" * 256, True, float("nan"), object(), {"a"}, 10**5000],
    ids=[str(n) for n in range(8)],
)
async def test_what_is_no_key_is_refused(
    operation: Op, engine: SqliteEngine, call: Caller, key: object
) -> None:
    """With the class that says so, and without the value."""
    with pytest.raises(KeyInvalid) as caught:
        await call(operation, key=key)

    assert caught.value.status == 400
    assert "bytes'" not in str(caught.value)
    assert counts(engine) == NOTHING


@pytest.mark.parametrize("scope", ["", None, 5, b"acme", True])
async def test_a_scope_is_said_aloud(
    operation: Op, engine: SqliteEngine, call: Caller, scope: object
) -> None:
    """An empty one would have the keys of two tenants meet."""
    with pytest.raises(ConfigurationError, match="SINGLE_TENANT"):
        await call(operation, scope=scope)

    assert counts(engine) == NOTHING


async def test_one_tenant_is_said_aloud_too(
    operation: Op, engine: SqliteEngine, call: Caller
) -> None:
    """And meets no tenant of any name."""
    await call(operation, scope=SINGLE_TENANT)

    assert counts(engine) == ONCE
    assert operation.storage_key("k1", scope=SINGLE_TENANT) != operation.storage_key(
        "k1", scope="SINGLE_TENANT"
    )


def test_parts_of_a_key_never_run_together(make: MakeOperation) -> None:
    """Scope "a" with key "bc" is not scope "ab" with key "c"."""
    operation = make()

    one = operation.storage_key("bc", scope="a")
    two = operation.storage_key("c", scope="ab")

    assert one != two
    assert len(one) == 64
    assert operation.key_hash("bc", scope="a") == one[:8]
    request = RequestKey("bc", b"f")
    assert operation.storage_key(request, scope="a") == one


def test_the_key_is_not_in_what_is_stored(operation: Op, engine: SqliteEngine) -> None:
    """A copy of the database gives nobody a key to replay."""
    operation.call(Confirm("b1"), key="secret-key-123", scope="secret-tenant")
    engine.close()

    data = engine.path.read_bytes()

    assert b"b1" in data
    assert b"secret" not in data


async def test_the_effect_knows_the_hash_of_its_key(
    make: MakeOperation, call: Caller
) -> None:
    """For audit rows and logs; outside an operation there is none."""
    operation = make(effect=lambda tx, command: tx.key_hash)

    answer: Any = await call(operation)

    assert answer.value == operation.key_hash("k1", scope="acme")
