"""An engine in a server that forks and has no event loop: opened, swept, closed."""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
from contextlib import suppress
from typing import Any, Final, Protocol

from syncpatterns.clock import Clock, SystemClock
from syncpatterns.errors import ConfigurationError, EngineClosed

_log = logging.getLogger("syncpatterns")

_THREAD: Final = "syncpatterns-sweep"


class Openable(Protocol):
    """The part of an engine that a server of threads needs."""

    def open(self) -> Any:
        """Open connections and run migrations."""
        ...

    def close(self) -> Any:
        """Close connections; a second call does nothing."""
        ...


class Housekeeping:
    """The life of one engine, in this process and in those it forks.

    Args:
        engine: What `connect` returned.
        sweep_every: Seconds between two sweeps; None leaves that to others.
        clock: Where time comes from.

    Raises:
        ConfigurationError: *sweep_every* is not positive and finite, or *engine*
            can only be awaited.
    """

    def __init__(
        self, engine: Openable, sweep_every: float | None, clock: Clock | None
    ) -> None:
        if not callable(getattr(engine, "open", None)):
            raise ConfigurationError(
                f"A {type(engine).__name__} is no engine that threads can use. Pass "
                "what syncpatterns.connect() returned."
            )
        if sweep_every is not None and not 0 < sweep_every < math.inf:
            raise ConfigurationError(
                f"sweep_every={sweep_every!r} must be positive and finite, or None."
            )
        self._engine = engine
        self._sweep: Any = getattr(engine, "sweep", None)
        self._every = sweep_every
        self._clock = SystemClock() if clock is None else clock
        self._home = 0  # the process whose thread sweeps

    def begin(self) -> None:
        """Open the engine now, and close it when a process ends in order.

        The closing is inherited by forked processes, each of which has
        connections of its own.
        """
        self._engine.open()
        atexit.register(self.end)

    def end(self) -> None:
        """Close the engine; what fails is logged, for others shall close too."""
        try:
            self._engine.close()
        except Exception:  # noqa: BLE001 - the process ends; see above
            _log.exception("The engine could not be closed at the end")

    def tend(self) -> None:
        """Be called with each request: the first one in a process starts the sweep.

        A thread does not survive a fork, so one that the parent had started
        would sweep nowhere.
        """
        if self._home == os.getpid():
            return
        self._home = os.getpid()
        if self._every is not None and self._sweep is not None:
            threading.Thread(target=self._run, name=_THREAD, daemon=True).start()

    def _run(self) -> None:
        every = self._every or 0.0
        with suppress(EngineClosed):  # by end(), or by the application
            while True:
                self._clock.sleep(every)
                self._once()

    def _once(self) -> None:
        try:
            self._sweep()
        except EngineClosed:
            raise
        except Exception:  # noqa: BLE001 - the next turn may go well
            _log.exception("A sweep failed; the next one is in %g s", self._every)
