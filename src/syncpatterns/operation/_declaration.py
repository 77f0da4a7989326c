"""From what an operation was declared with to the mode that runs it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from syncpatterns._functions import is_async
from syncpatterns._wiring import checked_hooks, clock_of
from syncpatterns.clock import Clock
from syncpatterns.codec import Codec
from syncpatterns.errors import ConfigurationError, EngineBusy, NotSent, OutcomeUnknown
from syncpatterns.events import Hook, Hooks
from syncpatterns.idempotency._core import Windows
from syncpatterns.idempotency._wiring import (
    checked_codec,
    checked_operation,
    stores_of,
)
from syncpatterns.operation import _wiring
from syncpatterns.operation._answer import checked_status
from syncpatterns.operation._effect import Effect
from syncpatterns.operation._fenced._mode import Codecs, FencedMode, Functions
from syncpatterns.operation._fenced._sending import Provider
from syncpatterns.operation._options import OnLost
from syncpatterns.operation._refusals import Refusals
from syncpatterns.operation._rendering import Answers
from syncpatterns.operation._single import SingleMode
from syncpatterns.retry import Retry, full_jitter

#: Stands for an argument that was left out, where None means something.
UNSAID: Final[Any] = ...


@dataclass(frozen=True, slots=True)
class Common:
    """What both modes are declared with, checked."""

    name: str
    engine: Any
    refusals: Refusals
    windows: Windows
    status: int
    namespace: str
    hooks: tuple[Hook, ...]

    def answers(self, codec: Codec[Any]) -> Answers:
        """Return what renders the operation's answers."""
        hooks = Hooks(self.hooks)
        return Answers(self.name, engine_name(self.engine), codec, self.refusals, hooks)


def common(
    name: str,
    engine: Any,
    *,
    refusals: object,
    windows: object,
    status: int,
    namespace: object,
    hooks: object,
) -> Common:
    """Check what both modes have in common.

    Raises:
        ConfigurationError: Something here can never work.
    """
    return Common(
        name=checked_operation(name, "An operation's name"),
        engine=engine,
        refusals=Refusals(name, refusals),
        windows=_wiring.checked_windows(name, windows),
        status=checked_status(name, status),
        namespace=_wiring.checked_namespace(name, namespace),
        hooks=checked_hooks(name, hooks),
    )


def engine_name(engine: object) -> str:
    """Return what errors call *engine*."""
    return str(getattr(engine, "name", None) or type(engine).__name__)


def single(
    shared: Common,
    effect: Callable[..., Any],
    codec: Codec[Any] | None,
    retry: object,
) -> SingleMode:
    """Return the mode of an operation with ``effect=``.

    Raises:
        ConfigurationError: Something here can never work.
    """
    engine = _wiring.checked_engine(shared.name, shared.engine)
    run = _wiring.checked_effect(shared.name, effect)
    codec = checked_codec(shared.name, codec)
    if codec is None:
        codec = _wiring.result_codec(shared.name, run)
    if retry is UNSAID:
        # The engine has waited busy_timeout for each try already. No budget: a
        # lost answer is read back, and who cannot afford that is left to guess.
        retry = Retry(
            on=(EngineBusy, OutcomeUnknown),
            attempts=3,
            budget=None,
            wait=full_jitter(0.05, 0.5),
            hooks=shared.hooks,
            name=shared.name,
        )
    return SingleMode(
        engine,
        Effect(run, codec, shared.refusals, shared.status, engine_name(shared.engine)),
        _wiring.checked_repeats(shared.name, retry),
        shared.answers(codec),
    )


@dataclass(frozen=True, slots=True)
class Outside:
    """What mode fenced is declared with, as given; see `Operation`."""

    call: Any
    commit: Any
    check: Any
    lookup: Any
    lookup_retry: Any
    look_pause: Any
    breaker: Any
    timeout: Any
    lease: Any
    on_abandoned: OnLost
    clock: Clock | None


