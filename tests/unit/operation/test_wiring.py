"""What can never work is refused where it is declared."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from syncpatterns.codec import Codec, JsonCodec
from syncpatterns.engines import connect
from syncpatterns.engines.sqlite import SqliteEngine
from syncpatterns.errors import ConfigurationError, Refusal
from syncpatterns.idempotency import Windows
from syncpatterns.operation import Operation, Result, Transaction
from syncpatterns.operation._single import SingleMode
from tests.unit.operation.conftest import Booking, Bug, Confirm, SlotTaken, confirm

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypeCheckers

ENGINE = SqliteEngine("never-opened.db")


def declared(**options: Any) -> Operation[Any, Any]:
    """Declare an operation on an engine that is never opened."""
    effect: Callable[[Transaction, Any], Any] = options.pop("effect", confirm)
    name, engine = options.pop("name", "op"), options.pop("engine", ENGINE)
    return Operation(name, engine, effect=effect, **options)


def refusal(**options: Any) -> str:
    """Return the sentence with which a declaration is refused."""
    with pytest.raises(ConfigurationError) as caught:
        declared(**options)
    return str(caught.value)


def codec_of(operation: Operation[Any, Any]) -> Codec[Any]:
    """Return how the results of an operation in mode single are stored."""
    mode = operation._mode
    assert isinstance(mode, SingleMode)
    return mode._effect.codec


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a/b", ".hidden", "é", "x" * 201, None, 5, b"op"]
)
def test_a_name_is_short_and_plain(name: object) -> None:
    """It is stored, logged and a label of metrics."""
    assert "1 to 200 of A-Z a-z 0-9" in refusal(name=name)


@pytest.mark.parametrize(
    "name", ["a", "bookings.confirm", "v2:leads-move_9", "x" * 200]
)
def test_a_good_name(name: str) -> None:
    """Dots, hyphens, underscores and colons."""
    assert declared(name=name).name == name


@pytest.mark.case("OPR-09")
@pytest.mark.parametrize(
    "engine",
    [object(), None, "sqlite:///app.db", SqliteEngine, ENGINE.idempotency_store()],
    ids=["object", "none", "url", "class", "store"],
)
def test_an_engine_without_transactions_is_refused(engine: object) -> None:
    """At construction, naming the engine that can."""
    said = refusal(engine=engine)

    assert "no transaction that could hold the effect and its record" in said
    assert "Use sqlite:///file.db" in said


@pytest.mark.case("OPR-09")
def test_the_memory_engine_is_refused() -> None:
    """It shares no commit with anybody's rows, like a key-value store."""
    said = refusal(engine=connect("memory://"))

    assert "the engine 'memory' has no transaction" in said


async def coroutine(tx: Transaction, command: Confirm) -> None:
    """Await something."""


def generator(tx: Transaction, command: Confirm) -> Generator[int, None, None]:
    """Yield something."""
    yield 1


async def async_generator(tx: Transaction, command: Confirm) -> AsyncIterator[int]:
    """Yield something, later."""
    yield 1


class Awaits:
    async def __call__(self, tx: Transaction, command: Confirm) -> None:
        """Await something."""


class Yields:
    def __call__(self, tx: Transaction, command: Confirm) -> Iterator[int]:
        yield 1

    async def method(self, tx: Transaction, command: Confirm) -> None:
        """Await something."""


