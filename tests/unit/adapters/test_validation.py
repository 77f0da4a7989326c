from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Annotated, Any, Literal

import pydantic
import pytest

from syncpatterns.adapters._validation import MAX_ERRORS, validation_problem


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


class Everything(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    text: Annotated[str, pydantic.StringConstraints(min_length=2, pattern="^[a-z]+$")]
    number: int = 0
    when: dt.datetime | None = None
    identity: uuid.UUID | None = None
    link: pydantic.AnyUrl | None = None
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")] | None = None
    raw: bytes | None = None
    rows: list[int] = []

    @pydantic.field_validator("number")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            message = f"{value} is odd"
            raise ValueError(message)
        return value


def errors_of(value: object) -> list[Any]:
    """Return pydantic's errors as FastAPI gives them for a body."""
    with pytest.raises(pydantic.ValidationError) as caught:
        Everything.model_validate(value)
    return [
        {**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()
    ]


def test_an_error_says_where_what_and_its_code() -> None:
    """A pointer into the body, a sentence, pydantic's type."""
    document = validation_problem(errors_of({"text": 5, "rows": [1, "x"]}))

    assert document["status"] == 422
    assert document["type"] == "/problems/validation"
    assert document["errors"] == [
        {
            "pointer": "#/text",
            "in": "body",
            "detail": "Input should be a valid string.",
            "code": "string_type",
        },
        {
            "pointer": "#/rows/1",
            "in": "body",
            "detail": "Input should be a valid integer, unable to parse string as an "
            "integer.",
            "code": "int_parsing",
        },
    ]


CANARY = "kanary4915112345678"


@pytest.mark.parametrize(
    "body",
    [
        {"text": CANARY.upper()},
        {"text": "ab", "number": CANARY},
        {"text": "ab", "number": 4915112345677},
        {"text": "ab", "when": CANARY},
        {"text": "ab", "identity": CANARY},
        {"text": "ab", "link": CANARY},
        {"text": "ab", "pet": {"kind": CANARY}},
        {"text": [CANARY]},
        {"text": {"a": CANARY}},
        {"text": "ab", "rows": [CANARY] * 3},
    ],
)
def test_a_value_is_never_repeated(body: dict[str, Any]) -> None:
    """Not by pydantic's messages, not by a validator of the application."""
    text = json.dumps(validation_problem(errors_of(body))).lower()

    assert CANARY not in text
    assert "4915112345677" not in text


def test_the_check_finds_pydantics_own_echo() -> None:
    """Raw messages do repeat the value, which is what the rule is for."""
    raw = json.dumps(
        [error["msg"] for error in errors_of({"text": "ab", "pet": {"kind": CANARY}})]
    )

    assert CANARY in raw


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("a/b~c d", "#/a~1b~0c%20d"),
        ("ü\ud800", "#/%C3%BC%3F"),
        ("<script>", "#/%3Cscript%3E"),
        ("", "#/"),
        (7, "#/7"),
    ],
)
def test_names_are_escaped_in_pointers(name: str | int, pointer: str) -> None:
    """RFC 6901 and the URI fragment; ASCII whatever the caller sent."""
    error = {"type": "extra_forbidden", "loc": ("body", name), "msg": "No", "input": 1}

    assert validation_problem([error])["errors"][0]["pointer"] == pointer


def test_an_endless_name_is_cut() -> None:
    """The answer does not grow with the request."""
    document = validation_problem(errors_of({"text": "ab", "x" * 100_000: 1}))

    assert len(document["errors"][0]["pointer"]) == 200


def test_the_list_of_errors_is_bounded() -> None:
    """A body can be wrong in 100,000 places; fifty are enough to start with."""
    body = {"text": "ab", "rows": ["x"] * (MAX_ERRORS + 7)}
    document = validation_problem(errors_of(body))

    assert len(document["errors"]) == MAX_ERRORS
    assert document["more_errors"] == 7


def test_an_error_of_the_whole_body_points_at_its_root() -> None:
    """A list where an object was wanted."""
    document = validation_problem(errors_of([]))

    assert document["errors"][0]["pointer"] == "#"
