"""From a URL to an engine."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from syncpatterns.errors import ConfigurationError

if TYPE_CHECKING:
    from syncpatterns.clock import Clock
    from syncpatterns.events import Hook

_KNOWN = "memory:// and sqlite:///path/to/file.db"
_LATER = frozenset({"postgresql", "postgres", "redis", "rediss", "valkey", "nats"})


def connect(url: str, *, clock: Clock | None = None, hooks: Iterable[Hook] = ()) -> Any:
    """Return the engine that *url* names, without any I/O.

    ``memory://`` keeps everything in this process. ``sqlite:///app.db`` is a
    file relative to the working directory, ``sqlite:////var/app.db`` an
    absolute one; ``?busy_timeout=5`` is in seconds, and ``?salvage=1`` saves
    what is left of a damaged file instead of refusing it. The engine opens on
    first use or by `open`, and is safe to make before a fork.

    The engine's class follows from the URL, which a type checker cannot see:
    say ``engine: SqliteEngine = connect(...)`` where its own methods matter.

    Args:
        url: Where the data lives.
        clock: Where the time comes from; the machine's if None.
        hooks: Called with what the engine's housekeeping did.

    Raises:
        ConfigurationError: The URL names no engine, or has an unknown option.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # settings files
        raise ConfigurationError(
            f"The database URL must be text, not {type(url).__name__}. Known are "
            f"{_KNOWN}."
        )
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        # What could not be read may hold a password: no cause in the traceback.
        raise ConfigurationError(
            f"The database URL cannot be read. Known are {_KNOWN}."
        ) from None
    options = _options(pairs, parts.fragment)
    scheme = parts.scheme.lower()
    if scheme == "memory":
        if parts.netloc or parts.path:
            raise ConfigurationError("A memory URL names nothing: memory://")
        return _memory(options, clock, hooks)
    if scheme == "sqlite":
        # "sqlite:app.db" has neither host nor slashes, "sqlite://app.db" a host.
        plain = url[len(scheme) :].startswith(":///")
        return _sqlite(parts.path if plain else "", options, clock, hooks)
    if scheme.partition("+")[0] in _LATER:
        raise ConfigurationError(
            f"This release has no engine for {scheme}:// yet. Known are {_KNOWN}."
        )
    shown = f"{scheme}://" if scheme else "a URL without a scheme"
    raise ConfigurationError(f"No engine is known for {shown}. Known are {_KNOWN}.")


def _options(pairs: list[tuple[str, str]], fragment: str) -> dict[str, str]:
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ConfigurationError("An option stands twice in the database URL.")
    if fragment:
        raise ConfigurationError(
            "The database URL has a #. In a file name, write %23 for # and %3F for ?."
        )
    return options


def _memory(options: dict[str, str], clock: Clock | None, hooks: Iterable[Hook]) -> Any:
    from syncpatterns.engines.memory import MemoryEngine  # noqa: PLC0415 - on demand

    max_items = options.pop("max_items", None)
    _none_left(options, "max_items")
    if max_items is None:
        return MemoryEngine(clock=clock, hooks=hooks)
    if not re.fullmatch("[1-9][0-9]{0,11}", max_items):
        raise ConfigurationError("max_items must be a whole number above 0.")
    return MemoryEngine(clock=clock, hooks=hooks, max_items=int(max_items))


def _sqlite(
    path: str,
    options: dict[str, str],
    clock: Clock | None,
    hooks: Iterable[Hook],
) -> Any:
    from syncpatterns.engines.sqlite import SqliteEngine  # noqa: PLC0415 - on demand

    try:
        file = unquote(path, errors="strict").removeprefix("/")
    except UnicodeDecodeError:
        file = ""
    if not file or file == ":memory:" or file.endswith("/") or "\x00" in file:
        raise ConfigurationError(
            "A SQLite URL names a file: sqlite:///app.db (relative) or "
            "sqlite:////var/lib/app.db (absolute). A database in memory cannot be "
            "shared by writer and readers; use memory://, or a temporary file."
        )
    busy_timeout = _seconds(options.pop("busy_timeout", "5"))
    salvage = options.pop("salvage", "0")
    if salvage not in ("0", "1"):
        raise ConfigurationError("salvage must be 0 or 1.")
    _none_left(options, "busy_timeout, salvage")
    return SqliteEngine(
        file,
        clock=clock,
        hooks=hooks,
        busy_timeout=busy_timeout,
        salvage=salvage == "1",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour of waiting is a mistake
        raise ConfigurationError("busy_timeout must be 0 to 3600 seconds.")
    return seconds


def _none_left(options: dict[str, str], known: str) -> None:
    if options:
        names = ", ".join(sorted(options))
        raise ConfigurationError(
            f"Unknown option in the database URL: {names}. Known is {known}."
        )
