"""`Idempotency`: the same key gives one effect and one answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from syncpatterns._flow import arun, run
from syncpatterns._http import RequestKey
from syncpatterns.codec import Codec, JsonCodec
from syncpatterns.errors import ConfigurationError
from syncpatterns.events import Swept
from syncpatterns.idempotency._answers import settle
from syncpatterns.idempotency._base import UNSAID, GuardBase
from syncpatterns.idempotency._call import Call
from syncpatterns.idempotency._context import Context
from syncpatterns.idempotency._core import Record, StoredOutcome, Windows
from syncpatterns.idempotency._fingerprint import fingerprint
from syncpatterns.idempotency._flows import guarded
from syncpatterns.idempotency._steps import ado, do, hand_on
from syncpatterns.idempotency._verdicts import (
    Committed,
    NotCommitted,
    checked_words,
)
from syncpatterns.idempotency._wiring import checked_codec

T = TypeVar("T")


class Idempotency(GuardBase):
    """Runs an effect once per key, and gives every other caller its answer.

    ::

        idem = Idempotency(engine)
        receipt = idem.execute(
            key,
            lambda ctx: charge(order),
            scope=tenant,
            operation="orders.charge",
            payload=order,
        )

    Promise: at most one execution holds the key at a time, and once a result
    is stored no other runs while the key is remembered. After a crash between
    effect and record *on_abandoned* decides: ``rerun`` is at least once,
    ``quarantine`` at most once. Exactly once needs effect and record in one
    transaction: `syncpatterns.Operation`. Safe for threads and tasks alike.

    Idea: leases with fencing tokens, from Kleppmann's "How to do distributed
    locking"; waiting callers that take over, and quarantine and probes, from
    exactly-once.

    Args:
        engine: From `connect`, or a store of its own.
        namespace: Keeps services apart that share one store.
        lease: Seconds after which others take over from an owner that gives no
            sign of life; it is renewed while the effect runs.
        windows: Seconds for which an answer is replayed, and its key known.
        on_abandoned: What a lapsed lease means. ``rerun``: run again;
            ``quarantine``: the outcome is unknown until `resolve`; or a
            function of the context that looks and says ``Committed(value)``,
            ``NotCommitted()`` or ``Undecided()``.
        on_busy: ``wait`` for the call that runs, or ``reject`` at once.
        wait_timeout: Seconds to wait before `InProgress`; a
            `syncpatterns.retry.deadline` does not shorten them.
        max_waiters: Callers of this guard that may wait at the same time.
        sealer: Seals stored results and the notes of steps, such as a
            `syncpatterns.sealing.Keyring`; bound to their key. A result that
            cannot be opened is an `OutcomeUnknown`.
        require_sealed: Take no result that lies open.
        clock: Where the time comes from; the engine's if None.
        hooks: Called with what happened to each key.

    Raises:
        ConfigurationError: Something here can never work.
    """

    def execute(
        self,
        key: str | RequestKey | None,
        effect: Callable[[Context], T],
        *,
        scope: str,
        operation: str,
        payload: object = UNSAID,
        codec: Codec[T] | None = None,
        windows: Windows | None = None,
        store_exceptions: tuple[type[Exception], ...] = (),
    ) -> T:
        """Run *effect* once for *key*, or return what the first call returned.

        Args:
            key: What identifies the action; the same for every try.
            effect: ``effect(ctx)``; called 0 times or once.
            scope: Whose key it is, such as the tenant; else SINGLE_TENANT.
            operation: Stable name of what is done.
            payload: What is asked for; the same key with another payload is
                refused. Bytes, or what JSON can say.
            codec: How the result is stored; plain JSON if None, and then the
                first caller gets what JSON makes of it, like all others.
            windows: The operation's own.
            store_exceptions: Classes that are answers: stored and raised again
                with the same type, arguments and attributes.

        Raises:
            KeyMissing: *key* is None.
            KeyInvalid: *key* is empty or has no stable text.
            KeyReused: The key was used with another payload.
            InProgress: Another call was still running after *wait_timeout*.
            OutcomeGone: Done, but the answer is no longer kept.
            OutcomeUnknown: An earlier call may have done it.
            KeyExpired: The request is older than keys are remembered.
            LeaseLost: Somebody else took over while the effect ran.
            ResultNotStorable: Done, but the result has no JSON form.
            StoreUnavailable: Nothing was run.
            ConfigurationError: *scope*, *operation* or *payload* is wrong.
            BaseException: What the effect raised. Before
                `Context.point_of_no_return`, and always if it is `NotExecuted`,
                the key is given back; after it the outcome is unknown.
        """
        plan = self._plan(operation, codec, windows, store_exceptions)
        wanted = None if payload is UNSAID else fingerprint(payload)
        call = self.make_call(key, wanted, scope, plan, effect, self.port())
        value: T = run_call(call)
        return value

    async def aexecute(
        self,
        key: str | RequestKey | None,
        effect: Callable[[Context], Awaitable[T]],
        *,
        scope: str,
        operation: str,
        payload: object = UNSAID,
        codec: Codec[T] | None = None,
        windows: Windows | None = None,
        store_exceptions: tuple[type[Exception], ...] = (),
    ) -> T:
        """Do `execute` on asyncio or trio.

        A caller cancelled while it waits leaves nothing behind. Cancelled
        while its effect runs, the release rule decides, as for any error. An
        effect whose lease is lost is cancelled.
        """
        plan = self._plan(operation, codec, windows, store_exceptions)
        wanted = None if payload is UNSAID else fingerprint(payload)
        call = self.make_call(key, wanted, scope, plan, effect, self.aport())
        value: T = await arun_call(call)
        return value

    # -------------------------------------------------------------- operating

    def inspect(
        self,
        key: str | RequestKey | Record,
        *,
        scope: str | None = None,
        operation: str | None = None,
    ) -> Record | None:
        """Return what is stored under *key*; None if nothing is."""
        where = self._found(key, scope, operation)
        return self.require_blocking().inspect(where)

    async def ainspect(
        self,
        key: str | RequestKey | Record,
        *,
        scope: str | None = None,
        operation: str | None = None,
    ) -> Record | None:
        """Do `inspect` on an event loop."""
        where = self._found(key, scope, operation)
        return await self.require_awaiting().inspect(where)

    def evict(
        self,
        key: str | RequestKey | Record,
        *,
        scope: str | None = None,
        operation: str | None = None,
    ) -> bool:
        """Forget *key* in any state, so that it runs again; True if it was known."""
        where = self._found(key, scope, operation)
        return self.require_blocking().evict(where)

    async def aevict(
        self,
        key: str | RequestKey | Record,
        *,
        scope: str | None = None,
        operation: str | None = None,
    ) -> bool:
        """Do `evict` on an event loop."""
        where = self._found(key, scope, operation)
        return await self.require_awaiting().evict(where)

    def unresolved(self, limit: int = 100) -> list[Record]:
        """Return up to *limit* records whose outcome is unknown, oldest first."""
        return self.require_blocking().unresolved(limit)

    async def aunresolved(self, limit: int = 100) -> list[Record]:
        """Do `unresolved` on an event loop."""
        return await self.require_awaiting().unresolved(limit)

    def resolve(
        self,
        key: str | RequestKey | Record,
        verdict: Committed[T] | NotCommitted,
        *,
        scope: str | None = None,
        operation: str | None = None,
        codec: Codec[T] | None = None,
        windows: Windows | None = None,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Settle an unknown outcome after somebody has looked.

        Args:
            key: The key, with scope and operation; or a record from `unresolved`.
            verdict: ``Committed(value)``: the value is replayed from now on;
                ``NotCommitted()``: the key may run again.
            scope: As in `execute`.
            operation: As in `execute`.
            codec: Of the value; as in `execute`.
            windows: As in `execute`.
            by: Who decided; kept where the engine outlives the process.
            reason: What was seen.

        Returns:
            False if the outcome is not unknown.

        Raises:
            ConfigurationError: No verdict, or *by* or *reason* is no text.
        """
        checked_words(by, reason)
        where = self._found(key, scope, operation)
        outcome = _outcome_of(verdict, codec)
        kept = windows or self._setup.policy.windows
        store = self.require_blocking()
        return store.resolve(where, outcome, kept, by=by, reason=reason)

    async def aresolve(
        self,
        key: str | RequestKey | Record,
        verdict: Committed[T] | NotCommitted,
        *,
        scope: str | None = None,
        operation: str | None = None,
        codec: Codec[T] | None = None,
        windows: Windows | None = None,
        by: str = "",
        reason: str = "",
    ) -> bool:
        """Do `resolve` on an event loop."""
        checked_words(by, reason)
        where = self._found(key, scope, operation)
        outcome = _outcome_of(verdict, codec)
        kept = windows or self._setup.policy.windows
        store = self.require_awaiting()
        return await store.resolve(where, outcome, kept, by=by, reason=reason)

    def sweep(self, limit: int = 1000) -> int:
        """Delete up to *limit* forgotten records; return how many.

        Housekeeping: it changes the answer of no later call.
        """
        return self._swept(self.require_blocking().sweep(limit))

    async def asweep(self, limit: int = 1000) -> int:
        """Do `sweep` on an event loop."""
        return self._swept(await self.require_awaiting().sweep(limit))

    def _swept(self, records: int) -> int:
        if self._setup.hooks:
            self._setup.hooks.emit(Swept(self._setup.engine, records=records))
        return records


def run_call(call: Call) -> Any:
    """Take *call* through its flow on this thread; return or raise its answer."""
    return settle(call, run(lambda: guarded(call), do))


async def arun_call(call: Call) -> Any:
    """Take *call* through its flow on the running loop."""
    return settle(call, await arun(lambda: guarded(call), ado, hand_on))


def _outcome_of(
    verdict: Committed[Any] | NotCommitted, codec: Codec[Any] | None
) -> StoredOutcome | None:
    if isinstance(verdict, NotCommitted):
        return None
    if isinstance(verdict, Committed):
        chosen = checked_codec("resolve()", codec)
        if chosen is None:
            chosen = JsonCodec()
        return StoredOutcome("value", chosen.encode(verdict.value))
    raise ConfigurationError(
        f"resolve() takes Committed(value) or NotCommitted(), not {verdict!r}."
    )
