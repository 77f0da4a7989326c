"""What can never work is refused where it is said, and before anything is done."""

from __future__ import annotations

import asyncio
import functools
import os
import pathlib
import warnings
from typing import Any, Self

import pytest

from syncpatterns import Idempotency, idempotent
from syncpatterns.codec import JsonCodec
from syncpatterns.engines.memory import MemoryEngine
from syncpatterns.errors import (
    ConfigurationError,
    KeyInvalid,
    OutcomeGone,
    ResultNotStorable,
)
from syncpatterns.idempotency import Committed, Windows
from syncpatterns.idempotency._core import StoredOutcome
from syncpatterns.idempotency._guard import _outcome_of

CANARY = "+12025550147"


async def an_async_one(_x: str) -> str:
    """Stand where a plain function has to."""
    return "k"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("codec", int),
        ("codec", JsonCodec),
        ("codec", 0),
        ("codec", "json"),
        ("fingerprint", "x"),
        ("fingerprint", an_async_one),
        ("key", an_async_one),
        ("scope", an_async_one),
        ("windows", 0),
        ("store_exceptions", ValueError),
        ("store_exceptions", 5),
    ],
)
def test_a_wrong_option_is_refused_at_decoration(option: str, value: Any) -> None:
    """The sentence names the option; the function has not run."""
    ran: list[str] = []
    options: dict[str, Any] = {"key": "x", "scope": "s", "operation": "op"}
    options[option] = value

    def reserve(x: str) -> None:
        ran.append(x)

    with pytest.raises(ConfigurationError, match=f"^op: {option}= "):
        idempotent(MemoryEngine(), **options)(reserve)

    assert ran == []


@pytest.mark.parametrize("codec", [int, JsonCodec, 0, "json", object()])
def test_a_codec_that_is_none_is_refused_before_the_effect(codec: Any) -> None:
    """Found out after it, the result would be lost and the key used up."""
    ran: list[Any] = []
    idem = Idempotency(MemoryEngine())
    named: dict[str, Any] = {"scope": "s", "operation": "op", "codec": codec}

    with pytest.raises(ConfigurationError, match="codec="):
        idem.execute("k", ran.append, payload=1, **named)
    with pytest.raises(ConfigurationError, match="codec="):
        idem.resolve("k", Committed(1), **named)

    assert ran == []
    assert idem.inspect("k", scope="s", operation="op") is None


class Static:
    """A codec that is a class: it has nothing to keep."""

    @staticmethod
    def encode(value: str) -> bytes:
        """Return it backwards."""
        return value[::-1].encode()

    @classmethod
    def decode(cls, data: bytes) -> str:
        """Return it forwards."""
        return data.decode()[::-1]


class Namespace:
    """The same, as two functions that were put together."""

    def encode(value: str) -> bytes:  # type: ignore[misc]  # noqa: N805 - no method  # pyright: ignore[reportSelfClsParameterName]
        """Return it backwards."""
        return value[::-1].encode()

    decode = functools.partial(Static.decode)


class Listed(list[str]):
    """An object that is false, as every empty collection is."""

    def encode(self, value: str) -> bytes:
        """Return it backwards."""
        return Static.encode(value)

    def decode(self, data: bytes) -> str:
        """Return it forwards."""
        return Static.decode(data)


@pytest.mark.parametrize("codec", [Static, Namespace, Listed()])
def test_a_codec_is_whatever_can_encode_and_decode_as_it_is(codec: Any) -> None:
    """A class of static and class methods is one, and so is what counts as false."""
    idem = Idempotency(MemoryEngine())
    named: dict[str, Any] = {"scope": "s", "operation": "op", "codec": codec}

    def ask(key: str) -> Any:
        return idem.execute(key, lambda _: "abc", payload=1, **named)

    answers = [ask("k"), ask("k")]
    record = idem.inspect("k", scope="s", operation="op")

    assert answers == ["abc", "abc"]
    assert record is not None
    assert record.outcome is not None
    assert record.outcome.body == b"cba"
    assert _outcome_of(Committed("abc"), codec) == StoredOutcome("value", b"cba")


@pytest.mark.parametrize("windows", [("60", 90), (60, None), (True, True)])
def test_windows_are_seconds(windows: Any) -> None:
    """Anything that is no number is told as such, in the library's words."""
    with pytest.raises(ConfigurationError, match="in seconds"):
        Windows(*windows)


