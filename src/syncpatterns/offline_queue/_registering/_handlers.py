"""Who delivers what: handlers by name, checked when they are registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import TypedDict

from syncpatterns.codec import Codec, JsonCodec
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import ParentPolicy
from syncpatterns.offline_queue._registering import _checks as checks
from syncpatterns.offline_queue._registering._coalescing import Coalescing
from syncpatterns.offline_queue._registering._operations import OperationLike
from syncpatterns.offline_queue._registering._payloads import PayloadForm

if TYPE_CHECKING:
    from syncpatterns.offline_queue._registering._resolutions import Resolution


class HandlerOptions(TypedDict, total=False):
    """The options of `OfflineQueue.handler`.

    Keys:
        version: Number of the payload's form, from 1.
        upcast: Makes form n + 1 of form n, as JSON values: ``{1: v1_to_v2}``.
        lane: Function of the payload: items of one lane are delivered one by
            one, in their order. None: no lane.
        entity: Function of the payload: what it is about, for *coalesce*; with
            that, the lane by default. What another operation undoes by
            `cancel_pair` needs it too.
        coalesce: `last_write`, `keep_first`, `merge` or `cancel_pair`.
        target: Who is asked to do it; targets are paused one by one.
        breaker: A `CircuitBreaker` asked before each delivery.
        conflicts: Exception classes that mean: somebody changed it first.
        on_conflict: ``on_conflict(payload, error, ctx)``, plain or async;
            returns `Accept`, `Discard`, `RetryWith`, `SetAside` or `Reject`.
        on_parent: What becomes of it if what it waits for fails: it fails too
            (``cascade``), it waits for somebody to requeue that (``hold``), or
            it runs all the same (``run``).
        model: Type of the payload, instead of the annotation.
        codec: How the payload is written, instead of *model*.
    """

    version: int
    upcast: Mapping[int, Callable[[Any], Any]]
    lane: Callable[[Any], str | None] | None
    entity: Callable[[Any], str | None] | None
    coalesce: Coalescing | None
    target: str
    breaker: Any
    conflicts: tuple[type[BaseException], ...]
    on_conflict: Callable[..., Any] | None
    on_parent: ParentPolicy
    model: Any
    codec: Codec[Any] | None


@dataclass(frozen=True, slots=True)
class Handler:
    """One registered handler; see `HandlerOptions`.

    Args:
        name: Of the operation.
        function: Called with the payload, and the context if *wants_context*.
        payloads: How payloads are written and read.
        results: How results are.
        operation: The operation that is the handler, in the place of *function*.
    """

    name: str
    function: Callable[..., Any]
    payloads: PayloadForm
    results: Codec[Any]
    wants_context: bool
    lane: Callable[[Any], str | None] | None
    entity: Callable[[Any], str | None] | None
    coalesce: Coalescing | None
    target: str
    breaker: Any
    conflicts: tuple[type[BaseException], ...]
    on_conflict: Callable[..., Resolution] | None
    on_parent: ParentPolicy
    operation: OperationLike[Any, Any] | None

    def guarded_by(self, breaker: Any) -> Handler:
        """Return the handler with *breaker* asked before each delivery."""
        return replace(self, breaker=breaker)


class Handlers:
    """All handlers of one queue.

    Args:
        queue: Name of the queue, for errors.
    """

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._by_name: dict[str, Handler] = {}
        self._by_object: dict[int, tuple[object, Handler]] = {}

    def add(self, what: object, handler: Handler) -> None:
        """Keep *handler*, found by its name and by *what* was registered.

        Raises:
            ConfigurationError: The name has a handler already.
        """
        if handler.name in self._by_name:
            raise ConfigurationError(
                f"{self._queue}: {handler.name!r} has a handler already. One name, one "
                "handler: choose another name, or register it once, at import."
            )
        self._by_name[handler.name] = handler
        self._by_object[id(what)] = (what, handler)

    def named(self, name: str) -> Handler | None:
        """Return the handler of the operation *name*."""
        return self._by_name.get(name)

    def of(self, what: object) -> Handler:
        """Return the handler that *what* names: a text, a function, an operation.

        Raises:
            ConfigurationError: There is none.
        """
        found = None
        if isinstance(what, str):
            found = self._by_name.get(what)
        elif id(what) in self._by_object:
            found = self._by_object[id(what)][1]
        else:  # a bound method is a new object each time
            found = next((h for w, h in self._by_object.values() if w == what), None)
        if found is None:
            known = ", ".join(sorted(self._by_name)) or "none"
            raise ConfigurationError(
                f"{self._queue}: no handler is registered for {_shown(what)}. Register "
                f'it with @queue.handler("name"), also in a process that only '
                f"enqueues. Registered: {known}."
            )
        return found


def _shown(what: object) -> str:
    if isinstance(what, str):
        return repr(what)
    return getattr(what, "__qualname__", None) or f"a {type(what).__name__}"


def handler_for(
    queue: str, name: str, function: Callable[..., Any], options: HandlerOptions
) -> Handler:
    """Return the handler that *function* is.

    Raises:
        ConfigurationError: Something here can never work.
    """
    where = f"{queue}: {name}"
    wants_context = checks.function(where, function)
    codec = options.get("codec")
    if codec is None:
        codec = checks.payload_codec(where, function, options.get("model"))
    return _made(
        where,
        name,
        function,
        checks.checked_codec(where, codec),
        checks.result_codec(where, function),
        options,
        wants_context=wants_context,
    )


def handler_of_operation(
    queue: str,
    operation: OperationLike[Any, Any],
    horizon: float,
    options: HandlerOptions,
) -> Handler:
    """Return the handler that *operation* is.

    Args:
        queue: Name of the queue.
        operation: What is to be called.
        horizon: Seconds for which its keys have to be known: an item is
            delivered again for so long, and a margin.
        options: As for a function.

    Raises:
        ConfigurationError: Something here can never work.
    """
    where = f"{queue}: {operation.name}"
    dedupe = operation.windows.dedupe
    if horizon > dedupe:
        raise ConfigurationError(
            f"{where}: the queue may deliver again for redeliver_within + margin = "
            f"{horizon:g} s, but the operation knows a key for {dedupe:g} s only, so a "
            "late delivery could do it twice. Lower redeliver_within=, or declare the "
            f"operation with windows=Windows(dedupe={horizon:g})."
        )
    codec = options.get("codec") or operation.command_codec
    if isinstance(codec, JsonCodec) and options.get("codec") is None:
        raise ConfigurationError(
            f"{where}: the operation's function does not say which type its command "
            "has, so nobody could read it back. Annotate the parameter, or say "
            "codec=JsonCodec() for plain JSON."
        )
    return _made(
        where,
        operation.name,
        cast("Callable[..., Any]", operation.call),
        checks.checked_codec(where, codec),
        operation.result_codec,
        options,
        wants_context=False,
        operation=operation,
    )


def is_operation(what: object) -> bool:
    """Tell whether *what* is an operation, by what it has."""
    return not inspect.isclass(what) and isinstance(what, OperationLike)


def _made(
    where: str,
    name: str,
    function: Callable[..., Any],
    codec: Codec[Any],
    results: Codec[Any],
    options: HandlerOptions,
    *,
    wants_context: bool,
    operation: OperationLike[Any, Any] | None = None,
) -> Handler:
    checks.known(where, options, HandlerOptions.__annotations__)
    checks.name(where, name)
    version = checks.version(where, options.get("version", 1))
    upcast = checks.upcast(where, version, options.get("upcast"))
    lane = checks.one_argument(where, "lane", options.get("lane"))
    entity = checks.one_argument(where, "entity", options.get("entity"))
    coalesce = checks.coalesce(where, options.get("coalesce"), lane, entity)
    conflicts = checks.conflicts(where, options.get("conflicts", ()))
    return Handler(
        name=name,
        function=function,
        payloads=PayloadForm(name, codec, version, upcast),
        results=results,
        wants_context=wants_context,
        lane=lane,
        # Not the lane of every handler: a note and its lead may share a lane, and
        # what undoes the lead must not take the note along.
        entity=entity or (None if coalesce is None else lane),
        coalesce=coalesce,
        target=checks.target(where, options.get("target", "default")),
        breaker=checks.breaker(where, options.get("breaker")),
        conflicts=conflicts,
        on_conflict=checks.on_conflict(where, options.get("on_conflict")),
        on_parent=checks.on_parent(where, options.get("on_parent", "cascade")),
        operation=operation,
    )
