"""A handler gets what was given, or whoever gave it hears that it would not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field

from syncpatterns import OfflineQueue, connect
from syncpatterns.errors import ResultNotStorable


class Move(BaseModel):
    """What a handler takes."""

    lead: str


class LoudMove(Move):
    """A part of the application knows more."""

    note: str


class Same(Move):
    """Another class, and nothing more in it."""


class Moves(BaseModel):
    """One of them inside."""

    moves: list[Move]


class Anything(BaseModel):
    """A field without a type."""

    value: Any


class Shout(BaseModel):
    """Changes what it is given, each time."""

    word: Annotated[str, AfterValidator(lambda word: word + "!")]
    cached: int = Field(default=0, exclude=True)


@dataclass
class Plain:
    """The same as `Move`, as a dataclass."""

    lead: str


@dataclass
class PlainMore(Plain):
    """And more."""

    notes: list[str] = field(default_factory=list)


class Choice(BaseModel):
    """Which class it is, is written down."""

    move: LoudMove | Same | Move


class Kind(BaseModel):
    """Says itself what it is."""

    kind: Literal["kind"] = "kind"


def delivered(annotation: Any, value: Any) -> Any:
    """Return what the handler of *annotation* gets."""
    queue = OfflineQueue("q", connect("memory://"))
    got: list[Any] = []

    @queue.handler("op", model=annotation)
    def take(payload: Any) -> None:
        got.append(payload)

    queue.enqueue("op", value)
    queue.flush()
    (found,) = got
    return found


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Move, LoudMove(lead="l", note="n")),
        (Moves, Moves(moves=[Move(lead="l"), LoudMove(lead="l", note="n")])),
        (Plain, PlainMore("l", ["n"])),
        (dict[str, Move] | list[Move], [LoudMove(lead="l", note="n")]),
        (Anything, Anything(value=math.nan)),
        (Anything, Anything(value={"deep": [1.0, -math.inf]})),
        (Anything | Kind, Anything(value=math.nan)),
    ],
    ids=range(7),
)
def test_what_would_not_come_back_is_refused(annotation: Any, value: Any) -> None:
    """Pydantic drops it without a word; a queue would find out on Monday."""
    with pytest.raises(ResultNotStorable, match="op: a part of this"):
        delivered(annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Move, Same(lead="l"), Move(lead="l")),
        (Choice, Choice(move=LoudMove(lead="l", note="n")), None),
        (Moves, Moves(moves=[Move(lead="l")]), None),
        (Plain, Plain("l"), None),
        (PlainMore, PlainMore("l", ["n"]), None),
        (Anything, Anything(value=(1, 2.5, None)), Anything(value=[1, 2.5, None])),
        (Anything, Anything(value={"a", "b"} - {"b"}), Anything(value=["a"])),
        (Shout, Shout(word="hey", cached=7), Shout(word="hey!", cached=0)),
        (Kind, Kind(), None),
        (float, 0.1, None),
    ],
    ids=range(10),
)
def test_what_comes_back_as_it_is_declared_is_taken(
    annotation: Any, value: Any, expected: Any
) -> None:
    """Another class without more in it, JSON's own types, and what validators do."""
    assert delivered(annotation, value) == (value if expected is None else expected)


def test_an_object_that_cannot_be_compared_is_taken() -> None:
    """Whose `__eq__` raises, as arrays' do."""

    class Odd(BaseModel):
        word: str

        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous")

        __hash__ = None  # type: ignore[assignment]  # as an __eq__ makes it

    assert delivered(Odd, Odd(word="x")).word == "x"