@pytest.mark.parametrize(
    ("effect", "hint"),
    [
        (coroutine, "cannot await"),
        (async_generator, "cannot await"),
        (Awaits(), "cannot await"),
        (Yields().method, "cannot await"),
        (functools.partial(coroutine), "cannot await"),
        (functools.partial(functools.partial(coroutine)), "cannot await"),
        (generator, "a generator"),
        (Yields(), "a generator"),
        (functools.partial(generator), "a generator"),
        (None, "takes a function"),
        ("confirm", "takes a function"),
        (lambda: None, "called as effect(tx, command)"),
        (lambda tx: None, "called as effect(tx, command)"),
        (lambda tx, command, more: None, "called as effect(tx, command)"),
        (lambda tx, *, command: None, "called as effect(tx, command)"),
        (
            functools.partial(confirm, command=Confirm("b1")),
            "called as effect(tx, command)",
        ),
    ],
    ids=[str(n) for n in range(16)],
)
def test_an_effect_is_a_plain_function_of_two(effect: object, hint: str) -> None:
    """What awaits, yields or takes something else would never run."""
    assert hint in refusal(effect=effect)


class Object:
    def __call__(self, tx: Transaction, command: Confirm) -> Booking:
        return Booking("b1", 1)

    def method(self, tx: Transaction, command: Confirm, more: int = 1) -> Booking:
        return Booking("b1", more)

    @classmethod
    def of_class(cls, tx: Transaction, command: Confirm) -> Booking:
        return confirm(tx, command)

    @staticmethod
    def static(tx: Transaction, command: Confirm) -> Booking:
        return confirm(tx, command)


@functools.wraps(confirm)
def wrapper(*args: Any) -> Booking:
    """Hide the effect behind a decorator."""
    return confirm(*args)


@pytest.mark.parametrize(
    "effect",
    [
        Object(),
        Object().method,
        Object.of_class,
        Object.static,
        functools.partial(Object().method, more=2),
        wrapper,
    ],
    ids=[str(n) for n in range(6)],
)
def test_whatever_can_be_called_is_an_effect(effect: Callable[..., Any]) -> None:
    """And its annotation is found, through methods, partials and wrappers."""
    codec = codec_of(declared(effect=effect))

    assert codec.decode(b'{"booking":"b1","number":1}') == Booking("b1", 1)


def unknown(tx: Transaction, command: Confirm) -> NoSuchName:  # type: ignore[name-defined]  # noqa: F821 - the mistake under test
    """Promise a type that nobody knows."""


def no_form(tx: Transaction, command: Confirm) -> type(lambda: 0):  # type: ignore[valid-type]  # the mistake under test
    """Promise a type without a JSON form."""


def local_class() -> Callable[..., Any]:
    """Return an effect whose annotation only its author can see."""

    class Local:
        pass

    def effect(tx: Transaction, command: Confirm) -> Local:
        return Local()

    return effect


@pytest.mark.parametrize(
    ("effect", "hint"),
    [
        (unknown, "cannot be read"),
        (local_class(), "cannot be read"),
        (no_form, "No JSON form is known"),
    ],
)
def test_an_annotation_that_cannot_be_stored_is_refused(
    effect: Callable[..., Any], hint: str
) -> None:
    """Found out at the first result, everything would be rolled back for ever."""
    assert hint in refusal(effect=effect)


def test_a_codec_of_one_s_own_goes_before_the_annotation() -> None:
    """Which is then not even read."""
    operation = declared(effect=local_class(), codec=JsonCodec())

    assert codec_of(operation).decode(b"1") == 1


def only_for_checkers(tx: Transaction, command: OnlyForTypeCheckers) -> Booking:
    """Take what is not imported when the program runs."""
    return Booking("b1", 1)


def test_parameters_may_be_annotated_for_type_checkers_only() -> None:
    """Only what is returned is stored, so only that must be known."""
    codec = codec_of(declared(effect=only_for_checkers))

    assert codec.decode(b'{"booking":"b1","number":1}') == Booking("b1", 1)


class Taken(Refusal):
    pass


class OtherTaken(Refusal):
    pass


OtherTaken.__qualname__ = Taken.__qualname__  # as if from another module


