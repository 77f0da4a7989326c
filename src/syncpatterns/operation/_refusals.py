"""Refusals as bytes: stored like any answer, raised again like the first time.

Only declared classes are ever built again, by calling them with the JSON
arguments they were made with; nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from syncpatterns.errors import ConfigurationError, ResultNotStorable, SyncPatternsError
from syncpatterns.idempotency._core import StoredOutcome
from syncpatterns.idempotency._exceptions import made_with

_DEFAULT_STATUS: Final = 409


class StoredRefusal(NamedTuple):
    """What is kept of a refusal."""

    name: str
    args: list[Any]
    facts: dict[str, Any]


class Refusals:
    """The exception classes that are answers of one operation.

    Args:
        name: Of the operation, for errors.
        classes: Declared classes; each is called with its stored arguments,
            so these must be JSON values.

    Raises:
        ConfigurationError: Not an exception class, or two share a name.
    """

    __slots__ = ("_by_name", "classes")

    def __init__(self, name: str, classes: object) -> None:
        by_name: dict[str, type[Exception]] = {}
        if not isinstance(classes, tuple):
            raise ConfigurationError(
                f"{name}: refusals= takes a tuple of exception classes, not "
                f"{classes!r}."
            )
        declared = cast("tuple[type[Exception], ...]", classes)
        for cls in declared:
            if not _is_exception_class(cls):
                raise ConfigurationError(
                    f"{name}: refusals= takes exception classes, not {cls!r}."
                )
            if by_name.setdefault(_name(cls), cls) is not cls:
                raise ConfigurationError(
                    f"{name}: two refusals are called {_name(cls)}; the stored name "
                    "must lead to one class."
                )
        self._by_name = by_name
        self.classes = declared

    def outcome(self, error: Exception) -> StoredOutcome:
        """Return *error* as the answer that is stored.

        Raises:
            ResultNotStorable: It would not come back the same.
        """
        status = getattr(error, "status", None)
        return StoredOutcome(
            "refusal",
            self.encode(error),
            status if type(status) is int else _DEFAULT_STATUS,
        )

    def encode(self, error: Exception) -> bytes:
        """Return *error* as JSON.

        Raises:
            ResultNotStorable: Its arguments would not come back the same.
        """
        try:
            return self._encoded(error, made_with)
        except ResultNotStorable:
            if len(made_with(error)) == len(error.args):
                raise
        # An OSError with a constructor of its own, which takes no file name.
        return self._encoded(error, _args)

    def _encoded(
        self, error: Exception, read: Callable[[Exception], list[Any]]
    ) -> bytes:
        facts = _facts(error)
        stored = StoredRefusal(_name(type(error)), read(error), facts)
        try:
            text = json.dumps(stored, separators=(",", ":"), allow_nan=False)
            data = text.encode()
            same = json.loads(data) == list(stored)
        except (TypeError, ValueError, RecursionError) as cause:
            raise _not_storable(error) from cause
        if not same or type(error) is not self._by_name.get(stored.name):
            raise _not_storable(error)
        # A class with a constructor of its own may take other arguments than it
        # hands on to Exception. Found out here, everything is rolled back;
        # found out at the first replay, the answer would be lost for good.
        try:
            again = self.decode(data)
            again.replayed = True  # type: ignore[attr-defined]  # a frozen class refuses
        except Exception as cause:
            raise _not_storable(error) from cause
        if read(again) != stored.args or _facts(again) != facts:
            raise _not_storable(error)
        return data

    def decode(self, data: bytes) -> Exception:
        """Return the refusal in *data*, of its own class.

        Raises:
            ConfigurationError: Its class is not declared any more.
        """
        stored = StoredRefusal(*json.loads(data))
        cls = self._by_name.get(stored.name)
        if cls is None:
            raise ConfigurationError(
                f"A stored answer is the refusal {stored.name}, which this operation "
                "does not declare any more. Keep it in refusals= until its windows "
                "are over."
            )
        if issubclass(cls, SyncPatternsError) and stored.facts:
            return cls(*stored.args, **stored.facts)
        return cls(*stored.args)


def _is_exception_class(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, Exception)


def _args(error: Exception) -> list[Any]:
    return list(error.args)


def _facts(error: Exception) -> dict[str, Any]:
    return error.facts if isinstance(error, SyncPatternsError) else {}


def _name(cls: type[BaseException]) -> str:
    return cls.__qualname__


def _not_storable(error: Exception) -> ResultNotStorable:
    name = type(error).__name__
    return ResultNotStorable(
        f"The refusal {name} cannot be stored, so nothing was kept. Build it with "
        "JSON values only (a date as text, a tuple as a list); hand every argument of "
        "its constructor on to super().__init__; declare the class itself in refusals=."
    )
