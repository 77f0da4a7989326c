"""What nobody knows: listing it, asking the provider again, settling it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from syncpatterns._flow import Effect, Flow, arun, run
from syncpatterns.errors import ConfigurationError, OutcomeUnknown
from syncpatterns.events import Resolved
from syncpatterns.idempotency import _core
from syncpatterns.idempotency._core import ClaimRequest, Owned, Record, StoredOutcome
from syncpatterns.idempotency._lease import Lease
from syncpatterns.idempotency._verdicts import (
    Committed,
    NotCommitted,
    Undecided,
    Verdict,
    checked_words,
)
from syncpatterns.operation._effect import Done, run_effect
from syncpatterns.operation._fenced._call import (
    COMMAND,
    RECEIPT,
    FencedCall,
    kept_receipt,
    noted,
)
from syncpatterns.operation._fenced._sending import Sending, lookup_failed
from syncpatterns.operation._fenced._separate import Detached, Work
from syncpatterns.operation._ports import EngineTransaction

if TYPE_CHECKING:
    from syncpatterns.operation._fenced._mode import FencedMode

C = TypeVar("C")
T = TypeVar("T")

_FOREVER = 1e9  # seconds; nobody holds the lease of a record that is looked at


@dataclass(frozen=True, slots=True)
class Unsettled(Generic[C]):
    """A call of which nobody knows whether it was done.

    Args:
        key: Storage key, 64 hex digits; what `Operation.resolve` takes.
        operation: Declared name.
        since: When the key was claimed, seconds since the epoch.
        attempts: How often it was executed.
        command: What was to be done; not shown by `repr`. None if this release
            cannot read it.
        has_receipt: It was done, and its receipt is kept; only the rows are
            missing.
    """

    key: str
    operation: str
    since: float
    attempts: int
    command: C | None = field(repr=False)
    has_receipt: bool

    @property
    def key_hash(self) -> str:
        """First 8 hex digits of the storage key; safe to log."""
        return self.key[:8]


class Ask(Effect[Any]):
    """Call *method* of the store."""

    __slots__ = ("args", "method", "more")

    shield = True

    def __init__(self, method: str, *args: Any, **more: Any) -> None:
        self.method = method
        self.args = args
        self.more = more


class Change(Effect[bool]):
    """Settle the record and write the rows in one transaction."""

    __slots__ = ("work",)

    shield = True

    def __init__(self, work: Callable[[EngineTransaction], bool]) -> None:
        self.work = work


class Look(Effect[Any]):
    """Ask the provider."""

    __slots__ = ("sending",)

    def __init__(self, sending: Sending) -> None:
        self.sending = sending


Steps: TypeAlias = Flow[Ask | Change | Look | Work, T]


class Settling:
    """The unsettled calls of one fenced operation."""

    def __init__(self, mode: FencedMode) -> None:
        self._mode = mode

    def run(self, flow: Callable[[], Steps[T]]) -> T:
        """Drive *flow* on this thread."""
        return run(flow, self._do)

    async def arun(self, flow: Callable[[], Steps[T]]) -> T:
        """Drive *flow* on the running event loop."""
        return await arun(flow, self._ado)

    def _do(self, step: Ask | Change | Look | Work) -> Any:
        if isinstance(step, Ask):
            store = self._mode.guard.require_blocking()
            return getattr(store, step.method)(*step.args, **step.more)
        if isinstance(step, Look):
            return step.sending.look()
        if isinstance(step, Work):
            return step.do()
        return self._mode.engine.transact(step.work)

    async def _ado(self, step: Ask | Change | Look | Work) -> Any:
        if isinstance(step, Ask):
            store = self._mode.guard.require_awaiting()
            return await getattr(store, step.method)(*step.args, **step.more)
        if isinstance(step, Look):
            return await step.sending.alook()
        if isinstance(step, Work):
            return await step.ado()
        return await self._mode.engine.atransact(step.work)

    def receipt(self, body: bytes) -> Any:
        """Return the receipt in *body*, as ``commit=`` takes it."""
        return self._mode.receipt_codec.decode(body)

    def kept(self, record: Record) -> tuple[bool, Any]:
        """Return whether *record* holds a receipt, and the receipt."""
        return kept_receipt(record.notes, self._mode.receipt_codec)

    # ------------------------------------------------------------------ flows

    def unresolved(self, limit: int) -> Steps[list[Unsettled[Any]]]:
        """List them, oldest first."""
        if type(limit) is not int:
            raise ConfigurationError(
                f"{self._mode.name}: limit= is a whole number of calls, not {limit!r}."
            )
        found: list[Record] = yield from Ask("unresolved", _MANY)
        found += yield from Ask("lapsed", _MANY)
        ours = [record for record in found if record.operation == self._mode.name]
        ours.sort(key=lambda record: record.created)
        return [self._unsettled(record) for record in ours[: max(0, limit)]]

    def resolve(
        self, key: str, verdict: Verdict[Any], by: str, reason: str
    ) -> Steps[bool]:
        """Settle *key*; False if it is not unknown."""
        checked_words(by, reason)
        if isinstance(verdict, NotCommitted):
            settled = yield from self._free(key, by, reason)
        elif isinstance(verdict, Committed):
            settled = yield from self._commit(key, verdict.value, by, reason)
        else:
            raise ConfigurationError(
                f"resolve() takes Committed(receipt) or NotCommitted(), not "
                f"{verdict!r}."
            )
        if settled:
            happened = isinstance(verdict, Committed)
            fact = (self._mode.name, key[:8], self._mode.setup.engine)
            self._mode.setup.hooks.emit(Resolved(*fact, happened=happened, by=by))
        return settled

    def recheck(self, key: str, by: str) -> Steps[Verdict[Any]]:
        """Look again, and settle *key* if it can be told."""
        checked_words(by, "")
        record = yield from self._load(key)
        if record is None:
            return Undecided()
        found, receipt = self.kept(record)
        if not found:
            if self._mode.provider.lookup is None:
                raise ConfigurationError(
                    f"{self._where(key)}: the operation has no lookup= that could be "
                    "asked. Look at the provider yourself, then resolve()."
                )
            try:
                receipt = yield from Look(self._sending(record))
            except Exception as error:  # noqa: BLE001 - who cannot be asked says nothing
                lookup_failed(self._where(key), error)
                return Undecided()
        verdict: Committed[Any] | NotCommitted = (
            Committed(receipt) if found or receipt is not None else NotCommitted()
        )
        settled = yield from self.resolve(key, verdict, by, "asked the provider")
        return verdict if settled else Undecided()

    def _free(self, key: str, by: str, reason: str) -> Steps[bool]:
        # The store knows keys and no owners. Worked failure: the list of what is
        # unknown goes to the wrong one of two operations; the key would be given
        # back, and the message that did arrive sent again.
        record: Record | None = yield from Ask("inspect", key)
        if record is None or record.operation != self._mode.name:
            return False
        settled: bool = yield from Ask(
            "resolve", key, None, self._mode.windows, by=by, reason=reason
        )
        return settled

    def _commit(self, key: str, receipt: Any, by: str, reason: str) -> Steps[bool]:
        mode = self._mode
        effect = mode.effect(receipt)
        if hasattr(mode.engine, "transact"):

            def work(tx: EngineTransaction) -> bool:
                record = tx.load_record(key)
                if self._settled(record, StoredOutcome("value"), tx.clock) is None:
                    return False
                tx.begin_effect(key[:8])
                command = self._command(record)
                outcome = run_effect(tx, effect, command, mode.name, key).outcome
                settled = self._settled(record, outcome, tx.clock)
                if settled is None:
                    return False
                tx.save_resolved(settled, happened=True, by=by, reason=reason)
                return True

            changed: bool = yield from Change(work)
            return changed
        record = yield from self._load(key)
        if record is None:
            return False
        call, command = self._call(record), self._command(record)
        done: Done = yield from Work(
            lambda: run_effect(Detached(call), effect, command, mode.name, key)
        )
        settled: bool = yield from Ask(
            "resolve", key, done.outcome, mode.windows, by=by, reason=reason
        )
        return settled

    def _load(self, key: str) -> Steps[Record | None]:
        """Return the record if it is one of ours and unknown."""
        record: Record | None = yield from Ask("inspect", key)
        if record is None or record.operation != self._mode.name:
            return None
        if record.state is _core.State.UNKNOWN:
            return record
        # Only the store knows its time, and so whether a lease is over.
        lapsed: list[Record] = yield from Ask("lapsed", _MANY)
        return record if record in lapsed else None

    # ---------------------------------------------------------------- records

    def _settled(
        self, record: Record | None, outcome: StoredOutcome, now: float
    ) -> Record | None:
        if record is None or record.operation != self._mode.name:
            return None
        return _core.resolve(record, outcome, self._mode.windows, now)

    def _command(self, record: Record | None) -> Any:
        notes = () if record is None else record.notes
        try:
            found, command = noted(notes, COMMAND, self._mode.command_codec)
        except Exception as error:  # noqa: BLE001 - a codec may raise anything
            # A validation error would show the stored values, whatever they are.
            raise _unreadable(self._mode.name, type(error).__name__) from None
        if not found:
            raise _unreadable(self._mode.name, "there is none")
        return command

    def _unsettled(self, record: Record) -> Unsettled[Any]:
        command: Any = None
        with suppress(OutcomeUnknown):  # one that cannot be read hides no other
            command = self._command(record)
        return Unsettled(
            record.key,
            record.operation,
            record.created,
            record.attempts,
            command,
            any(name == RECEIPT for name, _ in record.notes),
        )

    def _sending(self, record: Record) -> Sending:
        call = self._call(record)
        mode = self._mode
        clock = mode.setup.clock
        lease = Lease(
            record.key, record.token, _FOREVER, mode.windows, clock.monotonic()
        )
        owned = Owned(record.token, record.attempts, abandoned=True, notes=record.notes)
        return Sending(mode.provider, call.command, call.context(owned, lease))

    def _call(self, record: Record) -> FencedCall:
        request = ClaimRequest(
            record.key, record.operation, record.fingerprint, record.nonce
        )
        port = (None, self._mode.guard.port()[1], True)
        return self._mode.make_call(
            self._command(record), request._replace(windows=self._mode.windows), port
        )

    def _where(self, key: str) -> str:
        return f"{self._mode.name} [{key[:8]}] on {self._mode.setup.engine}"


def _unreadable(name: str, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{name}: the command kept with the claim cannot be read ({why}), so its rows "
        "cannot be written. Run the release that made the claim, or write the rows by "
        "hand and settle the record alone."
    )


#: Records looked through at once; unsettled ones are few.
_MANY = 100_000
