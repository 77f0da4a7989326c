"""What all rooms of one queue share."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncpatterns._forks import renewed_in_child
from syncpatterns.clock import Clock
from syncpatterns.events import Hook, Hooks
from syncpatterns.offline_queue._changes import Changes
from syncpatterns.offline_queue._delivering._context import ItemContext
from syncpatterns.offline_queue._delivering._verdicts import Judge
from syncpatterns.offline_queue._flights import Flight
from syncpatterns.offline_queue._reaching._targets import Targets
from syncpatterns.offline_queue._registering._handlers import Handler, Handlers
from syncpatterns.offline_queue._settings import Settings
from syncpatterns.offline_queue._stores import Stores
from syncpatterns.offline_queue._taking._keys import KeyMaker

if TYPE_CHECKING:
    from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueStore


@dataclass(slots=True, weakref_slot=True, eq=False)
class Shared:
    """What one queue is made of, at hand for all of it.

    Args:
        settings: Its figures.
        stores: Where its items are.
        clock: Where the time comes from.
        rng: Where keys and jitter come from.
        hooks: Who is told facts.
        probes: How to ask a target whether it is back.
        gates: The breaker of each target that has one.
        configured: The store has been told the rules.
    """

    settings: Settings
    stores: Stores
    clock: Clock
    rng: random.Random
    hooks: Hooks
    probes: Mapping[str, Any]
    gates: Mapping[str, Any]
    configured: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    handlers: Handlers = field(init=False)
    changes: Changes = field(init=False)
    targets: Targets = field(init=False)
    judge: Judge = field(init=False)
    keys: KeyMaker = field(init=False)

    def __post_init__(self) -> None:
        given = self.settings
        self.handlers = Handlers(given.name)
        self.changes = Changes(self.stores, self.clock)
        self.judge = Judge(given.backoff, given.max_attempts, self.rng)
        self.keys = KeyMaker(self.clock, self.rng)
        self.targets = Targets(
            given.name,
            self.stores.name,
            clock=self.clock,
            rng=self.rng,
            probes=self.probes,
            gates=self.gates,
            tell=self.tell,
        )
        renewed_in_child(self)

    def _start_over(self) -> None:
        """In a forked child: another thread of the parent may have held it."""
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the queue."""
        return self.settings.name

    def ready(self) -> QueueStore:
        """Return the blocking store, which knows the rules."""
        store = self.stores.store()
        if not self.configured:
            store.configure(self.name, self.settings.rules)
            self.configured = True
        return store

    async def aready(self) -> AsyncQueueStore:
        """Return the store of the loop, which knows the rules."""
        store = self.stores.astore()
        if not self.configured:
            await store.configure(self.name, self.settings.rules)
            self.configured = True
        return store

    def context(self, flight: Flight, handler: Handler) -> ItemContext:
        """Return what the handler may know about *flight*."""
        return ItemContext(
            flight,
            queue=self.name,
            lease=self.settings.lease,
            clock=self.clock,
            store=self.stores.store,
            astore=self.stores.astore,
            encode=handler.results.encode,
        )

    def listen(self, hook: Hook) -> Callable[[], None]:
        """Tell *hook* every fact from now on; the result takes it off again."""

        # A function of its own, so that one hook added twice is two listeners.
        def heard(fact: Any) -> None:
            hook(fact)

        def leave() -> None:
            with self._lock:
                self.hooks = self.hooks.without(heard)

        with self._lock:
            self.hooks = self.hooks.joined_by(heard)
        return leave

    def tell(self, *facts: Any) -> None:
        """Tell the hooks *facts*, in order."""
        if self.hooks:
            for fact in facts:
                self.hooks.emit(fact)
