"""``module:attribute`` to the operations that it names."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from syncpatterns.cli._errors import Stop, place_of
from syncpatterns.errors import SyncPatternsError

if TYPE_CHECKING:
    from syncpatterns.operation import Operation

AnyOperation: TypeAlias = "Operation[Any, Any]"

_SPEC: Final = re.compile(r"(?P<module>[^\W\d][\w.]*):(?P<attribute>[^\W\d][\w.]*)")
_WANTED: Final = (
    "an Operation, a list or dict of Operations, or a function without arguments "
    "that returns them"
)


def load(spec: str) -> tuple[AnyOperation, ...]:
    """Return the operations that *spec* names, each once.

    The current directory is looked in first, as servers do.

    Raises:
        Stop: *spec* cannot be imported, or names something else.
    """
    each = _listed(found := made(spec, _is_operation, _WANTED))
    if each is None:
        raise Stop(f"--app {spec} is of type {_kind(found)}, not {_WANTED}.")
    if not each:
        raise Stop(f"--app {spec} holds no operation; it takes {_WANTED}.")
    wrong = next((one for one in each if not _is_operation(one)), None)
    if wrong is not None:
        raise Stop(
            f"--app {spec} holds an object of type {_kind(wrong)}; it takes {_WANTED}."
        )
    return tuple(dict.fromkeys(each))


def made(spec: str, is_wanted: Callable[[Any], bool], wanted: str) -> Any:
    """Return what *spec* names, or what the function that it names returns.

    Args:
        spec: ``module:attribute``.
        is_wanted: Tells what is not to be called though it can be.
        wanted: What it may be, for messages.

    Raises:
        Stop: *spec* cannot be imported or called.
    """
    found = _attribute(spec)
    if callable(found) and not is_wanted(found):
        return _made_by(spec, found, wanted)
    return found


def _listed(found: Any) -> list[Any] | None:
    """Return what *found* holds; None if it holds nothing that could be meant."""
    if _is_operation(found):
        return [found]
    held: Any = found.values() if _is_a(Mapping, found) else found
    if _is_a(Iterable, held) and not _is_a((str, bytes), held):
        return list(held)
    return None


def _is_a(kind: Any, value: object) -> bool:
    return isinstance(value, kind)


def _kind(value: object) -> str:
    return type(value).__name__


def _is_operation(value: object) -> bool:
    from syncpatterns.operation import Operation  # noqa: PLC0415 - slow, rarely used

    return isinstance(value, Operation)


def _attribute(spec: str) -> Any:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise Stop(
            f"--app takes module:attribute, such as shop.operations:send_sms; not "
            f"{spec!r}."
        )
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    module = _module(spec, match["module"])
    try:
        return reduce(getattr, match["attribute"].split("."), module)
    except AttributeError:
        raise Stop(
            f"--app {spec}: the module has no attribute {match['attribute']}."
        ) from None
    except SyncPatternsError:
        raise
    except Exception as error:  # a property of theirs, or a module's __getattr__
        raise Stop(f"--app {spec}: {_what(error)}") from error


def _module(spec: str, name: str) -> Any:
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(name)
    except SyncPatternsError:
        raise
    except SystemExit as error:
        raise Stop(
            f"--app {spec}: the module ends the program when imported."
        ) from error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and _is_part(error.name, name):
            raise Stop(
                f"--app {spec}: there is no module {error.name} in {Path.cwd()} or on "
                "the import path."
            ) from error
        raise Stop(f"--app {spec}: {_what(error)}") from error


def _made_by(spec: str, factory: Any, wanted: str) -> Any:
    if inspect.iscoroutinefunction(factory):
        raise Stop(f"--app {spec} is an async function; it takes {wanted}.")
    try:
        inspect.signature(factory).bind()
    except TypeError:
        raise Stop(f"--app {spec} needs arguments; it takes {wanted}.") from None
    except ValueError:
        pass  # a built-in function that does not say what it takes: call it
    try:
        with redirect_stdout(sys.stderr):
            return factory()
    except SyncPatternsError:
        raise
    except Exception as error:
        raise Stop(f"--app {spec}: {_what(error)}") from error


def _is_part(missing: str | None, name: str) -> bool:
    return missing is not None and (missing == name or name.startswith(f"{missing}."))


def _what(error: Exception) -> str:
    place = "" if isinstance(error, SyntaxError) else f" at {place_of(error)}"
    return f"{type(error).__name__}{place}: {error}"
