"""What a handler is checked for when it is registered: what fails, fails then."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast, get_args

from syncpatterns._functions import function_of, is_async
from syncpatterns.codec import Codec, JsonCodec, annotation_of, codec_for
from syncpatterns.errors import ConfigurationError
from syncpatterns.offline_queue._core import ParentPolicy
from syncpatterns.offline_queue._registering._coalescing import Coalescing

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}")
_CONTEXT: Final = frozenset({"ctx", "context"})
_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def known(where: str, options: Mapping[str, object], names: Iterable[str]) -> None:
    """Refuse an option that no handler has.

    Raises:
        ConfigurationError: There is one.
    """
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise ConfigurationError(
            f"{where}: a handler has no option {unknown[0]}=. It has: "
            f"{', '.join(sorted(names))}."
        )


def name(where: str, given: object) -> str:
    """Return *given*; it is stored, logged and used as a metrics label.

    Raises:
        ConfigurationError: It has other characters or is too long.
    """
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise ConfigurationError(
            f"{where}: a name is 1 to 200 of A-Z a-z 0-9 _ . : -, such as "
            f"'leads.update_status'; got {given!r}."
        )
    return given


def function(where: str, given: object) -> bool:
    """Return whether *given* takes a context beside its payload.

    Raises:
        ConfigurationError: It cannot be called with a payload.
    """
    if not callable(given) or inspect.isclass(given):
        raise ConfigurationError(
            f"{where}: a handler is a function of (payload) or (payload, ctx), not "
            f"{given!r}."
        )
    call = function_of(given)
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise ConfigurationError(
            f"{where}: the handler is a generator; its body would never run. Return "
            "the result instead."
        )
    signature = inspect.signature(given)
    parameters = [p for p in signature.parameters.values() if p.kind in _POSITIONAL]
    wants = len(parameters) > 1 and (
        parameters[1].default is inspect.Parameter.empty
        or parameters[1].name in _CONTEXT
    )
    try:
        signature.bind(*([None, None] if wants else [None]))
    except TypeError as error:
        raise ConfigurationError(
            f"{where}: a handler is called as handler(payload) or handler(payload, "
            f"ctx): {error}."
        ) from error
    return wants


def payload_codec(where: str, given: Callable[..., Any], model: Any) -> Codec[Any]:
    """Return the codec of *model*, or of what *given* is annotated to take first.

    Raises:
        ConfigurationError: There is neither, or it has no JSON form.
    """
    if model is None:
        model = _annotation(where, given)
    try:
        return codec_for(model)
    except TypeError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _annotation(where: str, given: Callable[..., Any]) -> Any:
    first = next(iter(inspect.signature(given).parameters))
    try:
        return annotation_of(inspect.unwrap(function_of(given)), first)
    except KeyError:
        raise ConfigurationError(
            f"{where}: the first parameter {first!r} has no annotation, so nobody "
            "knows how to read a payload that was stored a week ago. Annotate it with "
            "a pydantic model, a dataclass or plain JSON types, or say model=."
        ) from None
    except Exception as error:
        raise ConfigurationError(
            f"{where}: the annotation of {first!r} cannot be read ({error}). Name a "
            "type that is known in the module of the handler, or say model=."
        ) from error


def result_codec(where: str, given: Callable[..., Any]) -> Codec[Any]:
    """Return the codec of what *given* is annotated to return; else plain JSON.

    Raises:
        ConfigurationError: The annotation names a type without a JSON form.
    """
    try:
        annotation = annotation_of(inspect.unwrap(function_of(given)), "return")
    except KeyError:
        return JsonCodec()
    except Exception as error:
        raise ConfigurationError(
            f"{where}: the return annotation cannot be read ({error}). Name a type "
            "that is known in the module of the handler."
        ) from error
    try:
        return codec_for(annotation)
    except TypeError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def checked_codec(where: str, codec: object) -> Codec[Any]:
    """Return *codec* if it can encode and decode.

    Raises:
        ConfigurationError: It cannot; or it is a class and not its object.
    """
    able = callable(getattr(codec, "encode", None)) and callable(
        getattr(codec, "decode", None)
    )
    if not able or inspect.isclass(codec):
        raise ConfigurationError(
            f"{where}: codec= takes an object with encode(value) and decode(data), "
            f"such as TypedCodec(list[int]); not {codec!r}."
        )
    return cast("Codec[Any]", codec)


def version(where: str, given: object) -> int:
    """Return *given* if a form can have this number.

    Raises:
        ConfigurationError: It is below 1 or no whole number.
    """
    if type(given) is not int or not 1 <= given < 1 << 31:
        raise ConfigurationError(
            f"{where}: version= counts the forms of the payload from 1, not {given!r}."
        )
    return given


def upcast(where: str, newest: int, given: object) -> dict[int, Callable[[Any], Any]]:
    """Return *given* if it leads from its oldest form to *newest* without a gap.

    Raises:
        ConfigurationError: There is a gap: rows of that form could not be read.
    """
    if given is None:
        if newest > 1:
            raise ConfigurationError(
                f"{where}: version={newest} needs upcast={{{newest - 1}: function}}: "
                "items of the old form may still wait. Say upcast={} if none can."
            )
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{where}: upcast= takes functions by version number.")
    steps: dict[Any, Any] = dict(cast("Any", given))
    if not all(type(each) is int and callable(step) for each, step in steps.items()):
        raise ConfigurationError(f"{where}: upcast= takes functions by version number.")
    awaited = sorted(each for each, step in steps.items() if is_async(step))
    if awaited:
        raise ConfigurationError(
            f"{where}: upcast={{{awaited[0]}: ...}} is async, and nobody awaits it: "
            "each item of that form would be DEAD. Give a plain function."
        )
    oldest = min(steps, default=newest)
    missing = sorted(set(range(oldest, newest)) - set(steps))
    beyond = sorted(each for each in steps if not 1 <= each < newest)
    if missing or beyond:
        what = f"{missing[0]} is missing" if missing else f"{beyond[0]} leads nowhere"
        raise ConfigurationError(
            f"{where}: upcast= must lead to version={newest} step by step: {what}."
        )
    return steps


def one_argument(where: str, option: str, given: object) -> Any:
    """Return *given* if it is None or a function of the payload.

    Raises:
        ConfigurationError: It is something else.
    """
    if given is None:
        return None
    try:
        _bound(given, 1)
        if is_async(cast("Callable[..., Any]", given)):
            raise TypeError("it is async, and nobody awaits it")  # noqa: TRY301 - one sentence for all
    except TypeError as error:
        raise ConfigurationError(
            f"{where}: {option}= takes a function of the payload, such as "
            f'lambda p: f"lead:{{p.lead_id}}": {error}.'
        ) from error
    return given


def coalesce(
    where: str, given: object, lane: object, entity: object
) -> Coalescing | None:
    """Return *given* if it can know what two actions have in common.

    Raises:
        ConfigurationError: It cannot.
    """
    if given is None:
        return None
    if not isinstance(given, Coalescing):
        raise ConfigurationError(
            f"{where}: coalesce= takes last_write(), keep_first(), merge(function) or "
            f"cancel_pair(name), not {given!r}."
        )
    if lane is None and entity is None:
        raise ConfigurationError(
            f"{where}: coalesce= needs entity= (or lane=): a function of the payload "
            "that says what the action is about."
        )
    return given


def target(where: str, given: object) -> str:
    """Return *given*; it is a name for people and metrics.

    Raises:
        ConfigurationError: It has other characters or is too long.
    """
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise ConfigurationError(
            f"{where}: target= is 1 to 200 of A-Z a-z 0-9 _ . : -, such as 'crm'; got "
            f"{given!r}."
        )
    return given


def breaker(where: str, given: object) -> Any:
    """Return *given* if it can guard blocking and awaiting calls.

    Raises:
        ConfigurationError: It is no `CircuitBreaker`.
    """
    guards = all(hasattr(given, each) for each in ("call", "acall", "retry_after"))
    if given is None or (guards and not inspect.isclass(given)):
        return given
    raise ConfigurationError(
        f"{where}: breaker= takes a syncpatterns.CircuitBreaker, not {given!r}."
    )


def conflicts(where: str, given: object) -> tuple[type[BaseException], ...]:
    """Return *given* if it is a tuple of exception classes.

    Raises:
        ConfigurationError: It is not.
    """
    classes = (given,) if inspect.isclass(given) else given
    if isinstance(classes, tuple | list) and all(
        inspect.isclass(each) and issubclass(each, Exception)
        for each in cast("tuple[object, ...]", classes)
    ):
        return tuple(cast("tuple[type[BaseException], ...]", classes))
    raise ConfigurationError(
        f"{where}: conflicts= takes exception classes, not {given!r}."
    )


def on_conflict(where: str, given: object) -> Any:
    """Return *given* if it is None or a function of (payload, error, ctx).

    Raises:
        ConfigurationError: It is something else.
    """
    if given is None:
        return None
    try:
        _bound(given, 3)
    except TypeError as error:
        raise ConfigurationError(
            f"{where}: on_conflict= is called as on_conflict(payload, error, ctx): "
            f"{error}."
        ) from error
    return given


def on_parent(where: str, given: object) -> ParentPolicy:
    """Return *given* if it is a policy.

    Raises:
        ConfigurationError: It is none.
    """
    if given not in get_args(ParentPolicy):
        raise ConfigurationError(
            f"{where}: on_parent= is one of {', '.join(get_args(ParentPolicy))}, not "
            f"{given!r}."
        )
    return cast("ParentPolicy", given)


def _bound(given: object, arguments: int) -> None:
    """Raise a TypeError unless *given* can be called with so many arguments."""
    if not callable(given):
        raise TypeError("it cannot be called")
    try:
        signature = inspect.signature(given)
    except ValueError:  # a builtin without a signature: it will say so when called
        return
    signature.bind(*[None] * arguments)
