"""Declared exceptions as bytes: an answer like any other.

A stored exception names its class, and only a declared class is ever built
again, from JSON; nothing is pickled.
"""

from __future__ import annotations

import json
import os
from types import FunctionType
from typing import Any, cast

from syncpatterns.errors import ConfigurationError, OutcomeGone, ResultNotStorable


class StoredExceptions:
    """The exceptions of one operation that are answers.

    Args:
        operation: For error messages.
        classes: Declared classes; their subclasses are declared with them.

    Raises:
        ConfigurationError: Not an exception class, or two share a name.
    """

    __slots__ = ("_by_name", "_classes", "_operation")

    def __init__(self, operation: str, classes: tuple[type[Exception], ...]) -> None:
        self._operation = operation
        self._classes = tuple(classes)
        self._by_name: dict[str, type[Exception]] = {}
        for cls in classes:
            if not _is_exception_class(cls):
                raise ConfigurationError(
                    f"{operation}: store_exceptions= takes exception classes, "
                    f"not {cls!r}."
                )
            if self._by_name.setdefault(_name(cls), cls) is not cls:
                raise ConfigurationError(
                    f"{operation}: two of store_exceptions= are called {_name(cls)}; "
                    "the stored name must lead to one class."
                )

    def __contains__(self, error: BaseException) -> bool:
        return isinstance(error, self._classes)

    def encode(self, error: BaseException) -> bytes:
        """Return *error* as JSON: its class, arguments and attributes.

        Raises:
            ResultNotStorable: An argument or attribute would not come back the
                same.
        """
        attributes = _attributes(error)
        args = made_with(error)
        if len(args) > len(error.args) and not _rebuilds(error, args, attributes):
            args = list(error.args)  # it would take no file name
        stored = [_name(type(error)), args, attributes]
        try:
            data = json.dumps(stored, separators=(",", ":"), allow_nan=False)
            same = json.loads(data) == stored
        except (TypeError, ValueError, RecursionError) as cause:
            raise self._not_storable(error) from cause
        if not same:
            raise self._not_storable(error)
        return data.encode()

    def decode(self, data: bytes) -> Exception:
        """Return the exception in *data*, of its own class.

        Raises:
            OutcomeGone: Its class is not declared any more.
        """
        name, args, attributes = json.loads(data)
        cls = self._by_name.get(name) or self._declared_with(name)
        if cls is None:
            raise OutcomeGone(
                f"{self._operation}: the stored answer is the exception {name}, which "
                "is not declared any more. Keep it in store_exceptions= until its "
                "windows are over."
            )
        return _rebuild(cls, args, attributes)

    def _declared_with(self, name: str) -> type[Exception] | None:
        """Return the subclass *name* of a declared class, if it is loaded."""
        known = list(self._classes)
        for cls in known:
            if _name(cls) == name:
                self._by_name[name] = cls
                return cls
            known += cls.__subclasses__()
        return None

    def _not_storable(self, error: BaseException) -> ResultNotStorable:
        return ResultNotStorable(
            f"{self._operation}: the exception {type(error).__name__} cannot be "
            "stored. Give it JSON values only: a date as text, a tuple as a list."
        )


def made_with(error: BaseException) -> list[Any]:
    """Return what *error* was called with, as far as it can be told.

    An OSError takes its file names out of its ``args``: made again from those
    it would no longer say which file it was. A name that is bytes or a path is
    text here; one that is no name at all is left out.
    """
    found: list[Any] = list(error.args)
    if isinstance(error, OSError) and len(found) == 2:  # noqa: PLR2004 - errno and text
        first, second = _as_text(error.filename), _as_text(error.filename2)
        if first is not None:
            found += [first] if second is None else [first, None, second]
    return found


def _as_text(name: object) -> str | int | None:
    """Return the file's *name*, or its descriptor, in a form that JSON has."""
    if isinstance(name, bytes | os.PathLike):
        return os.fsdecode(cast("bytes | os.PathLike[str]", name))
    return name if isinstance(name, str | int) else None


def _is_exception_class(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, Exception)


def _name(cls: type[BaseException]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _attributes(error: BaseException) -> dict[str, Any]:
    return {k: v for k, v in vars(error).items() if k != "__notes__"}


def _rebuilds(
    error: BaseException, args: list[Any], attributes: dict[str, Any]
) -> bool:
    try:
        _rebuild(cast("type[Exception]", type(error)), args, attributes)
    except Exception:  # noqa: BLE001 - a constructor may raise anything
        return False
    return True


def _rebuild(
    cls: type[Exception], args: list[Any], attributes: dict[str, Any]
) -> Exception:
    """Make the exception without running its own `__init__`.

    ``Declined("51")`` may call ``super().__init__("declined: 51")``, and then
    its args are no longer what its constructor takes.
    """
    error = cls.__new__(cls, *args)
    for base in cls.__mro__:
        init = vars(base).get("__init__")
        if init is not None and not isinstance(init, FunctionType):
            init(error, *args)  # the built-in base's, which sets errno, name, ...
            break
    vars(error).update(attributes)
    return error
