"""`Operation`: a critical action, declared once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, overload

from syncpatterns import _testpoints
from syncpatterns._http import RequestKey
from syncpatterns._nonce import nonce
from syncpatterns._transaction import Transaction
from syncpatterns.codec import Codec
from syncpatterns.errors import (
    ConfigurationError,
    EngineBusy,
    InProgress,
    KeyExpired,
    KeyReused,
    OutcomeGone,
    OutcomeUnknown,
    RefusalGone,
    SyncPatternsError,
)
from syncpatterns.events import (
    Busy,
    Executed,
    Gone,
    Hook,
    Hooks,
    Mismatched,
    Refused,
    Replayed,
    Unknown,
)
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import ClaimAnswer, ClaimRequest, Windows
from syncpatterns.idempotency._fingerprint import fingerprint as fingerprint_of
from syncpatterns.idempotency._scope import checked_scope
from syncpatterns.operation import _single, _wiring
from syncpatterns.operation._answer import Answer, Result, checked_status
from syncpatterns.operation._ports import TransactionalEngine
from syncpatterns.operation._refusals import Refusals
from syncpatterns.retry import Retry, full_jitter

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")


class Operation(Generic[C, R]):
    """A critical action that happens once per key, whatever the caller does.

    One transaction holds the claim on the key, the effect, the events it
    publishes and the serialised answer: after any crash all of it is there or
    nothing is. Calls with the same key and command get the first answer; with
    another command they are refused.

    ::

        confirm = Operation("bookings.confirm", engine, effect=confirm_booking)
        answer = confirm.call(command, key=key, scope=tenant)

    Idea: key row and effect in one commit, from idempotence4j; results in the
    user's transaction, from DBOS.

    Args:
        name: Stable name; part of the stored key, of errors and of metrics.
        engine: Where rows and records share a commit, from `connect`.
        effect: ``effect(tx, command)``, a plain function. Called 0, 1 or
            several times; what it wrote before the last time is undone. It
            does no I/O but through *tx*. Its return annotation chooses how
            the result is stored.
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
        retry: What is tried again around the whole transaction; None: nothing.
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
        refusals: tuple[type[Exception], ...] = ...,
        key: Callable[[C], object] | None = ...,
        windows: Windows = ...,
        status: int = ...,
        codec: Codec[R] | None = ...,
        namespace: str = ...,
        retry: Retry | None = ...,
        hooks: Iterable[Hook] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        engine: TransactionalEngine,
        *,
        effect: Callable[[Transaction, C], R],
        refusals: tuple[type[Exception], ...] = ...,
        key: Callable[[C], object] | None = ...,
        windows: Windows = ...,
        status: int = ...,
        codec: Codec[R] | None = ...,
        namespace: str = ...,
        retry: Retry | None = ...,
        hooks: Iterable[Hook] = ...,
    ) -> None: ...

    def __init__(  # noqa: PLR0913 - one declaration, each keyword-only
        self,
        name: str,
        engine: object,
        *,
        effect: Callable[[Transaction, C], Any],
        refusals: tuple[type[Exception], ...] = (),
        key: Callable[[C], object] | None = None,
        windows: Windows | None = None,
        status: int = 200,
        codec: Codec[Any] | None = None,
        namespace: str = "",
        retry: Retry | object | None = ...,
        hooks: Iterable[Hook] = (),
    ) -> None:
        self.name = _wiring.checked_name(name)
        self._engine = _wiring.checked_engine(name, engine)
        run = _wiring.checked_effect(name, effect)
        self._effect = _single.Effect(
            run=run,
            codec=_wiring.result_codec(name, run) if codec is None else codec,
            refusals=Refusals(refusals),
            status=checked_status(name, status),
        )
        self._derive = _wiring.checked_derivation(name, key)
        self._windows = _wiring.checked_windows(
            name, Windows() if windows is None else windows
        )
        self._namespace = _wiring.checked_namespace(name, namespace)
        hooks = _wiring.checked_hooks(name, hooks)
        self._hooks = Hooks(hooks)
        if retry is ...:
            # The engine has waited busy_timeout for each try already.
            retry = Retry(
                on=(EngineBusy, OutcomeUnknown),
                attempts=3,
                wait=full_jitter(0.05, 0.5),
                hooks=hooks,
                name=name,
            )
        self._retry = _wiring.checked_retry(name, retry)

    def __repr__(self) -> str:
        return (
            f"Operation({self.name!r}, engine={self._engine.name!r}, mode='single', "
            f"guarantee={self.guarantee!r})"
        )

    @property
    def guarantee(self) -> str:
        """``exactly_once``: effect and record share one commit."""
        return "exactly_once"

    def call(
        self, command: C, *, key: str | RequestKey | None, scope: str
    ) -> Answer[R]:
        """Do it once for *key*, or return what the first call returned.

        Args:
            command: What to do; a pydantic model, dataclass or JSON value.
            key: The caller's idempotency key, or what an adapter made of an
                HTTP request; None only where the operation derives it.
            scope: Whose key it is, such as the tenant.

        Raises:
            KeyMissing: No key, and none can be derived.
            KeyInvalid: The key is empty or too long.
            KeyReused: The key was used for another command.
            OutcomeGone: Done, but the answer is no longer kept.
            OutcomeUnknown: The commit's answer was lost for every try.
            KeyExpired: The request is older than keys are remembered.
            StoreUnavailable: Nothing was done; the same key may be tried again.
            Exception: A declared refusal, or what the effect raised.
        """
        request = self._request(command, key, scope)

        def once() -> _single.Done | ClaimAnswer:
            return self._engine.transact(
                lambda tx: _single.attempt(tx, self._effect, command, request),
                undoable=bool(self._effect.refusals.classes),
            )

        settled = once() if self._retry is None else self._retry.call(once)
        return self._answer(settled, request)

    async def acall(
        self, command: C, *, key: str | RequestKey | None, scope: str
    ) -> Answer[R]:
        """Do `call` from asyncio or trio; the effect runs on the engine's thread.

        Cancelled before the effect began, nothing happens; cancelled later,
        the commit goes on and the next call with the key gets its answer.
        """
        request = self._request(command, key, scope)

        async def once() -> _single.Done | ClaimAnswer:
            return await self._engine.atransact(
                lambda tx: _single.attempt(tx, self._effect, command, request),
                undoable=bool(self._effect.refusals.classes),
            )

        settled = await once() if self._retry is None else await self._retry.acall(once)
        return self._answer(settled, request)

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

    # ---------------------------------------------------------------- inside

    def _request(
        self, command: C, key: str | RequestKey | None, scope: str
    ) -> ClaimRequest:
        windows = self._windows
        age = 0.0
        fingerprint: bytes | None = None
        text: object = key
        if isinstance(key, RequestKey):
            text, fingerprint, age = key.key, key.fingerprint, key.age
        elif key is None and self._derive is not None:
            text = self._derive(command)
            # Nobody chose this key: after the window the same command is new.
            windows = Windows(replay=windows.replay, dedupe=windows.replay)
        scope = checked_scope(self.name, scope)
        text = _wiring.key_text(self.name, text)
        if fingerprint is None:
            fingerprint = fingerprint_of(command)
        return ClaimRequest(
            key=_core.storage_key(self._namespace, scope, self.name, text),
            operation=self.name,
            fingerprint=fingerprint,
            nonce=nonce(),
            lease=0.0,
            windows=windows,
            on_abandoned="quarantine",
            age=age,
        )

    def _answer(
        self, settled: _single.Done | ClaimAnswer, request: ClaimRequest
    ) -> Answer[R]:
        _testpoints.hit("single.after_commit")
        fact = (self.name, request.key[:8], self._engine.name)
        if isinstance(settled, _single.Done):
            refused = settled.outcome.kind == "refusal"
            self._hooks.emit(Refused(*fact) if refused else Executed(*fact))
            return self._render(
                settled.outcome, settled.value, request, expires_in=None
            )
        if isinstance(settled, _core.Replay):
            self._hooks.emit(Replayed(*fact))
            outcome = settled.outcome
            value = self._stored_value(outcome, request)
            return self._render(outcome, value, request, expires_in=settled.expires_in)
        raise self._refusal(settled, request)

    def _stored_value(self, outcome: _core.StoredOutcome, request: ClaimRequest) -> Any:
        if outcome.kind == "refusal":
            return None
        return self._readable(self._effect.codec.decode, outcome, request)

    def _readable(
        self,
        decode: Callable[[bytes], T],
        outcome: _core.StoredOutcome,
        request: ClaimRequest,
    ) -> T:
        try:
            return decode(outcome.body)
        except Exception as error:  # noqa: BLE001 - a codec or constructor may raise anything
            # A validation error would show the stored values, whatever they are.
            raise OutcomeGone(
                f"{self._where(request)}: this was done before, and its stored answer "
                f"cannot be read by this release ({type(error).__name__}). Do not "
                "repeat it; fetch the current state."
            ) from None

    def _render(
        self,
        outcome: _core.StoredOutcome,
        value: Any,
        request: ClaimRequest,
        *,
        expires_in: float | None,
    ) -> Answer[R]:
        replayed = expires_in is not None
        if outcome.kind == "refusal":
            error = self._readable(self._effect.refusals.decode, outcome, request)
            error.replayed = replayed  # type: ignore[attr-defined]  # any exception class may be declared
            raise error
        return Answer(
            value=value,
            replayed=replayed,
            status=outcome.status,
            headers=outcome.headers,
            body=outcome.body,
            expires_in=request.windows.replay if expires_in is None else expires_in,
        )

    def _where(self, request: ClaimRequest) -> str:
        return f"{self.name} [{request.key[:8]}] on {self._engine.name}"

    def _refusal(self, answer: ClaimAnswer, request: ClaimRequest) -> SyncPatternsError:
        where = self._where(request)
        fact = (self.name, request.key[:8], self._engine.name)
        match answer:
            case _core.Mismatch():
                self._hooks.emit(Mismatched(*fact))
                return KeyReused(
                    f"{where}: this key was used before for another request. Use a "
                    "new key for a new action, the same key only for a retry."
                )
            case _core.Gone(outcome):
                self._hooks.emit(Gone(*fact))
                if outcome is not None and outcome.kind == "refusal":
                    return RefusalGone(
                        f"{where}: this was refused before and nothing was done; the "
                        "reason is no longer kept. If it is still wanted, act anew "
                        "under a new key."
                    )
                return OutcomeGone(
                    f"{where}: this was done before, and its answer is no longer "
                    "kept. Do not repeat it; fetch the current state."
                )
            case _core.Expired():
                return KeyExpired(
                    f"{where}: the request is older than keys are remembered "
                    f"({request.windows.dedupe:g} s), so it was not run. Fetch the "
                    "current state, and act anew if it is still wanted."
                )
            case _core.Busy(retry_after):
                self._hooks.emit(Busy(*fact, retry_after=retry_after))
                return InProgress(
                    f"{where}: a call with this key is running. Ask again with the "
                    "same key when Retry-After is over.",
                    retry_after=retry_after,
                )
            case _core.Unresolved():
                self._hooks.emit(Unknown(*fact))
                return OutcomeUnknown(
                    f"{where}: an earlier call under this key was never settled. It "
                    "may have happened: look, then settle it with "
                    "Idempotency(engine, namespace=...).resolve()."
                )
            case _:
                raise ConfigurationError(f"{where}: unexpected answer {answer!r}")
