"""How a guard is put together and reaches its store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from syncpatterns._http import RequestKey
from syncpatterns._loops import Loop, current_loop
from syncpatterns._timers import timers_of
from syncpatterns._wiring import checked_hooks, clock_of
from syncpatterns.clock import Clock, SystemClock
from syncpatterns.codec import Codec
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook, Hooks
from syncpatterns.idempotency._call import Call, Plan, Port, Setup
from syncpatterns.idempotency._context import Context
from syncpatterns.idempotency._core import DEFAULT_WINDOWS, Record, Windows
from syncpatterns.idempotency._flights import flights_over
from syncpatterns.idempotency._heart import LoopHeart, ThreadHeart
from syncpatterns.idempotency._keys import KeyHasher, checked_scope, key_text
from syncpatterns.idempotency._policy import OnBusy, Policy, Probe
from syncpatterns.idempotency._ports import (
    AsyncIdempotencyStore,
    IdempotencyEngine,
    IdempotencyStore,
)
from syncpatterns.idempotency._wiring import plan_for, stores_of

if TYPE_CHECKING:
    from syncpatterns.sealing import Sealer


class Unsaid:
    """Stands for an argument that was left out; None is a payload."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


UNSAID = Unsaid()


class GuardBase:
    """The parts of `Idempotency` that no user calls."""

    def __init__(  # noqa: PLR0913 - one declaration, each keyword-only
        self,
        engine: IdempotencyEngine | IdempotencyStore | AsyncIdempotencyStore,
        *,
        namespace: str = "",
        lease: float = 30.0,
        windows: Windows = DEFAULT_WINDOWS,
        on_abandoned: Literal["rerun", "quarantine"] | Probe = "rerun",
        on_busy: OnBusy = "wait",
        wait_timeout: float = 5.0,
        max_waiters: int = 1000,
        sealer: Sealer | None = None,
        require_sealed: bool = False,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        self._stores = stores_of(engine)
        if sealer is not None or require_sealed:
            from syncpatterns.idempotency._sealing import (  # noqa: PLC0415 - few seal
                sealed_stores,
            )

            self._stores = sealed_stores(self._stores, sealer, require_sealed)
        self._setup = Setup(
            self._stores,
            Policy(
                namespace,
                lease,
                windows,
                on_abandoned,
                on_busy,
                wait_timeout,
                max_waiters,
            ),
            clock_of("Idempotency", engine, clock),
            Hooks(checked_hooks("Idempotency", hooks)),
            flights_over(engine),
        )
        self._storage_key = KeyHasher(namespace).storage_key
        self._plans: dict[Hashable, Plan] = {}
        self._blocking_port: Port | None = None
        self._thread_heart = self._make_thread_heart()
        self._loop_hearts: WeakKeyDictionary[Loop, LoopHeart] = WeakKeyDictionary()

    def __repr__(self) -> str:
        policy = self._setup.policy
        return (
            f"{type(self).__name__}({self._stores.name!r}, lease={policy.lease:g}, "
            f"on_abandoned={policy.claim_as!r}, on_busy={policy.on_busy!r})"
        )

    def _make_thread_heart(self) -> ThreadHeart | None:
        if self._stores.blocking is None:
            return None
        return ThreadHeart(self._stores.blocking, self._setup.clock)

    @property
    def policy(self) -> Policy:
        """The settings."""
        return self._setup.policy

    @property
    def setup(self) -> Setup:
        """What all its calls have in common."""
        return self._setup

    # ----------------------------------------------------------------- stores

    def require_blocking(self) -> IdempotencyStore:
        """Return the store for threads.

        Raises:
            ConfigurationError: It can only be awaited.
        """
        if self._stores.blocking is None:
            raise ConfigurationError(
                f"The store {self._stores.name!r} can only be awaited. Use aexecute "
                "and the other methods that begin with a, or decorate an `async def`."
            )
        return self._stores.blocking

    def require_awaiting(self) -> AsyncIdempotencyStore:
        """Return the store for event loops.

        Raises:
            ConfigurationError: It blocks.
        """
        if self._stores.awaiting is None:
            raise ConfigurationError(
                f"The store {self._stores.name!r} blocks, which would stop the event "
                "loop. Pass an engine or an AsyncIdempotencyStore, or use execute."
            )
        return self._stores.awaiting

    def port(self) -> Port:
        """Return how a thread reaches the store.

        Raises:
            ConfigurationError: The store can only be awaited.
        """
        if self._blocking_port is None:
            store = self.require_blocking()
            heart = self._thread_heart or ThreadHeart(store, self._setup.clock)
            self._blocking_port = (store, heart, True)
        return self._blocking_port

    def aport(self) -> Port:
        """Return how a task of the running loop reaches the store.

        Raises:
            ConfigurationError: The store blocks.
        """
        store = self.require_awaiting()
        clock = self._setup.clock
        if self._thread_heart is not None and (
            type(clock) is SystemClock or timers_of(clock) is not None
        ):
            return store, self._thread_heart, False
        # The store can only be awaited, or the time is the loop's own.
        loop = current_loop()
        heart = self._loop_hearts.get(loop)
        if heart is None:
            heart = self._loop_hearts.setdefault(loop, LoopHeart(store, clock))
        return store, heart, False

    # ------------------------------------------------------------------ calls

    def make_call(
        self,
        key: object,
        wanted: bytes | None,
        scope: str,
        plan: Plan,
        effect: Callable[[Context], Any],
        port: Port,
    ) -> Call:
        """Return a call for *key*; *wanted* is its fingerprint, if it brings none.

        Raises:
            KeyMissing: *key* is None.
            KeyInvalid: *key* has no stable text.
            ConfigurationError: *scope* is empty, or it is not clear what is
                asked for.
        """
        age = 0.0
        operation = plan.operation
        if isinstance(key, RequestKey):
            if wanted is not None:
                raise ConfigurationError(
                    f"{operation}: payload= and a request's key both say what is asked "
                    "for. Leave payload= out; the request's own bytes count."
                )
            wanted, age, key = key.fingerprint, key.age, key.key
        elif wanted is None:
            raise ConfigurationError(
                f"{operation}: payload= says what is asked for, so that a key used "
                "for something else is refused. Pass the command or the arguments; "
                "payload=None if there is nothing to tell apart."
            )
        where = self._storage_key(
            checked_scope(operation, scope), operation, key_text(operation, key)
        )
        return Call(self._setup, plan, (where, wanted, age), effect, port)

    def _plan(
        self,
        operation: str,
        codec: Codec[Any] | None,
        windows: Windows | None,
        exceptions: tuple[type[Exception], ...],
    ) -> Plan:
        if windows is None:
            windows = self._setup.policy.windows
        named = (operation, codec, windows, exceptions)
        try:
            plan = self._plans.get(named)
        except TypeError:  # a codec that cannot be hashed, or a list of classes
            return plan_for(operation, codec, windows, exceptions)
        if plan is None:
            plan = plan_for(operation, codec, windows, exceptions)
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[named] = plan
        return plan

    def _found(self, key: object, scope: str | None, operation: str | None) -> str:
        """Return the storage key of a record, however it is named."""
        if isinstance(key, Record):
            return key.key
        if operation is None:
            raise ConfigurationError(
                "A key is found by scope= and operation=; or pass a Record from "
                "unresolved() instead of the key."
            )
        if isinstance(key, RequestKey):
            key = key.key
        scope = checked_scope(operation, scope)
        return self._storage_key(scope, operation, key_text(operation, key))


#: Plans kept by one guard; a codec made anew for each call would fill memory.
_PLANS = 256
