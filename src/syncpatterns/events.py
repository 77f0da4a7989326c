"""What happened inside, as one frozen dataclass per fact, and who hears it.

A hook is any callable that takes a fact. It runs on the thread or loop where
the fact arose, after the state has changed and outside every lock; what it
raises is logged and changes nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from syncpatterns._functions import is_async
from syncpatterns.errors import ConfigurationError

__all__ = [
    "Abandoned",
    "Busy",
    "Executed",
    "Fact",
    "Fenced",
    "GaveUp",
    "Gone",
    "Hook",
    "Hooks",
    "LogPinned",
    "Mismatched",
    "Progress",
    "Refused",
    "Released",
    "Replayed",
    "Resolved",
    "Retried",
    "StorageFact",
    "StorageFull",
    "StorageRecovered",
    "Swept",
    "Unknown",
    "Unrecorded",
    "Waited",
]

_log = logging.getLogger("syncpatterns")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something happened to a key.

    Args:
        operation: Declared name; the only label safe for metrics.
        key_hash: First 8 hex digits of the storage key.
        engine: Name of the engine.
    """

    operation: str
    key_hash: str
    engine: str


# A fact without figures of its own is a plain subclass: to make a dataclass of
# each would cost every process half a millisecond a fact at start.


@dataclass(frozen=True, slots=True)
class Executed(Fact):
    """The effect ran and its result is stored."""

    attempts: int = 1


class Replayed(Fact):
    """A stored answer was given; nothing ran."""

    __slots__ = ()


class Refused(Fact):
    """A declared refusal was stored as the answer."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Waited(Fact):
    """The caller waited *seconds* for another call with this key."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Busy(Fact):
    """Another call with this key is running and the caller was sent away."""

    retry_after: float = 0.0


class Mismatched(Fact):
    """The key was used before with another payload."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Abandoned(Fact):
    """The previous owner's lease ran out; this call took over."""

    attempts: int = 2


class Fenced(Fact):
    """A stale owner tried to change the record and was refused."""

    __slots__ = ()


class Released(Fact):
    """The claim was given back because nothing had happened."""

    __slots__ = ()


class Unknown(Fact):
    """It may have happened; the record waits for somebody to look."""

    __slots__ = ()


class Unrecorded(Fact):
    """The effect ran, but its result could not be stored."""

    __slots__ = ()


class Gone(Fact):
    """It was done, but the stored answer is no longer kept."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Retried(Fact):
    """What failed is tried again after *seconds*."""

    attempt: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GaveUp(Fact):
    """The call failed for good after *attempts*; *reason* says which rule ended it."""

    attempts: int = 1
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress(Fact):
    """A call that is under way has done *done* of *total*; nothing is committed yet."""

    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Resolved(Fact):
    """Somebody settled an unknown outcome; *happened* says how."""

    happened: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class Swept:
    """Housekeeping removed *records* expired records and *events* old events."""

    engine: str
    records: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class StorageFact(Fact):
    """Something happened to a database file; operation and key hash are empty.

    Args:
        path: The file.
    """

    path: str = ""


class StorageFull(StorageFact):
    """There is no room: queues are drained, and take nothing new until there is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StorageRecovered(StorageFact):
    """The file can be written again: there is room, or it was salvaged.

    Args:
        kept: Rows saved from a damaged file; 0 if there was only no room.
        lost: Places in it that could not be read.
    """

    kept: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class LogPinned(StorageFact):
    """A reader keeps an old view, so the log grows.

    Args:
        size: Its bytes now.
    """

    size: int = 0


Hook: TypeAlias = Callable[[Fact | Swept], object]


class Hooks:
    """A fixed list of hooks, called in order; a failing hook is logged.

    Raises:
        ConfigurationError: One is async.
    """

    __slots__ = ("__weakref__", "_hooks")

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self._hooks = tuple(hooks)
        for each in self._hooks:
            if is_async(each):
                message = (
                    f"hooks= holds {each!r}, which is async. A hook is called and not "
                    "awaited, so it would never run. Give a plain function."
                )
                raise ConfigurationError(message)

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def joined_by(self, hook: Hook) -> Hooks:
        """Return these, and *hook* after them."""
        return Hooks((*self._hooks, hook))

    def without(self, hook: Hook) -> Hooks:
        """Return these but for *hook*, which is told by identity."""
        return Hooks(each for each in self._hooks if each is not hook)

    def emit(self, fact: Fact | Swept) -> None:
        """Tell every hook about *fact*."""
        handled = sys.exception()
        for hook in self._hooks:
            try:
                hook(fact)
            except Exception as error:  # noqa: BLE001 - a hook must not break the call it hears of
                shown = alone(error, handled)
                _log.exception(
                    "A hook failed on %s", type(fact).__name__, exc_info=shown
                )


def alone(error: Exception, handled: BaseException | None) -> BaseException | None:
    """Return *error* for a log, without what was being handled when it arose.

    Hooks run while the error of a call is handled, so Python chains it to theirs, and
    a log would show its message: "no such number: +1202...". A hook may chain it
    itself, deep in its own causes or in a group. What led to the call's error goes
    with it. None if nothing is left: the hook has raised that very error.
    """
    if handled is None:
        return error
    hidden = {id(each): each for each in _linked(handled, {})}
    shown = _less(error, hidden)
    for link in _linked(shown, hidden):
        cause, context = _less(link.__cause__, hidden), _less(link.__context__, hidden)
        if cause is not link.__cause__:
            link.__cause__ = cause
        if context is not link.__context__:
            link.__context__ = context
    return shown


def _linked(
    start: BaseException | None, but: dict[int, BaseException]
) -> Iterator[BaseException]:
    """Yield each error a traceback of *start* could show, before what it links to."""
    # The errors are kept beside their ids: that of one which is cut off and gone
    # would be another's next.
    seen, waiting = dict(but), [start]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen[id(each)] = each
        yield each
        waiting += [each.__cause__, each.__context__, *_members(each)]


def _less(
    error: BaseException | None, hidden: dict[int, BaseException]
) -> BaseException | None:
    """Return *error*, a group without its hidden members; None if nothing is left."""
    if error is None or id(error) in hidden:
        return None
    leaves, waiting = list[BaseException](), list(_members(error))
    while waiting:
        each = waiting.pop()
        inner = _members(each)
        waiting += inner
        if not inner:
            leaves.append(each)
    kept = [each for each in reversed(leaves) if id(each) not in hidden]
    if len(kept) == len(leaves) or not isinstance(error, BaseExceptionGroup):
        return error
    if not kept:
        return None
    rest = BaseExceptionGroup(error.message, kept).with_traceback(error.__traceback__)
    rest.__cause__, rest.__context__ = error.__cause__, error.__context__
    rest.__suppress_context__ = error.__suppress_context__
    return rest


def _members(error: BaseException) -> tuple[BaseException, ...]:
    if not isinstance(error, BaseExceptionGroup):
        return ()
    return cast("BaseExceptionGroup[BaseException]", error).exceptions
