"""One call on its way through a guard, and what surrounds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from syncpatterns._loops import in_event_loop
from syncpatterns._nonce import nonce
from syncpatterns._outcome import Err, Ok, Outcome
from syncpatterns.clock import Clock
from syncpatterns.codec import Codec, json_encoder
from syncpatterns.errors import ResultNotStorable, SyncPatternsError
from syncpatterns.events import Fact, Hooks
from syncpatterns.idempotency._bell import News
from syncpatterns.idempotency._context import Context, current, runs_inside
from syncpatterns.idempotency._core import (
    ClaimRequest,
    OnAbandoned,
    Owned,
    StoredOutcome,
    Windows,
)
from syncpatterns.idempotency._exceptions import StoredExceptions
from syncpatterns.idempotency._flights import Flight, Flights
from syncpatterns.idempotency._heart import Heart
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._policy import Policy
from syncpatterns.idempotency._ports import Stores, waits_in_place

TOMBSTONE = StoredOutcome("tombstone")


class Setup:
    """What all calls of one guard have in common."""

    __slots__ = (
        "claim_as",
        "clock",
        "engine",
        "flights",
        "hooks",
        "in_place",
        "policy",
        "stores",
    )

    def __init__(
        self,
        stores: Stores,
        policy: Policy,
        clock: Clock,
        hooks: Hooks,
        flights: Flights,
    ) -> None:
        self.stores = stores
        self.engine = stores.name
        self.in_place = waits_in_place(stores.awaiting)
        self.policy = policy
        self.claim_as: OnAbandoned = policy.claim_as
        self.clock = clock
        self.hooks = hooks
        self.flights = flights


class Plan:
    """What all calls of one operation have in common.

    Args:
        operation: Declared name.
        codec: Of the results.
        typed: The codec knows the result's type; see `Call.as_stored`.
        windows: Of the operation's keys.
        exceptions: Declared ones.
    """

    __slots__ = ("codec", "exceptions", "operation", "typed", "windows")

    #: What a call does to claim its key, and what it does once it owns it;
    #: None: as a guard does. A composition puts its own steps here.
    claim: ClassVar[Any] = None
    execution: ClassVar[Any] = None

    def __init__(
        self,
        operation: str,
        codec: Codec[Any],
        *,
        typed: bool,
        windows: Windows,
        exceptions: StoredExceptions,
    ) -> None:
        self.operation = operation
        self.codec = codec
        self.typed = typed
        self.windows = windows
        self.exceptions = exceptions


#: The store, what keeps leases alive in it, and whether it blocks. The store
#: is one of two protocols; a step knows by its method which one.
Port: TypeAlias = tuple[Any, Heart, bool]


class Call(Flight):
    """One call; also the flight that others of the same key may follow.

    Args:
        setup: Of the guard.
        plan: Of the operation.
        wanted: Storage key, fingerprint, and age in seconds.
        effect: What to run.
        port: How to reach the store.
    """

    __slots__ = (
        "blocking",
        "effect",
        "handed",
        "heart",
        "news",
        "plan",
        "port",
        "request",
        "same",
        "setup",
        "since",
        "until",
    )

    def __init__(
        self,
        setup: Setup,
        plan: Plan,
        wanted: tuple[str, bytes, float],
        effect: Callable[[Context], Any],
        port: Port,
    ) -> None:
        key, fingerprint, age = wanted
        self.key = key
        self.fingerprint = fingerprint
        self.bells = None
        self.setup = setup
        self.plan = plan
        self.effect = effect
        self.port, self.heart, self.blocking = port
        self.news: News = None
        self.handed: Any = None  # a lock; free once what was handed on is done
        self.same = plan.typed
        self.since: float | None = None
        self.until = 0.0
        self.request = ClaimRequest(
            key,
            plan.operation,
            fingerprint,
            nonce(),
            setup.policy.lease,
            plan.windows,
            setup.claim_as,
            age,
        )

    @property
    def where(self) -> str:
        """How errors begin: operation, hash of the key, engine."""
        return f"{self.plan.operation} [{self.key[:8]}] on {self.setup.engine}"

    @property
    def about(self) -> tuple[str, str, str]:
        """How facts begin: operation, hash of the key, engine."""
        return self.plan.operation, self.key[:8], self.setup.engine

    def emit(self, kind: type[Fact], **facts: Any) -> None:
        """Tell the hooks, if there are any."""
        if self.setup.hooks:
            self.setup.hooks.emit(kind(*self.about, **facts))

    def take(self, owned: Owned, sent: float) -> tuple[Context, Lease]:
        """Begin an execution: its lease is watched from now on."""
        lease = Lease(
            self.key, owned.token, self.request.lease, self.plan.windows, sent
        )
        context = self.context(owned, lease)
        lease.on_lost = self.land
        self.heart.watch(lease)
        return context, lease

    def context(self, owned: Owned, lease: Lease) -> Context:
        """Return what the effect is told about this execution."""
        return Context(
            self.plan.operation,
            lease,
            self.setup.clock,
            owned.attempts,
            abandoned=owned.abandoned,
            outer=current.get(),
            stores=self.setup.stores,
            blocking=self.blocking,
            notes=owned.notes,
        )

    def land(self) -> None:
        """Let followers look for themselves: this call may have been replaced."""
        self.setup.flights.leave(self, None)

    def patience(self) -> float:
        """Return for how much longer this caller waits; 0 or less: no longer."""
        now = self.setup.clock.monotonic()
        if self.since is None:
            self.since = self.until = now
            if self._can_wait():
                self.until += self.setup.policy.wait_timeout
        return self.until - now

    def _can_wait(self) -> bool:
        # A call inside the execution of its own key waits for itself. A blocked
        # event loop may be the one that the owner needs to go on.
        if self.setup.policy.on_busy == "reject" or runs_inside(self.key):
            return False
        return not (self.blocking and in_event_loop())

    def stored(self, outcome: Outcome[Any]) -> StoredOutcome | Exception:
        """Return *outcome* as an answer, or why it cannot be one."""
        plan = self.plan
        try:
            if isinstance(outcome, Ok):
                value = outcome.value
                if plan.typed or not _unchanged(value):
                    return StoredOutcome("value", plan.codec.encode(value))
                self.same = True
                return StoredOutcome("value", _plain_json(value).encode())
            return StoredOutcome("refusal", plan.exceptions.encode(outcome.error))
        except Exception as error:  # noqa: BLE001 - a codec may be the user's own
            # Another's words may quote the result, whatever it is.
            ours = isinstance(error, SyncPatternsError)
            why = error if ours else f"Its codec raised {type(error).__name__}."
            unstorable = ResultNotStorable(
                f"{self.where}: it was done, but its result cannot be stored. {why} "
                "Calls with this key will be told that it was done."
            )
            unstorable.__cause__ = error
            return unstorable

    def as_stored(self, outcome: Outcome[Any], stored: StoredOutcome) -> Outcome[Any]:
        """Return the outcome that a replay of *stored* would give.

        Plain JSON gives back a list for a tuple. The first caller gets the
        list too: a difference between first call and replay would show up
        only on the bad day that the guard is for.
        """
        if self.same or isinstance(outcome, Err):
            return outcome
        return Ok(self.plan.codec.decode(stored.body))


_plain_json = json_encoder(repr, sort_keys=False)  # never asked: all is plain
_UNCHANGED = frozenset({str, int, float, bool, type(None)})
_TEXT = frozenset({str})


def _unchanged(value: Any) -> bool:
    """Tell whether JSON surely gives *value* back; a flat object is common."""
    return value.__class__ in _UNCHANGED or (
        value.__class__ is dict
        and _TEXT.issuperset(map(type, value))
        and _UNCHANGED.issuperset(map(type, value.values()))
    )