def fenced(
    shared: Common, outside: Outside, codec: Codec[Any] | None, retry: object
) -> FencedMode:
    """Return the mode of an operation with ``call=``.

    Raises:
        ConfigurationError: Something here can never work.
    """
    name = shared.name
    stores_of(shared.engine)  # refuses what keeps no records
    _wiring.checked_answers(name, shared.refusals.classes)
    call = _wiring.checked_function(name, "call", outside.call, "command, ctx")
    lookup = _wiring.optional_function(name, "lookup", outside.lookup, "command, ctx")
    _wiring.checked_abandoned(name, outside.on_abandoned)
    check = _plain(name, "check", outside.check, "tx, command")
    commit = _plain(name, "commit", outside.commit, "tx, command, receipt")
    receipt_codec = _wiring.result_codec(name, call)
    codec = checked_codec(name, codec)
    if codec is None:
        codec = receipt_codec if commit is None else _wiring.result_codec(name, commit)
    clock = clock_of(name, shared.engine, outside.clock)
    provider = Provider(
        call=call,
        lookup=lookup,
        refusals=shared.refusals.classes,
        retry=_sending_retry(shared, retry, clock),
        breaker=_wiring.checked_breaker(name, outside.breaker),
        timeout=_wiring.checked_timeout(name, outside.timeout),
        lookup_retry=_lookup_retry(shared, outside.lookup_retry, clock),
        look_pause=_wiring.checked_seconds(name, "look_pause", outside.look_pause)
        or 0.0,
        clock=clock,
    )
    return FencedMode(
        name,
        shared.engine,
        functions=Functions(provider, check, commit, shared.refusals),
        codecs=Codecs(_wiring.command_codec(name, call), receipt_codec, codec),
        status=shared.status,
        namespace=shared.namespace,
        windows=shared.windows,
        lease=outside.lease,
        on_abandoned=outside.on_abandoned,
        answers=shared.answers(codec),
        hooks=shared.hooks,
    )


def _plain(
    name: str, argument: str, function: object, takes: str
) -> Callable[..., Any] | None:
    found = _wiring.optional_function(name, argument, function, takes)
    if found is not None and is_async(inspect.unwrap(found)):
        raise ConfigurationError(
            f"{name}: {argument}= runs inside a transaction and cannot await. Make it "
            "a plain function; what awaits belongs into call=."
        )
    return found


def _sending_retry(shared: Common, retry: object, clock: Clock) -> Retry | None:
    if retry is UNSAID:
        retry = Retry(on=NotSent, clock=clock, hooks=shared.hooks, name=shared.name)
    return _wiring.checked_repeats(shared.name, retry)


def _lookup_retry(shared: Common, retry: object, clock: Clock) -> Retry | None:
    if retry is UNSAID:
        # Looking changes nothing, so any failure may be repeated; briefly,
        # because a caller is waiting.
        name = f"{shared.name}.lookup"
        wait = full_jitter(0.2, 1.0)
        retry = Retry(
            on=Exception,
            attempts=3,
            wait=wait,
            clock=clock,
            hooks=shared.hooks,
            name=name,
        )
    return _wiring.checked_retry(shared.name, retry)


#: Left out, these have a value; said with ``effect=``, they are a mistake.
_DEFAULTS: Final[dict[str, Any]] = {
    "look_pause": 1.0,
    "lease": 30.0,
    "on_abandoned": "quarantine",
}


def mode(
    shared: Common,
    effect: Callable[..., Any] | None,
    outside: Outside,
    codec: Codec[Any] | None,
    retry: object,
) -> SingleMode | FencedMode:
    """Return the mode that the declaration asks for.

    Raises:
        ConfigurationError: It asks for both, for none, or for a mixture.
    """
    said = {
        field.name: getattr(outside, field.name)
        for field in fields(outside)
        if getattr(outside, field.name) not in (None, UNSAID)
    }
    if effect is None:
        if "call" not in said:
            raise ConfigurationError(
                f"{shared.name}: effect= takes a function that runs inside a "
                "transaction, call= one that asks somebody outside. Give one of them."
            )
        left_out = {
            name: value
            for name, value in _DEFAULTS.items()
            if getattr(outside, name) is UNSAID
        }
        return fenced(shared, replace(outside, **left_out), codec, retry)
    if "call" in said:
        raise ConfigurationError(
            f"{shared.name}: effect= runs inside a transaction, call= asks somebody "
            "outside, and an operation is one of the two. What call= brought is "
            "written by commit=, in its transaction: leave effect= out."
        )
    if said:
        names = ", ".join(f"{name}=" for name in said)
        raise ConfigurationError(
            f"{shared.name}: {names} belong to call=, an effect outside of the "
            "database. Leave them out, or use call= instead of effect=."
        )
    return single(shared, effect, codec, retry)
