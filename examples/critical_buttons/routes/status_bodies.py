"""The body of a change of state: for one lead, or for many in one of two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
)
from pydantic_core import PydanticCustomError

from examples.critical_buttons.domain.lead_refusals import MAX_ROWS, batch_too_large
from examples.critical_buttons.domain.lead_status import Wish, status_named
from examples.critical_buttons.domain.visible import shows_something
from examples.critical_buttons.services.status_commands import Mode, Row

T = TypeVar("T")

#: Names of the three forms. They take part in pydantic's idea of where an error
#: is, and are taken out of it again: see `Untagged` in `lead_status`.
ONE: Final = "(one)"
ROWS: Final = "(rows)"
SAME: Final = "(same)"
FORMS: Final = frozenset({ONE, ROWS, SAME})

#: How many doubled leads an answer names.
_NAMED: Final = 10

#: Our own names first, then HubSpot's; a test holds it against the domain.
StatusName: TypeAlias = Literal[
    "new",
    "attempted",
    "connected",
    "qualified",
    "booked",
    "won",
    "nurture",
    "unqualified",
    "lost",
    "do_not_contact",
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "OPEN_DEAL",
    "BAD_TIMING",
    "UNQUALIFIED",
]


def _explains(text: str) -> str:
    if not shows_something(text):
        raise PydanticCustomError(
            "reason_blank", "A reason needs at least one visible character"
        )
    return text


def _few_enough(rows: T) -> T:
    """Refuse too many rows before any of them is looked at.

    Raises:
        BatchTooLarge: It is a list with more than `MAX_ROWS`.
    """
    if isinstance(rows, list) and len(rows) > MAX_ROWS:  # pyright: ignore[reportUnknownArgumentType]  # whatever is in it
        raise batch_too_large(len(rows))  # pyright: ignore[reportUnknownArgumentType]  # as above
    return rows


def _each_once(ids: Sequence[str]) -> None:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, lead_id in enumerate(ids):
        places[lead_id].append(index)
    doubled = [found for found in places.values() if len(found) > 1]
    if not doubled:
        return
    named = "; ".join(", ".join(map(str, each[:_NAMED])) for each in doubled[:_NAMED])
    raise PydanticCustomError(
        "duplicate_lead",
        "A lead may stand in a batch once, or the order would decide. The rows {rows} "
        "name the same",
        {"rows": named},
    )


LeadId: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Version: TypeAlias = Annotated[int, Field(ge=1)]
Reason: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_explains)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ChangeOne(_Strict):
    """One lead is to get a state, from the version that was seen."""

    lead_id: LeadId
    to: StatusName
    version: Version | None = None
    reason: Reason | None = Field(default=None, repr=False)

    @property
    def wish(self) -> Wish:
        """What is wanted of the lead."""
        return Wish(status_named(self.to), self.version, self.reason)


def _rows_once(rows: list[ChangeOne]) -> list[ChangeOne]:
    _each_once([row.lead_id for row in rows])
    return rows


def _ids_once(ids: list[str]) -> list[str]:
    _each_once(ids)
    return ids


class _Batch(_Strict):
    mode: Mode = "atomic"
    dry_run: bool = False


class ChangeRows(_Batch):
    """Each lead with a state of its own."""

    updates: Annotated[
        list[ChangeOne],
        BeforeValidator(_few_enough),
        AfterValidator(_rows_once),
        Field(min_length=1, max_length=MAX_ROWS),
    ]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, in their order."""
        return tuple(Row(each.lead_id, each.wish) for each in self.updates)


class ChangeSame(_Batch):
    """The same state for all of them."""

    lead_ids: Annotated[
        list[LeadId],
        BeforeValidator(_few_enough),
        AfterValidator(_ids_once),
        Field(min_length=1, max_length=MAX_ROWS),
    ]
    to: StatusName
    reason: Reason | None = Field(default=None, repr=False)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, in their order."""
        wish = Wish(status_named(self.to), reason=self.reason)
        return tuple(Row(lead_id, wish) for lead_id in self.lead_ids)


def _batch_form(body: Any) -> str:
    form = _form(body)
    return ROWS if form == ONE else form


def _form(body: Any) -> str:
    """Return which form *body* has; what has none is read as one lead."""
    if isinstance(body, ChangeRows) or (isinstance(body, dict) and "updates" in body):
        return ROWS
    if isinstance(body, ChangeSame) or (isinstance(body, dict) and "lead_ids" in body):
        return SAME
    return ONE


#: What a batch was sent with, sent again to cancel it.
ChangeBatch: TypeAlias = Annotated[
    Annotated[ChangeRows, Tag(ROWS)] | Annotated[ChangeSame, Tag(SAME)],
    Discriminator(_batch_form),
]

UpdateStatus: TypeAlias = Annotated[
    Annotated[ChangeOne, Tag(ONE)]
    | Annotated[ChangeRows, Tag(ROWS)]
    | Annotated[ChangeSame, Tag(SAME)],
    Discriminator(_form),
]