def test_a_codec_that_quotes_the_result_is_not_repeated() -> None:
    """Its exception is told by class; the words may be about a person."""

    class Quoting:
        def encode(self, value: str) -> bytes:
            raise ValueError(value)

        def decode(self, data: bytes) -> str:
            raise NotImplementedError(data)

    idem = Idempotency(MemoryEngine())

    def ask() -> str:
        return idem.execute(
            "k", lambda _: CANARY, scope="s", operation="op", payload=1, codec=Quoting()
        )

    with pytest.raises(ResultNotStorable) as caught:
        ask()
    with pytest.raises(OutcomeGone):
        ask()

    assert "Its codec raised ValueError." in str(caught.value)
    assert CANARY not in str(caught.value)


def nested(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    found: list[Any] = ["a"]
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize("key", [(), [], nested(100_000)])
def test_a_key_of_nothing_or_without_end_is_refused(key: Any) -> None:
    """It comes from what somebody sent: no traceback, and never everybody's key."""
    ran: list[Any] = []
    idem = Idempotency(MemoryEngine())

    with pytest.raises(KeyInvalid, match="the action, such as the order's id"):
        idem.execute(key, ran.append, scope="s", operation="op", payload=1)

    assert ran == []


def test_an_empty_part_of_a_key_is_a_part() -> None:
    """What has other parts identifies something."""
    idem = Idempotency(MemoryEngine())

    keys: list[Any] = [("a", ()), ("a", ""), "[]", ("a", ())]
    ran: list[int] = []

    def count(_: Any) -> int:
        ran.append(len(ran))
        return ran[-1]

    answers = [
        idem.execute(key, count, scope="s", operation="op", payload=1) for key in keys
    ]

    assert answers == [0, 1, 2, 0]


def test_nothing_is_left_to_await() -> None:
    """An async key function is refused before it is called: Python would warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        with pytest.raises(ConfigurationError, match="key="):
            idempotent(MemoryEngine(), key=an_async_one, scope="s")(an_async_one)

    assert asyncio.run(an_async_one("x")) == "k"


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file", "orders.csv"),
        OSError(18, "Cross-device link", "a", None, "b"),
        OSError(5, "Input/output error"),
        OSError("disk"),
    ],
)
@pytest.mark.case("IDM-58", part="file names")
def test_a_replayed_os_error_names_its_files(error: OSError) -> None:
    """Python takes them out of its arguments; a replay says the same sentence."""
    idem = Idempotency(MemoryEngine())

    def fail(_: Any) -> None:
        raise error

    told = []
    for _ in range(2):
        with pytest.raises(OSError) as caught:
            idem.execute(
                "k",
                fail,
                scope="s",
                operation="op",
                payload=1,
                store_exceptions=(OSError,),
            )
        found = caught.value
        told.append((type(found), found.args, found.filename, str(found)))

    assert told == [(type(error), error.args, error.filename, str(error))] * 2


class Missing(OSError):
    """A file that is always the same one, and said by nobody."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.filename = "report.csv"


class Strict(OSError):
    """Made with two arguments, whatever is known of its file."""

    def __new__(cls, code: int, text: str) -> Self:
        """Take no file name."""
        return super().__new__(cls, code, text)


def strict() -> Strict:
    """Return one that was told its file afterwards."""
    error = Strict(2, "No such file")
    error.filename = "report.csv"
    return error


@pytest.mark.parametrize(
    ("error", "filename"),
    [
        (FileNotFoundError(2, "No such file", b"/nope"), "/nope"),
        (FileNotFoundError(2, "No such file", b"/\xff"), os.fsdecode(b"/\xff")),
        (FileNotFoundError(2, "No such file", pathlib.PurePath("nope")), "nope"),
        (OSError(9, "Bad file descriptor", 999), 999),
        (OSError(2, "No such file", object()), None),
        (Missing(2, "No such file"), "report.csv"),
        (strict(), None),
    ],
)
def test_an_os_error_is_stored_whatever_its_file_is(
    error: OSError, filename: object
) -> None:
    """A name as bytes or a path comes back as text; for none the answer is not lost."""
    idem = Idempotency(MemoryEngine())

    def fail(_: Any) -> None:
        raise error

    found: list[OSError] = []
    for _ in range(2):
        with pytest.raises(OSError) as caught:
            idem.execute(
                "k",
                fail,
                scope="s",
                operation="op",
                payload=1,
                store_exceptions=(OSError,),
            )
        found.append(caught.value)

    assert found[0] is error
    assert (type(found[1]), found[1].args) == (type(error), error.args)
    assert found[1].filename == filename
