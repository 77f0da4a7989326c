"""What only the cycle collector could free of a call, and nobody else's."""

from __future__ import annotations

import gc
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import syncpatterns.retry

#: Frames of these files are a call's: the library's own and its tests'.
_ROOMS = (str(Path(syncpatterns.retry.__file__).parent), str(Path(__file__).parent))
_PACKAGES = ("syncpatterns.retry", "tests.unit.retry", "tenacity")


def left_by(call: Callable[[], object]) -> list[Any]:
    """Return what *call* left in cycles.

    It is called once before: modules loaded at the first failure leave garbage
    of their own. And only what belongs to retrying counts: other threads of the
    process, a browser's or a database's, may leave thousands of objects between
    two collections.
    """
    call()
    gc.collect()
    gc.disable()
    try:
        call()
        return collected()
    finally:
        gc.enable()


def collected() -> list[Any]:
    """Collect, and return the objects found that belong to retrying."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return [item for item in gc.garbage if _ours(item)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def _ours(item: object) -> bool:
    match item:
        case types.FrameType():
            return item.f_code.co_filename.startswith(_ROOMS)
        case types.TracebackType():
            return item.tb_frame.f_code.co_filename.startswith(_ROOMS)
        case types.FunctionType():
            return str(item.__module__).startswith(_PACKAGES)  # or None
        case types.CoroutineType():
            return item.cr_code.co_filename.startswith(_ROOMS)
        case types.GeneratorType():
            return item.gi_code.co_filename.startswith(_ROOMS)
    return str(type(item).__module__).startswith(_PACKAGES)