@pytest.mark.parametrize(
    ("refusals", "hint"),
    [
        (SlotTaken, "takes a tuple"),
        ([SlotTaken], "takes a tuple"),
        ("SlotTaken", "takes a tuple"),
        (None, "takes a tuple"),
        (("SlotTaken",), "takes exception classes"),
        ((SlotTaken("x"),), "takes exception classes"),
        ((int,), "takes exception classes"),
        ((KeyboardInterrupt,), "takes exception classes"),
        ((Taken, OtherTaken), "two refusals are called Taken"),
    ],
    ids=[str(n) for n in range(9)],
)
def test_refusals_are_exception_classes_of_different_names(
    refusals: object, hint: str
) -> None:
    """The stored name must lead to one class."""
    assert hint in refusal(refusals=refusals)


def test_one_class_named_twice_is_one_class() -> None:
    """Two lists put together are no mistake."""
    declared(refusals=(SlotTaken, Bug, SlotTaken))


@pytest.mark.parametrize("status", [None, True, 200.0, "200", 199, 400, 500])
def test_a_status_is_that_of_a_success(status: object) -> None:
    """A refusal's stands on its class."""
    assert "200 to 399" in refusal(status=status)


@pytest.mark.parametrize("status", [None, True, 200.0, "200", 199, 400, 500])
def test_a_result_s_status_is_that_of_a_success(status: Any) -> None:
    """Checked where it is made, so that it is undone and not stored."""
    with pytest.raises(ConfigurationError, match="200 to 399"):
        Result("x", status)


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nSet-Cookie: b"},
        {"X": "a\x00"},
        {"X Y": "a"},
        {"": "a"},
        {"X:": "a"},
        {"X": "€"},
        {"X": 5},
        {5: "x"},
        {"X": " a"},
        {"X": "a\t"},
        {"X": " "},
    ],
    ids=[str(n) for n in range(11)],
)
def test_a_result_s_headers_can_be_sent(headers: Any) -> None:
    """Stored, one that cannot would break every replay as well."""
    with pytest.raises(ConfigurationError, match="cannot be sent"):
        Result("x", headers=headers)


@pytest.mark.parametrize(
    "windows", [60, {"replay": 60}, Windows(replay=0, dedupe=60), Windows(0, 0)]
)
def test_an_answer_can_be_replayed(windows: object) -> None:
    """With no window at all a retry would always be told that it is gone."""
    assert "0 < replay <= dedupe" in refusal(windows=windows)


@pytest.mark.parametrize(
    ("replay", "dedupe"),
    [(60, 59), (-1, 60), (float("nan"), 60), (60, float("nan")), (60, float("inf"))],
)
def test_windows_that_cannot_be_kept_are_refused(replay: float, dedupe: float) -> None:
    """A key forgotten before its answer would run again."""
    with pytest.raises(ConfigurationError, match="0 <= replay <= dedupe"):
        Windows(replay=replay, dedupe=dedupe)


async def derive(command: Confirm) -> str:
    """Derive a key, later."""
    return command.booking


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("key", "k1", "takes a plain function"),
        ("key", derive, "takes a plain function"),
        ("retry", 3, "takes a Retry"),
        ("retry", "never", "takes a Retry"),
        ("hooks", print, "takes a list of functions"),
        ("hooks", ["x"], "takes a list of functions"),
        ("hooks", "x", "takes a list of functions"),
        ("namespace", None, "must be text"),
    ],
    ids=[str(n) for n in range(8)],
)
def test_other_options(option: str, value: object, hint: str) -> None:
    """Each says what it takes."""
    assert hint in refusal(**{option: value})


@pytest.mark.case("OPR-35", part="single")
def test_the_guarantee_is_told() -> None:
    """By the attribute and by repr, which a log can show."""
    operation = declared(name="bookings.confirm")

    assert operation.guarantee == "exactly_once"
    assert repr(operation) == (
        "Operation('bookings.confirm', engine='sqlite', mode='single', "
        "guarantee='exactly_once')"
    )


def test_declaring_opens_nothing() -> None:
    """Operations are declared at import, long before the service starts."""
    declared()

    assert not ENGINE.path.exists()
