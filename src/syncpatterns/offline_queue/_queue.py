"""`OfflineQueue`: accepted is stored; delivered later, in order, once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from typing_extensions import Unpack

from syncpatterns._wiring import checked_hooks, clock_of
from syncpatterns.clock import Clock
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook, Hooks
from syncpatterns.offline_queue._core import Durability, ItemState, LanePolicy
from syncpatterns.offline_queue._delivering._delivery import Delivery
from syncpatterns.offline_queue._draining._drains import Drains
from syncpatterns.offline_queue._looking._looks import Looks
from syncpatterns.offline_queue._looking._shelf import Shelf
from syncpatterns.offline_queue._ports import AsyncQueueStore, QueueEngine, QueueStore
from syncpatterns.offline_queue._registering._handlers import (
    Handler,
    HandlerOptions,
    handler_for,
    handler_of_operation,
    is_operation,
)
from syncpatterns.offline_queue._registering._operations import OperationLike
from syncpatterns.offline_queue._sealing._seals import seals_of
from syncpatterns.offline_queue._sealing._stores import open_stores
from syncpatterns.offline_queue._settings import (
    OnFull,
    by_target,
    checked_probes,
    checked_rng,
    settings,
)
from syncpatterns.offline_queue._shared import Shared
from syncpatterns.offline_queue._stores import stores_of
from syncpatterns.offline_queue._surface import Surface
from syncpatterns.offline_queue._taking._calls import Calls
from syncpatterns.offline_queue._taking._keeper import Keeper
from syncpatterns.offline_queue._taking._keys import SHARED_RNG
from syncpatterns.offline_queue._taking._sends import Sends
from syncpatterns.retry import Wait, full_jitter

if TYPE_CHECKING:
    from syncpatterns.offline_queue._draining._delivers import Delivers
    from syncpatterns.offline_queue._reaching._witnesses import Probe
    from syncpatterns.retry import CircuitBreaker
    from syncpatterns.sealing import Sealer

F = TypeVar("F", bound=Callable[..., Any])
Op = TypeVar("Op", bound=OperationLike[Any, Any])


class OfflineQueue(Sends, Looks, Drains):
    """Keeps actions until they are done: in order, once, over crashes and outages.

    An action is accepted when it is stored, and is then delivered until it is
    done, refused, or too old. Whoever cannot be reached has not refused
    anything: only an answer uses an attempt. Every delivery of an item carries
    the same key, so a service that knows keys (an `Operation`) does it once.

    ::

        queue = OfflineQueue("field", engine)


        @queue.handler("leads.update_status", lane=lambda p: f"lead:{p.lead_id}")
        def update_status(payload: UpdateStatus, ctx: ItemContext) -> Lead:
            return crm.put_status(payload, key=ctx.key, timeout=ctx.remaining())


        out = queue.call(update_status, UpdateStatus(lead_id=7, status="won"))
        match out:
            case Done(lead):
                ...
            case Queued(receipt):  # offline: delivered by queue.adrain() later
                ...

    Ideas: the transactional outbox; a token a claim, from litequeue; lanes as
    a state, from pgmq; "offline is not an attempt", learned from the outages of
    OpenTelemetry's persistent queue.

    Args:
        name: Name of the queue; several share one engine.
        store: An engine from `connect`, or a store.
        max_items: Most items that are still to be dealt with.
        max_bytes: Most payload bytes of those.
        max_payload: Most bytes of one payload; None: 1 MiB, or *max_bytes*.
        overflow: A full queue refuses (``reject``), ends the oldest item that
            nobody holds (``drop_oldest``), or waits for room (``block``).
        block_for: Seconds that ``block`` waits before it refuses.
        max_age: Seconds after which an item that never left is not worth doing.
        redeliver_within: Seconds since it first left for which an item is
            delivered again; then it is PARKED (``unknown``), because whoever
            executes it may have forgotten its key.
        margin: Seconds more for which an operation must know its keys.
        lease: Seconds for which an item is claimed; renewed while it runs.
        max_attempts: Answered failures after which an item is DEAD.
        max_deliveries: Workers that may die of an item before it is DEAD.
        backoff: Waits between answered failures; a `full_jitter` of 1, 2, 4 s.
        durability: Which commits wait for the disk: those that ``enqueue``, all
            (``full``), or none (``normal``).
        on_dead: What a lane does whose head fails: ``continue`` with the next,
            ``block`` until somebody requeues or discards it, or ``cascade``.
        keep_results: Seconds for which outcomes are kept for receipts, and keys
            for duplicates.
        keep_failed: Whether `call` keeps an item DEAD whose error it raises.
        probe: How to ask a target whether it is back; one, or a dict by target.
        breaker: A `CircuitBreaker`, or a dict by target, asked before a
            delivery, for handlers that name none.
        sealer: Seals payloads, headers and results, such as a
            `syncpatterns.sealing.Keyring`, and puts pseudonyms in the place of
            lanes. What cannot be opened is PARKED: ``key`` (its key is not
            here) or ``tampered``.
        require_sealed: Take nothing that lies open: PARKED (``not-sealed``). For
            a queue that was sealed from its first item on; without it, whoever
            can write to the database can put an item of his own in.
        compress: Bytes above which a payload or a result is compressed, such as
            1024, if that makes it smaller; None: never. Releases before this
            one cannot read what is compressed or sealed.
        clock: Where the time comes from; the engine's if None.
        rng: Where keys and jitter come from.
        hooks: Called with what happened to each item.

    Raises:
        ConfigurationError: Something here can never work.
    """

    def __init__(  # noqa: PLR0913 - one declaration, each keyword-only
        self,
        name: str,
        store: QueueEngine | QueueStore | AsyncQueueStore,
        *,
        max_items: int = 1000,
        max_bytes: int = 64 << 20,
        max_payload: int | None = None,
        overflow: OnFull = "reject",
        block_for: float = 1.0,
        max_age: float = 7 * 86400.0,
        redeliver_within: float = 82800.0,
        margin: float = 3600.0,
        lease: float = 30.0,
        max_attempts: int = 5,
        max_deliveries: int = 20,
        backoff: Wait | None = None,
        durability: Durability = "enqueue",
        on_dead: LanePolicy = "continue",
        keep_results: float = 86400.0,
        keep_failed: bool = True,
        probe: Probe | Mapping[str, Probe] | None = None,
        breaker: CircuitBreaker | Mapping[str, CircuitBreaker] | None = None,
        sealer: Sealer | None = None,
        require_sealed: bool = False,
        compress: int | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        given = settings(
            name,
            max_items=max_items,
            max_bytes=max_bytes,
            max_payload=max_payload,
            overflow=overflow,
            block_for=block_for,
            max_age=max_age,
            redeliver_within=redeliver_within,
            margin=margin,
            lease=lease,
            max_attempts=max_attempts,
            max_deliveries=max_deliveries,
            backoff=full_jitter(1.0, 4.0) if backoff is None else backoff,
            durability=durability,
            on_dead=on_dead,
            keep_results=keep_results,
            keep_failed=keep_failed,
        )
        seals = seals_of(name, sealer, require_sealed, compress)
        stores = open_stores(stores_of(name, store), seals, given.on_dead)
        self._breakers = by_target(name, "breaker", breaker)
        self._shared = Shared(
            given,
            stores,
            clock_of(name, store, clock),
            checked_rng(name, rng, SHARED_RNG),
            Hooks(checked_hooks(name, hooks)),
            checked_probes(name, by_target(name, "probe", probe)),
            self._breakers,
        )
        self._surface = Surface(self._shared, Delivery(self._shared))
        keeper = Keeper(name, given.lease, self._shared.clock, self._shared.ready)
        self._calls = Calls(self._shared, self._surface, keeper)
        self.dead = Shelf(self._shared, ItemState.DEAD)
        self.parked = Shelf(self._shared, ItemState.PARKED)

    def __repr__(self) -> str:
        return f"OfflineQueue({self.name!r}, engine={self._shared.stores.name!r})"

    @property
    def name(self) -> str:
        """Name of the queue."""
        return self._shared.name

    @overload
    def handler(
        self, what: str, **options: Unpack[HandlerOptions]
    ) -> Callable[[F], F]: ...
    @overload
    def handler(self, what: Op, **options: Unpack[HandlerOptions]) -> Op: ...
    def handler(self, what: Any, **options: Unpack[HandlerOptions]) -> Any:
        """Say who does what: a decorator for a function, or a whole operation.

        ``@queue.handler("leads.update_status")`` on a function of (payload) or
        (payload, ctx), plain or async; the first parameter's annotation says how
        payloads are written and read. ``queue.handler(operation)`` delivers an
        `Operation`'s commands under the item's key, scope and age.

        Handlers are found by name, also by a process that starts next week: a
        name, once stored, is kept. Register them at import, in every process
        that enqueues or drains.

        Args:
            what: Name of the operation, or an `Operation`.
            **options: See `HandlerOptions`.

        Raises:
            ConfigurationError: Something here can never work.
        """
        if is_operation(what):
            horizon = self._shared.settings.horizon
            made = handler_of_operation(self.name, what, horizon, options)
            self._register(what, made)
            return what
        if not isinstance(what, str):
            raise ConfigurationError(
                f'{self.name}: write @queue.handler("leads.update_status") above the '
                f"function, or queue.handler(operation); not handler({what!r})."
            )

        def register(function: F) -> F:
            self._register(function, handler_for(self.name, what, function, options))
            return function

        return register

    def listen(self, hook: Hook) -> Callable[[], None]:
        """Call *hook* with every fact from now on, as one of ``hooks=`` is.

        For what lives shorter than the queue, such as a progress bar around one
        drain. It runs where the fact arose and must not block.

        Returns:
            A function that takes the hook off; a second call does nothing.

        Raises:
            ConfigurationError: *hook* cannot be called.
        """
        (checked,) = checked_hooks(self.name, (hook,))
        return self._shared.listen(checked)

    def _register(self, what: object, handler: Handler) -> None:
        breakers = self._breakers
        if handler.breaker is None:
            breaker = breakers.get(handler.target, breakers.get(""))
            handler = handler.guarded_by(breaker)
        self._shared.handlers.add(what, handler)
        if handler.breaker is not None:
            self._shared.targets.add_gate(handler.target, handler.breaker)

    def _delivers(self) -> Delivers:
        return self._surface
