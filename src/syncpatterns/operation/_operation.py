"""`Operation`: a critical action, declared once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from typing_extensions import Unpack

from syncpatterns._http import RequestKey
from syncpatterns._nonce import nonce
from syncpatterns._transaction import Transaction
from syncpatterns.clock import Clock
from syncpatterns.codec import Codec
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Hook
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import ClaimRequest, Record, Windows
from syncpatterns.idempotency._keys import checked_scope
from syncpatterns.idempotency._ports import IdempotencyEngine
from syncpatterns.idempotency._verdicts import Verdict
from syncpatterns.operation import _declaration, _wiring
from syncpatterns.operation._answer import Answer, Result
from syncpatterns.operation._asking import asked_for
from syncpatterns.operation._declaration import UNSAID, Outside
from syncpatterns.operation._enqueues import Enqueues
from syncpatterns.operation._fenced._mode import FencedMode
from syncpatterns.operation._fenced._settling import Settling, Unsettled
from syncpatterns.operation._options import FencedOptions, OnLost, SingleOptions
from syncpatterns.operation._ports import TransactionalEngine
from syncpatterns.operation._single import SingleMode
from syncpatterns.retry import Retry

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._context import FencedContext
    from syncpatterns.retry import CircuitBreaker

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")


class Operation(Enqueues[C, R]):
    """A critical action that happens once per key, whatever the caller does.

    In mode *single* (``effect=``) one transaction holds the claim on the key,
    the effect, the events it publishes and the serialised answer: after any
    crash all of it is there or nothing is.

    In mode *fenced* (``call=``) the effect is somebody else's: the key is
    claimed in a commit of its own, the provider is called outside of any
    transaction, and its receipt is committed with the business rows, the
    events and the answer, fenced by the claim's token. What nobody can tell
    is looked up; what cannot be looked up either is unknown, and listed.

    Calls with the same key and command get the first answer; with another
    command they are refused.

    ::

        confirm = Operation("bookings.confirm", engine, effect=confirm_booking)

        send_sms = Operation(
            "sms.send",
            engine,
            call=provider.send,
            lookup=provider.find,
            commit=record_sms,
            retry=Retry(on=NotSent),
            breaker=CircuitBreaker(name="sms"),
        )
        answer = send_sms.call(command, key=key, scope=tenant)

    Idea: key row and effect in one commit, from idempotence4j; results in the
    user's transaction, from DBOS; recovery points, from Brandur's
    rocket-rides-atomic.

    Args:
        name: Stable name; part of the stored key, of errors and of metrics.
        engine: Where the records are, from `connect`; in mode single the rows
            share their commits.
        effect: ``effect(tx, command)``, a plain function. Called 0, 1 or
            several times; what it wrote before the last time is undone. It
            does no I/O but through *tx*. Its return annotation chooses how
            the result is stored.
        call: ``call(command, ctx)``, plain or async; asks the provider and
            returns its receipt. What it raises says what is known: `NotSent`
            (certainly nothing; tried again), another `NotExecuted` (nothing;
            given back), a declared refusal (the answer), anything else: it may
            have been done. ``ctx.remaining()`` is its time-out in seconds.
            The annotation of the command says how it is kept until then.
        commit: ``commit(tx, command, receipt)``, a plain function; writes the
            rows and returns the result. None: the receipt is the result.
        check: ``check(tx, command)``, a plain function in the claim's commit;
            raises a declared refusal, or a `NotExecuted`, before anything
            leaves.
        lookup: ``lookup(command, ctx)``, plain or async; returns the receipt
            of a call that was done, or None: the provider certainly has none.
            Asked after an outcome that nobody saw, and for a claim whose owner
            died. Two absences, *look_pause* apart, and it is sent again.
        refusals: Exception classes that are answers: rows are undone, the
            refusal is stored and replayed. Any other exception undoes
            everything and stores nothing; so does a result that has no JSON
            form (`ResultNotStorable`), because nothing has left the database.
        key: Function that derives the key from the command, for calls with
            ``key=None``. Such a key is forgotten when its replay window ends.
        windows: Seconds for which an answer is replayed, and its key known.
        status: HTTP status of a result that names none.
        codec: How results are stored, instead of the return annotation.
        namespace: Keeps services apart that share one database.
        retry: Mode single: what is tried again around the whole transaction.
            Mode fenced: which errors of *call* may be repeated; without a
            *lookup*, name a time-out only if the provider deduplicates by
            ``ctx.downstream_key()``. None: nothing.
        breaker: Asked before every attempt. A refusal is no failure.
        timeout: Seconds for one attempt, and for one lookup. An async *call*
            is cancelled; a plain one must hand ``ctx.remaining()`` to its
            client.
        lookup_retry: Repeats a lookup that fails; briefly by default.
        look_pause: Seconds between two looks, for a provider that lists a
            message a moment after it took it.
        lease: Seconds after which others take over from an owner that gives
            no sign of life; renewed while the call runs.
        on_abandoned: What a claim means whose owner died, where no *lookup*
            can tell: ``quarantine``: unknown, somebody must look (at most
            once); ``rerun``: done again (at least once).
        clock: Where the time comes from; the engine's if None.
        hooks: Called with what happened to each key.

    Raises:
        ConfigurationError: Something here can never work.
    """

    @overload
    def __init__(
        self,
        name: str,
        engine: TransactionalEngine,
        *,
        effect: Callable[[Transaction, C], Result[R]],
        **options: Unpack[SingleOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: TransactionalEngine,
        *,
        effect: Callable[[Transaction, C], R],
        **options: Unpack[SingleOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: IdempotencyEngine,
        *,
        call: Callable[[C, FencedContext], Awaitable[T]],
        commit: Callable[[Transaction, C, T], Result[R]],
        **options: Unpack[FencedOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: IdempotencyEngine,
        *,
        call: Callable[[C, FencedContext], Awaitable[T]],
        commit: Callable[[Transaction, C, T], R],
        **options: Unpack[FencedOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: IdempotencyEngine,
        *,
        call: Callable[[C, FencedContext], T],
        commit: Callable[[Transaction, C, T], Result[R]],
        **options: Unpack[FencedOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: IdempotencyEngine,
        *,
        call: Callable[[C, FencedContext], T],
        commit: Callable[[Transaction, C, T], R],
        **options: Unpack[FencedOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: IdempotencyEngine,
        *,
        call: Callable[[C, FencedContext], Awaitable[R]],
        **options: Unpack[FencedOptions[C]],
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: IdempotencyEngine,
        *,
        call: Callable[[C, FencedContext], R],
        **options: Unpack[FencedOptions[C]],
    ) -> None: ...

    def __init__(  # noqa: PLR0913 - one declaration, each keyword-only
        self,
        name: str,
        engine: Any,
        *,
        effect: Callable[..., Any] | None = None,
        call: Callable[..., Any] | None = None,
        commit: Callable[..., Any] | None = None,
        check: Callable[..., Any] | None = None,
        lookup: Callable[..., Any] | None = None,
        refusals: tuple[type[Exception], ...] = (),
        key: Callable[[C], object] | None = None,
        windows: Windows | None = None,
        status: int = 200,
        codec: Codec[Any] | None = None,
        namespace: str = "",
        retry: Retry | None = UNSAID,
        breaker: CircuitBreaker | None = None,
        timeout: float | None = None,
        lookup_retry: Retry | None = UNSAID,
        look_pause: float = UNSAID,
        lease: float = UNSAID,
        on_abandoned: OnLost = UNSAID,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        shared = _declaration.common(
            name,
            engine,
            refusals=refusals,
            windows=Windows() if windows is None else windows,
            status=status,
            namespace=namespace,
            hooks=hooks,
        )
        outside = Outside(
            call=call,
            commit=commit,
            check=check,
            lookup=lookup,
            lookup_retry=lookup_retry,
            look_pause=look_pause,
            breaker=breaker,
            timeout=timeout,
            lease=lease,
            on_abandoned=on_abandoned,
            clock=clock,
        )
        self.name = shared.name
        self._engine: IdempotencyEngine | TransactionalEngine = engine
        self._windows = shared.windows
        self._namespace = shared.namespace
        self._derive = _wiring.checked_derivation(name, key)
        self._mode: SingleMode | FencedMode = _declaration.mode(
            shared, effect, outside, codec, retry
        )

    def __repr__(self) -> str:
        return (
            f"Operation({self.name!r}, "
            f"engine={_declaration.engine_name(self._engine)!r}, "
            f"mode={self._mode.kind!r}, guarantee={self.guarantee!r})"
        )

    @property
    def engine(self) -> IdempotencyEngine | TransactionalEngine:
        """Where its records are."""
        return self._engine

    @property
    def guarantee(self) -> str:
        """How often the effect happens for one key, whatever fails.

        ``exactly_once``: effect and record share one commit. ``at_most_once``:
        what cannot be told stays unknown until somebody resolves it.
        ``at_least_once``: it is done again, because a dead owner's call is
        rerun, or because *retry* repeats what nobody can look up.
        """
        return self._mode.guarantee

    @property
    def mode(self) -> str:
        """How it works: ``single`` transaction, or ``fenced`` around a call."""
        return self._mode.kind

    def call(
        self, command: C, *, key: str | RequestKey | None, scope: str
    ) -> Answer[R]:
        """Do it once for *key*, or return what the first call returned.

        Args:
            command: What to do; a pydantic model, dataclass or JSON value.
            key: The caller's idempotency key, or what an adapter made of an
                HTTP request; None only where the operation derives it. One key
                may come by several ways: two requests at one address must be
                equal byte by byte, all others must hold the same command.
            scope: Whose key it is, such as the tenant.

        Raises:
            KeyMissing: No key, and none can be derived.
            KeyInvalid: The key is empty or too long.
            KeyReused: The key was used for another command.
            OutcomeGone: Done, but the answer is no longer kept.
            OutcomeUnknown: It may have been done; `unresolved` lists it.
            InProgress: Another call with this key is running.
            ProviderUnavailable: Every attempt failed, and nothing was sent.
            CircuitOpen: The provider is not being asked for now.
            LeaseLost: Somebody else took the key over during the call.
            KeyExpired: The request is older than keys are remembered.
            StoreUnavailable: Nothing was done; the same key may be tried again.
            Exception: A declared refusal, or what the effect raised.
        """
        return self._mode.call(command, self._request(command, key, scope))

    async def acall(
        self, command: C, *, key: str | RequestKey | None, scope: str
    ) -> Answer[R]:
        """Do `call` from asyncio or trio; the effect runs on the engine's thread.

        Cancelled before the effect began, nothing happens; cancelled later,
        the commit goes on and the next call with the key gets its answer.
        """
        request = self._request(command, key, scope)
        return await self._mode.acall(command, request)

    def storage_key(self, key: str | RequestKey, *, scope: str) -> str:
        """Return the 64 hex digits under which *key* is stored."""
        text = key.key if isinstance(key, RequestKey) else key
        return _core.storage_key(
            self._namespace,
            checked_scope(self.name, scope),
            self.name,
            _wiring.key_text(self.name, text),
        )

    def key_hash(self, key: str | RequestKey, *, scope: str) -> str:
        """Return the 8 hex digits that errors, logs and audit rows show."""
        return self.storage_key(key, scope=scope)[:8]

    # -------------------------------------------------------------- operating

    def unresolved(self, limit: int = 100) -> list[Unsettled[C]]:
        """Return up to *limit* calls of which nobody knows, oldest first.

        Those marked unknown, and those whose owner died and whom nobody has
        called again.

        Raises:
            ConfigurationError: The operation is in mode single, where nothing
                is ever unknown.
        """
        settling = self._settling()
        return settling.run(lambda: settling.unresolved(limit))

    async def aunresolved(self, limit: int = 100) -> list[Unsettled[C]]:
        """Do `unresolved` on an event loop."""
        settling = self._settling()
        return await settling.arun(lambda: settling.unresolved(limit))

    def resolve(
        self,
        which: Unsettled[C] | Record | str | RequestKey,
        verdict: Verdict[Any],
        *,
        scope: str | None = None,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle a call of which nobody knew, after somebody has looked.

        Args:
            which: From `unresolved`, or its `key`; or the caller's key, with
                its *scope*.
            verdict: ``Committed(receipt)``: it was done; ``commit=`` writes its
                rows now, and later calls replay its result. ``NotCommitted()``:
                it was not; the key may be used again.
            scope: As in `call`, if *which* is a key.
            by: Who decided; kept for good where the engine is a database.
            reason: What was seen.

        Returns:
            False if the call is not unknown.

        Raises:
            ConfigurationError: Mode single, no verdict, or a *by* or *reason*
                that is no text.
            Exception: What ``commit=`` raised; nothing is settled then.
        """
        settling, key = self._settling(), self._key_of(which, scope)
        return settling.run(lambda: settling.resolve(key, verdict, by, reason))

    async def aresolve(
        self,
        which: Unsettled[C] | Record | str | RequestKey,
        verdict: Verdict[Any],
        *,
        scope: str | None = None,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Do `resolve` on an event loop."""
        settling, key = self._settling(), self._key_of(which, scope)
        return await settling.arun(lambda: settling.resolve(key, verdict, by, reason))

    def recheck(
        self,
        which: Unsettled[C] | Record | str | RequestKey,
        *,
        scope: str | None = None,
        by: str = "",
    ) -> Verdict[Any]:
        """Ask ``lookup=`` again about a call of which nobody knew, and settle it.

        Returns:
            ``Committed(receipt)`` or ``NotCommitted()``, settled; or
            ``Undecided()``: the provider could not be asked, or the call is
            not unknown.
        """
        settling, key = self._settling(), self._key_of(which, scope)
        return settling.run(lambda: settling.recheck(key, by))

    async def arecheck(
        self,
        which: Unsettled[C] | Record | str | RequestKey,
        *,
        scope: str | None = None,
        by: str = "",
    ) -> Verdict[Any]:
        """Do `recheck` on an event loop."""
        settling, key = self._settling(), self._key_of(which, scope)
        return await settling.arun(lambda: settling.recheck(key, by))

    # ---------------------------------------------------------------- inside

    def _settling(self) -> Settling:
        if isinstance(self._mode, FencedMode):
            return self._mode.settling
        raise ConfigurationError(
            f"{self.name}: effect and record share one commit, so no outcome is ever "
            "unknown. Only operations with call= have some to settle."
        )

    def _key_of(
        self, which: Unsettled[C] | Record | str | RequestKey, scope: str | None
    ) -> str:
        if isinstance(which, (Unsettled, Record)):
            return which.key
        if scope is None:
            if isinstance(which, str) and _wiring.STORAGE_KEY.fullmatch(which):
                return which
            raise ConfigurationError(
                f"{self.name}: a key is found by its scope=; or pass what unresolved() "
                "returned, or the 64 hex digits of its storage key."
            )
        return self.storage_key(which, scope=scope)

    def _request(
        self, command: C, key: str | RequestKey | None, scope: str
    ) -> ClaimRequest:
        windows = self._windows
        text: object = key
        if isinstance(key, RequestKey):
            text = key.key
        elif key is None and self._derive is not None:
            text = self._derive(command)
            # Nobody chose this key: after the window the same command is new.
            windows = Windows(replay=windows.replay, dedupe=windows.replay)
        scope = checked_scope(self.name, scope)
        text = _wiring.key_text(self.name, text)
        asked = asked_for(self.name, command, key)
        return ClaimRequest(
            key=_core.storage_key(self._namespace, scope, self.name, text),
            operation=self.name,
            fingerprint=asked.fingerprint,
            nonce=nonce(),
            lease=0.0,
            windows=windows,
            on_abandoned="quarantine",
            age=asked.age,
            command=asked.command,
            door=asked.door,
        )
