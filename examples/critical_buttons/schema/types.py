"""What the tables share: their collection, and how an instant is written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Dialect, MetaData, String, TypeDecorator

metadata: Final = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware instant as UTC text of fixed width, so that text order is time order."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """Write ``2026-03-29T01:00:00.000000Z``."""
        if value is None:
            return None
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Read it back."""
        return None if value is None else datetime.fromisoformat(value)


def one_of(states: Iterable[StrEnum]) -> str:
    """Return *states* as SQL lists them."""
    return ", ".join(f"'{state.value}'" for state in states)
